/** What the configuration may say about an authorization server whose tokens are only checked: nobody signs in there. */
import { z } from 'zod';
import { isLoopbackHost } from './address-policy.ts';
import { callLimitFields } from './call-limits-config.ts';
import { checkClient, clientFields, isConfidential } from './client-authentication-config.ts';
import { readJwk } from './jwk-check.ts';
import { importJwk } from './key-set.ts';
import {
  decryptionKeys,
  endpointHost,
  introspectionResponse,
  issuer,
  jwksRefresh,
} from './provider-config.ts';

/** An address that the operator names, not the server. */
const endpoint = z
  .string()
  .max(2048)
  .superRefine((text, context) => {
    const message = endpointProblem(text);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });

function endpointProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//.test(text)) return 'is not an https URL';
  if (text.includes('#')) return 'must have no fragment';
  if (url.username !== '' || url.password !== '') return 'must have no user name and no password';
  return null;
}

const keySet = z
  .strictObject({
    keys: z
      .array(z.record(z.string(), z.unknown()))
      .min(1)
      .max(100)
      .describe('The public keys, each a JWK (RFC 7517).'),
  })
  .superRefine(({ keys }, context) => {
    for (const [index, key] of keys.entries()) {
      const jwk = readJwk(key);
      const read = typeof jwk === 'string' || importJwk(jwk) !== null ? jwk : 'malformed';
      if (typeof read !== 'string') continue;
      const message = `is no public key that can check signatures: ${read}`;
      context.addIssue({ code: 'custom', path: ['keys', index], message });
    }
  });

/** What is there for introspection alone. */
const clientMembers = ['introspectionEndpoint', 'clientSecret', 'clientKey', 'clientCertificate'] as const;

export const tokenIssuerSchema = z
  .strictObject({
    issuer: issuer.describe('Exactly as in `iss` of the tokens: a trailing slash counts.'),
    jwksUri: endpoint
      .optional()
      .describe(
        'Where the keys are. Absent: as the metadata says (OpenID Connect Discovery, then RFC 8414).',
      ),
    jwks: keySet
      .optional()
      .describe('The keys themselves, literally; then none are fetched. A changed key needs a restart.'),
    jwksRefresh: jwksRefresh
      .optional()
      .describe(
        'How often the keys are fetched even when nobody needs it: a withdrawn key is then forgotten within one and a half of it. Absent: when they are old, and for a key id that is new.',
      ),
    introspectionEndpoint: endpoint
      .optional()
      .describe('Where opaque tokens are asked about (RFC 7662). Absent: as the metadata says.'),
    introspectionResponse: introspectionResponse.describe(
      'The form of the answer: JSON, or a JWT that the issuer has signed (RFC 9701).',
    ),
    ...clientFields,
    clientId: clientFields.clientId
      .optional()
      .describe('Client id of the gate, for introspection. Absent: opaque tokens are refused.'),
    decryptionKeys: decryptionKeys
      .default([])
      .describe(
        'Private keys (PEM or JWK) that tokens are encrypted to. Empty: encrypted tokens are refused.',
      ),
    endpointHosts: z
      .array(endpointHost)
      .default([])
      .describe(
        'Hosts besides the issuer and its subdomains on which the metadata may place endpoints; `host` or `host:port`.',
      ),
    ...callLimitFields,
    dangerouslyAllowHttpIssuer: z
      .boolean()
      .default(false)
      .describe('Allows http beyond loopback: everybody on the way can read and change keys and tokens.'),
  })
  .superRefine((config, context) => {
    const refuse = (member: string, message: string) =>
      context.addIssue({ code: 'custom', path: [member], message });
    for (const member of ['issuer', 'jwksUri', 'introspectionEndpoint'] as const) {
      const url = URL.parse(config[member] ?? '');
      if (url?.protocol !== 'http:' || config.dangerouslyAllowHttpIssuer || isLoopbackHost(url.hostname)) {
        continue;
      }
      refuse(member, 'must be https; http is for loopback only (or say dangerouslyAllowHttpIssuer)');
    }
    if (config.jwks !== undefined && config.jwksUri !== undefined)
      refuse('jwks', 'stands beside jwksUri: say one');
    if (config.clientId === undefined) {
      const useless = clientMembers.filter((member) => config[member] !== undefined);
      for (const member of useless) refuse(member, 'is of no use without clientId');
      return;
    }
    checkClient(config, context);
    if (!isConfidential(config))
      refuse('clientSecret', 'is missing: nobody is told about tokens without proof');
  });

export type TokenIssuerConfig = z.output<typeof tokenIssuerSchema>;
