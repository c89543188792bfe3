/** `profile: fapi2` against the hostile provider: the settings of the gate, and a provider that plays along. */
import { type EvilBehaviour, privateJwk, publicJwk } from './evil-provider.ts';

/** `private_key_jwt` and DPoP, with everything else as the profile sets it. */
export const fapiSettings = {
  profile: 'fapi2',
  clientSecret: undefined,
  clientAuthentication: 'private_key_jwt',
  clientKey: JSON.stringify(privateJwk('ec', { kid: 'client-1' })),
  dpopKey: JSON.stringify(privateJwk('ec2')),
} as const;

/** Signs with ES256, takes pushed requests and gives bound tokens; with more on top. */
export function fapiBehaviour(issuer: string, more: EvilBehaviour = {}): EvilBehaviour {
  return {
    key: 'ec',
    ...more,
    jwks: more.jwks ?? [publicJwk('ec', { kid: 'key-1', use: 'sig', alg: 'ES256' })],
    header: { alg: 'ES256', ...more.header },
    metadata: { pushed_authorization_request_endpoint: `${issuer}/par`, ...more.metadata },
    tokens: { token_type: 'DPoP', ...more.tokens },
  };
}
