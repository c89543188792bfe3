/** A token issuer of ours that believes in the hostile provider, and the rules of a plain API. */
import { type Clock, systemClock, systemRandom } from '../../src/core/clock.ts';
import { createEmit, type EventName } from '../../src/core/events.ts';
import { createTokenIssuer } from '../../src/oidc/create-token-issuer.ts';
import { Refusal } from '../../src/oidc/refusal.ts';
import type { SignedTokenRules } from '../../src/oidc/signed-token.ts';
import type { TokenIssuer } from '../../src/oidc/token-issuer.ts';
import { tokenIssuerSchema } from '../../src/oidc/token-issuer-config.ts';

export const accessTokenRules: SignedTokenRules = {
  name: 'access-token',
  algorithms: ['RS256', 'PS256', 'ES256', 'ES512', 'EdDSA'],
  types: ['at+jwt'],
  typeRequired: true,
};

export interface TestIssuer {
  readonly issuer: TokenIssuer;
  readonly events: readonly (readonly [EventName, Readonly<Record<string, unknown>>])[];
}

export function makeTokenIssuer(
  config: Readonly<Record<string, unknown>> & { readonly issuer: string },
  clock: Clock = systemClock,
): TestIssuer {
  const events: [EventName, Record<string, unknown>][] = [];
  const emit = createEmit([(name, event) => events.push([name, event as Record<string, unknown>])]);
  const parsed = tokenIssuerSchema.parse(config);
  return { issuer: createTokenIssuer('evil', parsed, { emit, clock, random: systemRandom }), events };
}

/** `ok`, or why not: the word of a refusal, or the code of an error. */
export async function verdictOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}
