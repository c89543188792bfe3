/** Signed authorization requests (JAR, RFC 9101): all parameters in one JWT that nobody on the way can change. */
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { ResolvedConfig } from './fapi-profile.ts';
import { createJwtSigner, type SignJwt } from './sign-jwt.ts';
import { readSigningKey } from './signing-key.ts';

/** The compact JWT for the parameter `request`. */
export type SignRequest = (parameters: Readonly<Record<string, string>>) => string;

/** Seconds, for a request that the browser brings within the second. Providers refuse more than an hour, FAPI 2.0 says 60 s. */
const lifetime = 60;

/** Null when requests are not to be signed. */
export function createRequestSigner(
  config: ResolvedConfig,
  { clock, random }: { readonly clock: Clock; readonly random: RandomBytes },
): SignRequest | null {
  if (config.requestObjects === 'never') return null;
  const signRequest = requestSigner(config);
  return (parameters) => {
    const now = Math.floor(clock.now() / 1000);
    return signRequest({
      ...withTypes(parameters),
      client_id: config.clientId,
      iss: config.clientId,
      // The issuer itself: an endpoint as audience would fit other providers on the same host too.
      aud: config.issuer,
      iat: now,
      nbf: now,
      exp: now + lifetime,
      jti: random(16).toString('base64url'),
    });
  };
}

/** `typ` keeps it from passing for a client assertion (RFC 9101 section 10.8). */
function requestSigner({ clientKey, clientKeyAlgorithm }: ResolvedConfig): SignJwt {
  const key = readSigningKey(clientKey?.reveal() ?? '', clientKeyAlgorithm);
  if (typeof key === 'string') throw new SallyportError('ERR_INTERNAL', `clientKey ${key}`);
  return createJwtSigner(key, { typ: 'oauth-authz-req+jwt', kid: key.kid });
}

/** Inside a JWT these are a number and JSON, not text about them (OpenID Connect Core 1.0 section 6.1, RFC 9396). */
function withTypes(parameters: Readonly<Record<string, string>>): Record<string, unknown> {
  const claims: Record<string, unknown> = { ...parameters };
  const { max_age, claims: asked, authorization_details: details } = parameters;
  if (max_age !== undefined) claims.max_age = Number(max_age);
  if (asked !== undefined) claims.claims = JSON.parse(asked);
  if (details !== undefined) claims.authorization_details = JSON.parse(details);
  return claims;
}
