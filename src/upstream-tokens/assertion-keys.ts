/** The keys that sign assertions: those of the configuration, or one that is made in the data folder. */
import { join } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { loadGeneratedSigningKey } from '../keys/generated-signing-key.ts';
import { type PublicSigningJwk, parseSigningKey, type SigningKey } from '../keys/signing-key.ts';
import type { AssertionsConfig } from './assertion-config.ts';

/** The first signs, all are published. */
export type AssertionKeys = readonly [SigningKey, ...SigningKey[]];

/** A JWK set (RFC 7517 section 5) of public keys. */
export interface AssertionKeySet {
  readonly keys: readonly PublicSigningJwk[];
}

export interface AssertionKeysDeps {
  /** Where `assertions.key` is made when nothing is configured. */
  readonly dataDir: string;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

/** Where the key file is when none is configured. */
export function generatedAssertionKeyFile(dataDir: string): string {
  return join(dataDir, 'assertions.key');
}

/** Throws `ERR_KEYS_UNAVAILABLE` when nothing is configured and no key can be made. */
export function loadAssertionKeys(
  config: Pick<AssertionsConfig, 'keys'>,
  deps: AssertionKeysDeps,
): AssertionKeys {
  const [first, ...others] = config.keys.map((text) => parsed(text.reveal()));
  if (first !== undefined) return [first, ...others];
  const { key, warning } = loadGeneratedSigningKey(generatedAssertionKeyFile(deps.dataDir), deps);
  if (warning !== null) deps.emit('config.warned', { message: warning });
  return [key];
}

/** What applications check assertions with. A key that is named twice is published once. */
export function publicKeySet(keys: AssertionKeys): AssertionKeySet {
  const byId = new Map(keys.map(({ kid, publicJwk }) => [kid, publicJwk]));
  return { keys: [...byId.values()] };
}

function parsed(text: string): SigningKey {
  const read = parseSigningKey(text);
  if (!read.ok) throw new Error('a key that was not validated');
  return read.key;
}
