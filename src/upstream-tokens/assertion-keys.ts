/** The keys that sign assertions: those of the configuration, or one that is made in the data folder. */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { loadGeneratedFile } from '../keys/generated-file.ts';
import type { SigningKey } from '../oidc/signing-key.ts';
import type { AssertionsConfig } from './assertion-config.ts';
import { parseAssertionKey } from './assertion-key.ts';

/** The first signs, all are published. */
export type AssertionKeys = readonly [SigningKey, ...SigningKey[]];

/** A JWK set (RFC 7517 section 5) of public keys: never with the member `d`. */
export interface AssertionKeySet {
  readonly keys: readonly Readonly<Record<string, string>>[];
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
  const { value, warning } = loadGeneratedFile(generatedAssertionKeyFile(deps.dataDir), content, deps.random);
  if (warning !== null) deps.emit('config.warned', { message: warning });
  return [value];
}

/**
 * What applications check assertions with. A key that is named twice is published once. Each is known by its thumbprint
 * (RFC 7638) whatever its JWK says: two that are both called `1` could not be told apart.
 */
export function publicKeySet(keys: AssertionKeys): AssertionKeySet {
  const byId = new Map(keys.map(({ thumbprint: kid, publicJwk }) => [kid, { ...publicJwk, kid, ...usage }]));
  return { keys: [...byId.values()] };
}

const usage = { use: 'sig', alg: 'ES256' };

const content = {
  parse: parseAssertionKey,
  make: () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }) as string,
  otherwise: 'delete it',
  repair: 'Deleted, it is made anew at the next start',
  option: 'assertions.keys',
};

function parsed(text: string): SigningKey {
  const read = parseAssertionKey(text);
  if (!read.ok) throw new Error('a key that was not validated');
  return read.value;
}
