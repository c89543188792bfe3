/** The key ring that the gate makes for itself when none is configured. From then on it is a key file like every other. */
import type { RandomBytes } from '../core/clock.ts';
import { Secret } from '../core/secret.ts';
import { keyLength } from './create-key-ring.ts';
import { loadGeneratedFile } from './generated-file.ts';
import type { KeySource } from './key-config.ts';
import { parseKeys } from './parse-keys.ts';

export interface GeneratedKey {
  readonly source: KeySource;
  /** Something an operator should hear about the file, or null. */
  readonly warning: string | null;
}

/** A key as a key file holds it: in base64. */
export function generateKey(random: RandomBytes): string {
  return random(keyLength).toString('base64');
}

/** As `loadGeneratedFile`. */
export function loadGeneratedKey(path: string, { random }: { readonly random: RandomBytes }): GeneratedKey {
  const content = {
    parse: (text: string) => {
      const parsed = parseKeys(text);
      return parsed.ok ? { ok: true as const, value: { file: path, text: new Secret(text) } } : parsed;
    },
    make: () => `${generateKey(random)}\n`,
    otherwise: 'restore it from a backup',
    repair: 'Restore it from a backup, or delete it to get a new key, which signs everybody out',
    option: 'session.keys',
  };
  const { value, warning } = loadGeneratedFile(path, content, random);
  return { source: value, warning };
}
