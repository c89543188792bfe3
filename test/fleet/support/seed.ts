/**
 * Begins sessions without a browser, as a node of the fleet would: with its configuration, in its store, under its keys.
 * For tests with more people than can sign in one by one.
 */

import { systemClock, systemRandom } from '../../../src/core/clock.ts';
import { formatProblems, parseConfig } from '../../../src/index.ts';
import type { SignedIn } from '../../../src/oidc/provider.ts';
import { createIdentityParts } from '../../../src/runtime/identity.ts';
import { createHead } from '../../support/heads.ts';
import type { Fleet } from './fleet.ts';

export interface Seed {
  /** The cookie of a new session, as `name=value`; all of its pieces when it lives in cookies. */
  begin(signedIn: SignedIn): Promise<string>;
  /** Cookies of new sessions, in order, a few at a time. */
  beginAll(people: readonly SignedIn[]): Promise<string[]>;
  close(): Promise<void>;
}

/** So many are begun at once: enough for a store on the network, few enough to wait for none of them too long. */
const atOnce = 50;

/** `config` is laid over what the nodes were given: keys, when each node has files of its own. */
export async function openSeed(
  fleet: Pick<Fleet, 'config' | 'publicUrl'>,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Seed> {
  const loaded = parseConfig({ ...fleet.config, ...config });
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems));
  const parts = createIdentityParts(loaded.config, {
    publicUrl: new URL(fleet.publicUrl),
    clock: systemClock,
    random: systemRandom,
    emit: () => {},
  });
  await parts.store.ready();

  const begin = async (signedIn: SignedIn): Promise<string> => {
    const { setCookies } = await parts.sessions.begin(createHead(), 'main', signedIn);
    return setCookies.map((setCookie) => setCookie.split(';', 1)[0]).join('; ');
  };

  return {
    begin,
    async beginAll(people) {
      const cookies: string[] = [];
      for (let first = 0; first < people.length; first += atOnce) {
        cookies.push(...(await Promise.all(people.slice(first, first + atOnce).map(begin))));
      }
      return cookies;
    },
    async close() {
      await parts.sessions.close();
      parts.sweeper.stop();
      parts.rings.close();
      for (const provider of parts.providers.values()) await provider.close();
      await parts.store.close();
    },
  };
}
