/** The schema of `session.keys`: two rings, each from entries that hold keys or name a file that does. */
import { z } from 'zod';
import type { ScalarKind } from '../core/scalars.ts';
import { Secret } from '../core/secret.ts';
import { faultOfRing, mostKeys, parseKeys } from './parse-keys.ts';
import { readSecretFile } from './read-secret-file.ts';

/** One entry of a ring. */
export interface KeySource {
  /** The file that is watched; null for text, which stays what it is. */
  readonly file: string | null;
  /** What was written, or what the file held when the configuration was read. */
  readonly text: Secret;
}

interface Written {
  readonly file: string | null;
  readonly text: string;
}

export type RingKeysRead =
  | { readonly ok: true; readonly keys: readonly Buffer[] }
  | {
      readonly ok: false;
      /** What is wrong, where, and what to write instead; nothing of what was written. */
      readonly reason: string;
    };

/** The keys of a ring in order: all of every entry, or what is wrong with one. */
export function readRing(entries: readonly Written[]): RingKeysRead {
  const keys: Buffer[] = [];
  for (const entry of entries) {
    const parsed = readEntry(entry);
    if (!parsed.ok) return parsed;
    keys.push(...parsed.keys);
  }
  const fault = faultOfRing(keys);
  return fault === null ? { ok: true, keys } : { ok: false, reason: fault };
}

function readEntry({ file, text }: Written): RingKeysRead {
  const parsed = parseKeys(text);
  return parsed.ok || file === null ? parsed : { ok: false, reason: `the file ${file}: ${parsed.reason}` };
}

/** Unlike other secrets, an entry keeps the name of its file, because the file is looked at again and again. */
const entrySchema = z
  .union([
    z.string().meta({ kind: 'secret' satisfies ScalarKind }),
    z.strictObject({ file: z.string().min(1) }),
  ])
  .transform((entry, context): KeySource => {
    const read = typeof entry === 'string' ? { ok: true as const, text: entry } : readSecretFile(entry.file);
    const file = typeof entry === 'string' ? null : entry.file;
    const keys = read.ok ? readEntry({ file, text: read.text }) : read;
    if (read.ok && keys.ok) return { file, text: new Secret(read.text) };
    context.addIssue({ code: 'custom', message: keys.ok ? '' : keys.reason });
    return z.NEVER;
  })
  .describe('Keys, one or several: literally, `{ env: NAME }` or `{ file: path }`.');

const ringSchema = z
  .array(entrySchema)
  .min(1)
  .max(mostKeys)
  .superRefine((sources, context) => {
    const read = readRing(sources.map(revealed));
    if (!read.ok) context.addIssue({ code: 'custom', message: read.reason });
  });

/** An entry as it was written. */
export function revealed({ file, text }: KeySource): Written {
  return { file, text: text.reveal() };
}

/** Both rings. A list makes both of it: what they seal is told apart by purpose anyway. */
export const keysSchema = z
  .union([
    ringSchema.describe('One ring for both.'),
    z.strictObject({
      cookies: ringSchema.describe('Keys of what browsers hold.'),
      tokens: ringSchema.describe('Keys of what the store holds.'),
    }),
  ])
  .transform((keys) => (Array.isArray(keys) ? { cookies: keys, tokens: keys } : keys));

export type KeysConfig = z.output<typeof keysSchema>;
