/** Answers to an authorization request that the hostile provider has signed (JARM). */
import type { LoginSecrets } from '../../src/oidc/provider.ts';
import { type EvilBehaviour, type EvilProvider, evilSecrets, makeIdToken } from './evil-provider.ts';

/** The JWT of `response`, correct in everything that is not overridden. */
export function makeSignedAnswer(
  { issuer }: Pick<EvilProvider, 'issuer'>,
  { state }: Pick<LoginSecrets, 'state'>,
  behaviour: EvilBehaviour = {},
): string {
  return makeIdToken(issuer, '', {
    ...behaviour,
    header: { typ: undefined, ...behaviour.header },
    claims: {
      nonce: undefined,
      sub: undefined,
      iat: undefined,
      code: evilSecrets.code,
      state,
      ...behaviour.claims,
    },
  });
}
