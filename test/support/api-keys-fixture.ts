/** API keys for tests: real hashes of the least cost that is taken, so that a test takes no longer than it must. */
import { createHash, scryptSync } from 'node:crypto';
import { apiKeysSchema } from '../../src/api-keys/api-key-config.ts';
import type { ApiKeys } from '../../src/api-keys/api-keys.ts';
import { createApiKeys } from '../../src/api-keys/create-api-keys.ts';
import { generateApiKey } from '../../src/api-keys/key-text.ts';
import { systemRandom } from '../../src/core/clock.ts';
import type { Emit, Events } from '../../src/core/events.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

export const makeKey = (name: string): string => generateApiKey(name, systemRandom);

/** Like `hashApiKey`, at the least cost. */
export function cheapHash(key: string): string {
  const salt = systemRandom(16);
  const check = createHash('sha256').update(salt).update(key).digest().subarray(0, 4);
  const hash = scryptSync(key, salt, 32, { N: 2 ** 14, r: 8, p: 1 });
  return `scrypt$16384$8$1$${[salt, check, hash].map((part) => part.toString('base64url')).join('$')}`;
}

/** A text of the form of `key`, with its name, that is not it. */
export const wrongKey = (key: string): string => key.slice(0, -43) + systemRandom(32).toString('base64url');

export interface ApiKeysFixture {
  readonly apiKeys: ApiKeys;
  readonly clock: FakeClock;
  readonly refusals: Events['credential.refused'][];
}

/** `keys` and what else stands in the section, as it is written. */
export function createApiKeysFixture(section: Record<string, unknown>): ApiKeysFixture {
  const clock = createFakeClock();
  const refusals: Events['credential.refused'][] = [];
  const emit: Emit = (name, event) => {
    if (name === 'credential.refused') refusals.push(event as Events['credential.refused']);
  };
  const config = apiKeysSchema.parse(section);
  return { apiKeys: createApiKeys(config, { clock, random: systemRandom, emit }), clock, refusals };
}
