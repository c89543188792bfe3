/** A secret of ooproxy: never copied out of the environment, and never lost when it stands in a file. */
import type { Path } from '../schema-tree.ts';
import type { Conversation } from './conversation.ts';
import { type Setting, textOf } from './flat-settings.ts';

export function secretOf(setting: Setting, path: Path, { settings, from, note }: Conversation): unknown {
  from(setting, path);
  const text = textOf(setting, settings.report);
  if (setting.variable !== null) return { env: setting.variable };
  note(
    setting.name,
    path,
    'In clear, as it was in the file. Better: { env: NAME }, or { file: path } of a file that only the gate reads.',
  );
  return text;
}
