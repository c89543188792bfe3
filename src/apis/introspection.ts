/** Asks issuers about tokens that say nothing themselves (RFC 7662), a bounded number at a time. */
import type { Clock } from '../core/clock.ts';
import { subscriberNetwork } from '../core/subscriber-network.ts';
import { Refusal } from '../oidc/refusal.ts';
import type { JsonObject } from '../oidc/strict-json.ts';
import type { TokenIssuer } from '../oidc/token-issuer.ts';
import { createFairLine } from './fair-line.ts';

export interface Introspected {
  readonly answer: JsonObject;
  readonly issuer: TokenIssuer;
}

/**
 * Asks those of `issuers` that can be asked, in turn, until one knows the token as active. Fails with a `Refusal`
 * (`inactive`, `opaque` when nobody can be asked, or what was wrong with an answer), or with `ERR_PROVIDER_*` when one of
 * them could not tell. `client` is an address: those of one subscriber wait in one line.
 */
export type Introspect = (
  token: string,
  issuers: readonly TokenIssuer[],
  client: string,
) => Promise<Introspected>;

/** Fewer than an issuer takes at a time (`maxConcurrentCalls`), so that a flood of tokens does not keep people from signing in. */
const limits = { concurrent: 16, waitingOfOne: 128, waiting: 1000, patience: 5_000 };

export function createIntrospection(clock: Pick<Clock, 'monotonic'>): Introspect {
  const line = createFairLine(limits, clock);
  return (token, issuers, client) => {
    const able = issuers.filter(({ canIntrospect }) => canIntrospect);
    if (able.length === 0) return Promise.reject(new Refusal('opaque'));
    return line.run(subscriberNetwork(client), () => ask(token, able));
  };
}

async function ask(token: string, issuers: readonly TokenIssuer[]): Promise<Introspected> {
  const failures: unknown[] = [];
  let refusal = new Refusal('inactive');
  for (const issuer of issuers) {
    try {
      const answer = await issuer.introspect(token);
      if (answer !== null) return { answer, issuer };
    } catch (error) {
      // An answer that must not be believed counts as none, and says nothing of the token: another issuer may know it.
      if (error instanceof Refusal) refusal = error;
      else failures.push(error);
    }
  }
  // Nobody said that it is active, but somebody could not be asked: that is not the same as being refused (RS-042).
  if (failures.length > 0) throw failures[0];
  throw refusal;
}
