/**
 * What the real provider offers to APIs: access tokens for resources (RFC 8707), as JWTs (RFC 9068) or opaque, client
 * credentials, introspection, tokens bound to keys and certificates, exchange by a grant of our own, and registration.
 */
import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { Provider } from 'oidc-provider';

export interface RealResource {
  /** Separated by spaces. */
  readonly scope: string;
  readonly format: 'jwt' | 'opaque';
}

export interface RealApiOptions {
  /** By their identifiers (RFC 8707). */
  readonly resources: Readonly<Record<string, RealResource>>;
  /** Demands a nonce in every DPoP proof. */
  readonly dpopNonce?: boolean;
  /** Header in which a client certificate is believed, as percent-encoded PEM: the provider itself ends no TLS. */
  readonly certificateHeader?: string;
  /** Takes registrations of clients from everybody (RFC 7591). */
  readonly registration?: boolean;
}

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** The lifetime of an access token in seconds. */
type Lifetime = () => number;

export function apiFeatures(options: RealApiOptions, lifetime: Lifetime): Record<string, unknown> {
  const { resources, dpopNonce = false, certificateHeader, registration = false } = options;
  return {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    jwtIntrospection: { enabled: true },
    dPoP: dpopNonce
      ? { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true }
      : { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => undefined,
      useGrantedResource: async () => true,
      getResourceServerInfo: async (_context: unknown, resource: string) => {
        const known = Object.hasOwn(resources, resource) ? resources[resource] : undefined;
        if (known === undefined) throw new (await import('oidc-provider')).errors.InvalidTarget();
        return {
          scope: known.scope,
          audience: resource,
          accessTokenTTL: lifetime(),
          ...(known.format === 'jwt'
            ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
            : { accessTokenFormat: 'opaque' }),
        };
      },
    },
    ...(certificateHeader === undefined ? {} : { mTLS: mtls(certificateHeader) }),
    ...(registration ? { registration: { enabled: true } } : {}),
  };
}

function mtls(header: string) {
  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    selfSignedTlsClientAuth: true,
    getCertificate: ({ req }: { req: IncomingMessage }) => {
      const value = req.headers[header];
      return typeof value === 'string' ? new X509Certificate(decodeURIComponent(value)) : undefined;
    },
  };
}

interface GrantContext {
  readonly oidc: {
    readonly client: { readonly clientId: string };
    readonly params: Readonly<Record<string, string | undefined>>;
  };
  body: unknown;
}

/** RFC 8693 for JWT access tokens of this provider: another one of the same subject, for another resource. */
export function offerExchange(
  provider: Provider,
  options: RealApiOptions,
  {
    keys,
    issuer,
    lifetime,
  }: { readonly keys: JSONWebKeySet; readonly issuer: string; readonly lifetime: Lifetime },
): void {
  const handler = async (context: GrantContext) => {
    const { errors } = await import('oidc-provider');
    const { params, client } = context.oidc;
    const resource = params.resource ?? params.audience ?? '';
    const known = Object.hasOwn(options.resources, resource) ? options.resources[resource] : undefined;
    if (known === undefined) throw new errors.InvalidTarget();
    const verified = await jwtVerify(params.subject_token ?? '', createLocalJWKSet(keys), { issuer }).catch(
      () => null,
    );
    if (verified === null) throw new errors.InvalidGrant('subject_token');
    const scope = (params.scope ?? known.scope)
      .split(' ')
      .filter((one) => known.scope.split(' ').includes(one))
      .join(' ');
    const token = new provider.AccessToken({
      accountId: String(verified.payload.sub),
      clientId: client.clientId,
      client,
      scope,
      aud: resource,
      gty: 'token_exchange',
      extra: { act: { sub: client.clientId } },
    });
    token.resourceServer = new provider.ResourceServer(resource, {
      scope: known.scope,
      audience: resource,
      accessTokenTTL: lifetime(),
      accessTokenFormat: known.format,
      jwt: { sign: { alg: 'ES256' } },
    });
    context.body = {
      access_token: await token.save(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope,
    };
  };
  provider.registerGrantType(
    exchangeGrant,
    handler,
    ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource', 'scope'],
    ['audience', 'resource'],
  );
}

/** Metadata of a client that nobody signs in at. */
export const machine = { grant_types: ['client_credentials'], response_types: [] } as const;

/** Metadata of a client that may use every grant there is. */
export const everyGrant = {
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials', exchangeGrant],
} as const;

/** The public halves of private keys, as applications see them. */
export function publicKeys(keys: readonly Readonly<Record<string, unknown>>[]): JSONWebKeySet {
  return {
    keys: keys.map(({ kid, alg, ...key }) => ({
      ...createPublicKey({ key: key as never, format: 'jwk' }).export({ format: 'jwk' }),
      kid: String(kid),
      alg: String(alg),
      use: 'sig',
    })),
  } as JSONWebKeySet;
}
