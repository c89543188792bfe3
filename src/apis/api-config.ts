/** What the configuration may say about one API: a resource server (RFC 6749 section 1.1) that the gate speaks for. */
import { z } from 'zod';
import { duration, scope, secret } from '../core/scalars.ts';
import { decryptionKeys } from '../oidc/provider-config.ts';
import { signingAlgorithms } from '../oidc/signing-key.ts';
import { tokenIssuerSchema } from '../oidc/token-issuer-config.ts';
import { apiProblems, secretAlgorithms } from './api-rules.ts';
import { dpopSchema } from './dpop-config.ts';

const corsOrigin = z
  .string()
  .refine(
    (text) => text === '*' || URL.parse(text)?.origin === text,
    'is not an origin: write scheme and host, as https://app.example.com, or `*`',
  );

const resource = z.string().refine((text) => {
  const url = URL.parse(text);
  return (
    url !== null &&
    /^https?:\/\//.test(text) &&
    /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text) &&
    !/[?#]/.test(text) &&
    url.username === ''
  );
}, 'is not a URL without query and fragment, as https://api.example.com/orders');

const introspectionSchema = z.strictObject({
  when: z
    .enum(['opaque', 'always'])
    .default('opaque')
    .describe(
      'Which tokens the issuer is asked about: those that are no JWT, or every one, a JWT after its signature was checked.',
    ),
  cache: duration()
    .prefault('30s')
    .describe(
      'How long an answer is kept, within the life of the token: a token that is revoked is refused no later.',
    ),
});

export const apiSchema = z
  .strictObject({
    issuers: z
      .array(z.union([z.string().min(1), tokenIssuerSchema]))
      .min(1, 'is empty: nobody could issue a token')
      .max(32)
      .describe(
        'Whose tokens are taken: names of `providers`, or servers that nobody signs in at, as `{ issuer: … }`.',
      ),
    audience: z
      .array(z.string().min(1))
      .max(100)
      .default([])
      .describe('One of these must be an audience (`aud`) of the token, exactly.'),
    dangerouslyAllowAnyAudience: z
      .boolean()
      .default(false)
      .describe('Takes tokens that were issued for other applications, too; `audience` is empty then.'),
    algorithms: z
      .array(z.enum([...signingAlgorithms, ...secretAlgorithms]))
      .min(1)
      .default([...signingAlgorithms])
      .describe('Signature algorithms that are accepted. HS256, HS384 and HS512 need `hmacSecret`.'),
    hmacSecret: secret()
      .optional()
      .describe(
        'Secret of the signatures by HS256, HS384 and HS512, at least as long as their hash: 32, 48 or 64 bytes. Whoever knows it can make tokens.',
      ),
    subject: z
      .string()
      .min(1)
      .optional()
      .describe('The one subject (`sub`) whose tokens are taken, exactly.'),
    requiredClaims: z
      .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean(), z.array(z.string()).min(1)]))
      .default({})
      .describe(
        'Claims that a token must have, with exactly this value; where the claim is a list, it must hold the value. Of several values, it must hold each.',
      ),
    leeway: duration()
      .prefault('5s')
      .refine((leeway) => leeway <= 300_000, 'is longer than 5m')
      .describe("By how much the issuer's clock may differ."),
    profile: z
      .enum(['rfc9068', 'lenient'])
      .default('rfc9068')
      .describe(
        'What a JWT must look like. `rfc9068`: type `at+jwt`, with `client_id`, `iat` and `jti`. `lenient`: what Entra, Auth0, Keycloak and Okta send, of type `JWT` or none, with the client in `client_id`, `azp`, `appid` or `cid`. ID tokens are refused in both; in `lenient` by their audience, hashes and nonce, so keep client ids out of `audience` there where you can.',
      ),
    introspection: introspectionSchema
      .optional()
      .describe(
        'Asks the issuers about tokens (RFC 7662). Without it, tokens that are no JWT are refused. An answer without `aud` is.',
      ),
    decryptionKeys: decryptionKeys
      .default([])
      .describe(
        'Private keys (PEM or JWK) that the issuers encrypt tokens to (JWE). Empty: those of the issuer are tried, and what no key opens is an opaque token.',
      ),
    dpop: dpopSchema.prefault({}).describe('Tokens that are bound to a key of the client (DPoP, RFC 9449).'),
    corsOrigins: z
      .array(corsOrigin)
      .default([])
      .describe(
        'Origins whose pages may call with a token of their own, or `*` for every one. No cookie is taken from them.',
      ),
    resource: resource
      .optional()
      .describe(
        'Identifier of this API in its metadata (RFC 9728), under `publicUrl`. Without it, the first audience that is such a URL; when there is none, there is no metadata.',
      ),
    scopesSupported: z
      .array(scope())
      .default([])
      .describe('Scopes that the metadata names, for clients to ask for.'),
    cacheSize: z
      .int()
      .min(100)
      .max(1_000_000)
      .default(10_000)
      .describe(
        'How many tokens are remembered as good, in each process; a remembered one costs no signature.',
      ),
  })
  .superRefine((api, context) => {
    for (const { path, message } of apiProblems(api)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  });

export type ApiConfig = z.output<typeof apiSchema>;
