/** What the configuration may say about one OpenID provider. */
import { z } from 'zod';
import { duration, scope, secret } from '../core/scalars.ts';
import { isLoopbackHost } from './address-policy.ts';
import { callLimitFields } from './call-limits-config.ts';
import { checkClient, clientFields, usesMutualTls } from './client-authentication-config.ts';
import { readDecryptionKey } from './decryption-keys.ts';
import { checkProfile } from './fapi-check.ts';
import { readSigningKey, signingAlgorithms } from './signing-key.ts';

/** Parameters that carry the protocol: a static value for one of them would switch a protection off (RD-052). */
const reservedParameters: ReadonlySet<string> = new Set([
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'id_token_hint',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
]);

/** Null when it can serve as an issuer; otherwise why not (OpenID Connect Discovery 1.0 section 3). */
function issuerProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//.test(text)) return 'is not an https URL';
  if (/[?#]/.test(text)) return 'must have no query and no fragment';
  if (url.username !== '' || url.password !== '') return 'must have no user name and no password';
  return null;
}

export const issuer = z.string().superRefine((text, context) => {
  const message = issuerProblem(text);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

export const endpointHost = z
  .string()
  .regex(/^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/, 'is not a host in lower case, as api.example.com');

const parameterValue = z.string().max(1000);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const authorizationParameters = z
  .record(z.string().regex(/^[a-z0-9_.-]{1,64}$/i, 'is not a parameter name'), parameterValue)
  .superRefine((parameters, context) => {
    for (const name of Object.keys(parameters)) {
      if (!reservedParameters.has(name)) continue;
      context.addIssue({
        code: 'custom',
        path: [name],
        message: 'is set by the gate itself and cannot be given',
      });
    }
    for (const name of ['claims', 'authorization_details']) {
      if (parameters[name] === undefined || isJson(parameters[name])) continue;
      context.addIssue({ code: 'custom', path: [name], message: 'is not JSON' });
    }
    if (parameters.max_age !== undefined && !/^\d{1,9}$/.test(parameters.max_age)) {
      context.addIssue({ code: 'custom', path: ['max_age'], message: 'is not a whole number of seconds' });
    }
  });

export const decryptionKeys = z
  .array(secret())
  .max(8)
  .superRefine((keys, context) => {
    for (const [index, key] of keys.entries()) {
      const read = readDecryptionKey(key.reveal());
      if (typeof read === 'string') context.addIssue({ code: 'custom', path: [index], message: read });
    }
  });

const dpopKey = secret().superRefine((key, context) => {
  const read = readSigningKey(key.reveal());
  if (typeof read === 'string') context.addIssue({ code: 'custom', message: read });
});

/** Often enough to be of use, and seldom enough not to be a burden to the provider. */
export const jwksRefresh = duration().refine((interval) => interval >= 10_000, 'is shorter than 10s');

export const introspectionResponse = z.enum(['json', 'jwt']).default('json');

const settings = z.strictObject({
  issuer: issuer.describe(
    'Issuer of the provider, exactly as in its metadata and in `iss`: a trailing slash counts.',
  ),
  ...clientFields,
  certificateBoundTokens: z
    .boolean()
    .default(false)
    .describe(
      'Says that the provider binds access tokens to `clientCertificate` (RFC 8705 section 3): the gate shows it whatever `clientAuthentication` says.',
    ),
  dpopKey: dpopKey
    .optional()
    .describe(
      'Private key (PEM or JWK; P-256 is best) that tokens of this provider are bound to (DPoP, RFC 9449). Absent: bearer tokens. With another key, tokens that were issued before are worth nothing.',
    ),
  scopes: z
    .array(scope())
    .default(['openid', 'profile', 'email', 'offline_access'])
    .refine((scopes) => scopes.includes('openid'), 'must contain openid')
    .describe('Scopes to ask for.'),
  profile: z
    .enum(['plain', 'fapi2'])
    .default('plain')
    .describe(
      '`fapi2`: the FAPI 2.0 Security Profile with Message Signing. It demands pushed requests, private_key_jwt or mTLS, sender-constrained tokens, `iss` in the answer and PS256, ES256 or EdDSA, and decides what is left at `auto`.',
    ),
  responseMode: z
    .enum(['auto', 'query', 'form_post', 'jwt', 'query.jwt', 'form_post.jwt'])
    .default('auto')
    .describe(
      'How the answer comes back. `form_post` keeps the code out of URLs and needs https; the `jwt` ones are signed by the provider (JARM), and unsigned answers are then refused. `auto`: `query`, and `jwt` with profile fapi2.',
    ),
  pushedAuthorizationRequests: z
    .enum(['auto', 'required', 'never'])
    .default('auto')
    .describe(
      'Pushed authorization requests (RFC 9126): when offered, always, or not at all. Profile fapi2: always.',
    ),
  requestObjects: z
    .enum(['auto', 'never', 'signed'])
    .default('auto')
    .describe(
      'Authorization requests signed with `clientKey` (JAR, RFC 9101). `auto`: `never`, and `signed` with profile fapi2.',
    ),
  userinfo: z
    .enum(['auto', 'always', 'never'])
    .default('auto')
    .describe(
      'Whether claims are fetched from userinfo: when the ID token lacks those of the scopes, always, never.',
    ),
  idTokenSigningAlgorithms: z
    .array(z.enum(signingAlgorithms))
    .min(1)
    .default([...signingAlgorithms])
    .describe(
      'Signature algorithms accepted for ID tokens, logout tokens and signed answers. Of these, profile fapi2 takes PS256, ES256 and EdDSA alone.',
    ),
  decryptionKeys: decryptionKeys
    .default([])
    .describe(
      'Private keys (PEM or JWK) that the provider encrypts ID and logout tokens to. Empty: encrypted tokens are refused; else both kinds are accepted.',
    ),
  authorizationParameters: authorizationParameters
    .default({})
    .describe('Extra parameters for every authorization request, as `audience`, `max_age` or `access_type`.'),
  endpointHosts: z
    .array(endpointHost)
    .default([])
    .describe(
      'Hosts besides the issuer and its subdomains on which the metadata may place endpoints; `host` or `host:port`.',
    ),
  trustedAudiences: z
    .array(z.string().min(1))
    .default([])
    .describe('Audiences that an ID token may name besides `clientId`. Any other makes it refused.'),
  defaultTokenLifetime: duration()
    .prefault('5m')
    .describe('Lifetime of an access token when the provider does not say one.'),
  idTokenMaxAge: duration()
    .prefault('10m')
    .describe('How long ago an ID token may have been issued when it arrives.'),
  jwksRefresh: jwksRefresh
    .optional()
    .describe(
      'How often the keys are fetched even when nobody needs it: a withdrawn key is then forgotten within one and a half of it. Absent: when they are old, and for a key id that is new.',
    ),
  introspectionResponse: introspectionResponse.describe(
    'The form in which the provider answers about opaque tokens: JSON, or a JWT that it has signed (RFC 9701).',
  ),
  ...callLimitFields,
  dangerouslyAllowHttpIssuer: z
    .boolean()
    .default(false)
    .describe('Allows an http issuer beyond loopback: everybody on the way can read and change tokens.'),
});

export type ProviderConfig = z.output<typeof settings>;

export const providerSchema = settings
  .superRefine(checkClient)
  .superRefine(checkProfile)
  .superRefine((config, context) => {
    const url = URL.parse(config.issuer);
    if (url?.protocol === 'http:' && usesMutualTls(config)) {
      context.addIssue({
        code: 'custom',
        path: ['issuer'],
        message: 'must be https: certificates are shown in TLS',
      });
    }
    if (url?.protocol !== 'http:' || config.dangerouslyAllowHttpIssuer || isLoopbackHost(url.hostname))
      return;
    context.addIssue({
      code: 'custom',
      path: ['issuer'],
      message: 'must be https; http is for loopback only (or say dangerouslyAllowHttpIssuer)',
    });
  });
