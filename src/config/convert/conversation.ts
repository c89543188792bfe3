/** What the parts of one conversion share: the settings that they read, and all that they have to say about them. */
import { formatPath, type Path } from '../schema-tree.ts';
import type { ConversionNote, ConverterInput } from './converter.ts';
import { type FlatSettings, readFlatSettings, type Setting } from './flat-settings.ts';

export interface Conversation {
  readonly settings: FlatSettings;
  /** The setting; null when it is not there, which has been reported. */
  need(name: string, why: string): Setting | null;
  /** Says that what is at `path` came from `setting`. */
  from(setting: Setting, path: Path): void;
  note(about: string | null, path: Path, message: string): void;
}

export interface Begun {
  readonly conversation: Conversation;
  readonly notes: readonly ConversionNote[];
  readonly origins: ReadonlyMap<string, string>;
}

/** `names` are those of the settings, in upper case. */
export function beginConversation(names: readonly string[], input: ConverterInput): Begun {
  const settings = readFlatSettings(names, input);
  const notes: ConversionNote[] = [];
  const origins = new Map<string, string>();
  const nowhere = input.file === null ? 'environment' : `environment and ${input.file.name}`;
  const conversation: Conversation = {
    settings,
    need(name, why) {
      const setting = settings.get(name);
      if (setting === null && !settings.isBroken)
        settings.report({ name, where: nowhere }, `is missing: ${why}`);
      return setting;
    },
    from: (setting, path) => void origins.set(formatPath(path), setting.where),
    note: (about, path, message) => void notes.push({ about, path, message }),
  };
  return { conversation, notes, origins };
}
