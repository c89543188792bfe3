/**
 * A certified OpenID provider on loopback (npm `oidc-provider`) to sign in at: people by name, any password, every
 * consent given. Refresh tokens rotate and a reused one revokes its family, as strict providers do.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import type { Provider } from 'oidc-provider';
import { apiFeatures, offerExchange, publicKeys, type RealApiOptions } from './real-provider-apis.ts';
import { loginPage, logoutPage } from './real-provider-pages.ts';

export interface RealClient {
  readonly clientId: string;
  /** Absent: a public client. */
  readonly clientSecret?: string;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  /** Where a logout token is posted to when a person signs out at the provider; ID tokens then have a `sid`. */
  readonly backchannelLogoutUri?: string;
  /** A public key (JWK) that ID tokens and logout tokens are encrypted to, with RSA-OAEP-256. */
  readonly encryptTo?: Readonly<Record<string, unknown>>;
  /** `client_secret_basic` when there is a secret, else `none`. */
  readonly clientAuthentication?: 'client_secret_basic' | 'client_secret_post' | 'none';
  /** Over its metadata (RFC 7591), spelled as there. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Lifetimes in seconds; they may be changed while it runs and hold for tokens issued from then on. */
export interface RealLifetimes {
  accessToken: number;
  idToken: number;
  refreshToken: number;
  session: number;
}

export type RealEndpoint =
  | 'metadata'
  | 'jwks'
  | 'authorization'
  | 'par'
  | 'token'
  | 'userinfo'
  | 'revocation'
  | 'endSession'
  | 'introspection'
  | 'other';

export interface RealProviderOptions {
  readonly clients: readonly RealClient[];
  readonly ttl?: Partial<RealLifetimes>;
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** Host of the issuer and address to listen on; `127.0.0.1` when absent. */
  readonly host?: string;
  /** Signs this person in without asking. */
  readonly autoLogin?: string;
  /** Offers pushed authorization requests (RFC 9126); true when absent. */
  readonly pushedAuthorizationRequests?: boolean;
  /** The FAPI 2.0 profile with signed requests and answers, and a nonce in every DPoP proof. */
  readonly fapi?: boolean;
  /** Access tokens for resources, and everything else that APIs ask of a provider. */
  readonly apis?: RealApiOptions;
  /** Also takes at its pages what is posted; its cookies are then `SameSite=None`, which browsers refuse over http. */
  readonly acceptPosts?: boolean;
  /** Claims besides `sub` of a person; made up from the name when absent. */
  readonly claims?: (login: string) => Readonly<Record<string, unknown>>;
}

export interface RealProvider {
  readonly issuer: string;
  readonly ttl: RealLifetimes;
  /** How often each endpoint was asked. */
  stats(): Readonly<Record<RealEndpoint, number>>;
  close(): Promise<void>;
}

/** Loads and makes the provider without its advice on how to run it in production. */
async function quietly<T>(make: () => T | Promise<T>): Promise<T> {
  const { warn, info } = console;
  console.warn = console.info = () => {};
  try {
    return await make();
  } finally {
    console.warn = warn;
    console.info = info;
  }
}

const people = ['alice', 'bob'];
const scopes = 'openid profile email address phone groups offline_access';

function madeUpClaims(login: string): Readonly<Record<string, unknown>> {
  const name = `${login.slice(0, 1).toUpperCase()}${login.slice(1)} Example`;
  return {
    name,
    preferred_username: login,
    email: `${login}@example.com`,
    email_verified: true,
    groups: login === 'alice' ? ['staff', 'admins'] : ['staff'],
  };
}

function clientMetadata(client: RealClient, scope: string): Record<string, unknown> {
  return {
    client_id: client.clientId,
    ...(client.clientSecret === undefined ? {} : { client_secret: client.clientSecret }),
    token_endpoint_auth_method:
      client.clientAuthentication ?? (client.clientSecret === undefined ? 'none' : 'client_secret_basic'),
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...(client.postLogoutRedirectUris ?? [])],
    ...(client.backchannelLogoutUri === undefined
      ? {}
      : {
          backchannel_logout_uri: client.backchannelLogoutUri,
          backchannel_logout_session_required: true,
        }),
    ...(client.encryptTo === undefined
      ? {}
      : {
          jwks: { keys: [client.encryptTo] },
          id_token_encrypted_response_alg: 'RSA-OAEP-256',
          id_token_encrypted_response_enc: 'A256GCM',
        }),
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope,
    ...client.metadata,
  };
}

async function signingKeys(): Promise<Record<string, unknown>[]> {
  const keys = await Promise.all(
    ['RS256', 'ES256'].map((alg) => generateKeyPair(alg, { extractable: true })),
  );
  return Promise.all(
    keys.map(async ({ privateKey }, index) => ({
      ...(await exportJWK(privateKey)),
      use: 'sig',
      alg: index === 0 ? 'RS256' : 'ES256',
      kid: `key-${index + 1}`,
    })),
  );
}

interface Context {
  readonly oidc: {
    readonly result?: { readonly consent?: { readonly grantId?: string } };
    readonly session: { readonly accountId: string; grantIdFor(clientId: string): string | undefined };
    readonly client: { readonly clientId: string };
    readonly provider: Provider;
  };
  body: string;
}

/** Who grants what to whom: everything that there is. */
interface Granting {
  readonly provider: Provider;
  readonly apis: RealApiOptions | undefined;
}

async function grantEverything({ provider, apis }: Granting, accountId: string, clientId: string) {
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(scopes);
  for (const [resource, { scope }] of Object.entries(apis?.resources ?? {})) {
    grant.addResourceScope(resource, scope);
    // They are scopes of the provider too (registrations may name them), and it asks for both kinds.
    grant.addOIDCScope(scope);
  }
  return { grant, id: await grant.save() };
}

function createLoadExistingGrant(apis: RealApiOptions | undefined) {
  return async ({ oidc }: Context) => {
    const { provider, session, client } = oidc;
    const id = oidc.result?.consent?.grantId ?? session.grantIdFor(client.clientId);
    if (id !== undefined) return provider.Grant.find(id);
    return (await grantEverything({ provider, apis }, session.accountId, client.clientId)).grant;
  };
}

/** Without the provider's own dispatcher, which refuses loopback addresses. */
function postToLoopback(
  url: string | URL,
  { dispatcher: _, ...options }: RequestInit & { dispatcher?: unknown },
) {
  return fetch(url, options);
}

function fapiFeatures() {
  return {
    fapi: { enabled: true, profile: '2.0' },
    requestObjects: { enabled: true },
    jwtResponseModes: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
  };
}

function allScopes({ apis }: RealProviderOptions): string[] {
  const ofResources = Object.values(apis?.resources ?? {}).flatMap(({ scope }) => scope.split(' '));
  return [...new Set([...scopes.split(' '), ...ofResources])];
}

async function configuration(
  options: RealProviderOptions,
  ttl: RealLifetimes,
  keys: readonly Record<string, unknown>[],
) {
  const claims = options.claims ?? madeUpClaims;
  return {
    clients: options.clients.map((client) => clientMetadata(client, allScopes(options).join(' '))),
    jwks: { keys },
    cookies: {
      keys: ['only for tests and the demo'],
      ...(options.acceptPosts === true ? { long: { sameSite: 'none' } } : {}),
    },
    enabledJWA: { idTokenEncryptionAlgValues: ['RSA-OAEP-256'] },
    enableHttpPostMethods: options.acceptPosts ?? false,
    fetch: postToLoopback,
    scopes: allScopes(options),
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
      address: ['address'],
      phone: ['phone_number', 'phone_number_verified'],
      groups: ['groups'],
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    loadExistingGrant: createLoadExistingGrant(options.apis),
    clientBasedCORS: () => true,
    findAccount: (_context: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ ...claims(sub), sub }),
    }),
    interactions: {
      url: (_context: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}`,
    },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      encryption: { enabled: true },
      revocation: { enabled: true, allowedPolicy: async () => true },
      pushedAuthorizationRequests: { enabled: options.pushedAuthorizationRequests ?? true },
      ...(options.apis === undefined ? {} : apiFeatures(options.apis, () => ttl.accessToken)),
      ...(options.fapi === true ? fapiFeatures() : {}),
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context: Context, form: string) => {
          context.body = logoutPage(form);
        },
        postLogoutSuccessSource: (context: Context) => {
          context.body = '<!doctype html><title>Signed out</title><p>Signed out.</p>';
        },
      },
    },
    renderError: (context: Context, out: { error: string }) => {
      context.body = `<!doctype html><title>Error</title><p>${out.error.replace(/[^a-z_]/g, '')}</p>`;
    },
    ttl: {
      AccessToken: () => ttl.accessToken,
      ClientCredentials: () => ttl.accessToken,
      IdToken: () => ttl.idToken,
      RefreshToken: () => ttl.refreshToken,
      Session: () => ttl.session,
      Grant: () => Math.max(ttl.session, ttl.refreshToken),
      Interaction: () => 600,
      AuthorizationCode: () => 60,
    },
  };
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 10_000) throw new Error('the form is too large');
  }
  return new URLSearchParams(text);
}

/** Answers `/interaction/…`: signs in whoever is named, and gives every consent that is asked for. */
async function interact(
  provider: Provider,
  options: RealProviderOptions,
  exchange: [IncomingMessage, ServerResponse],
) {
  const [request, response] = exchange;
  const details = await provider.interactionDetails(request, response);
  if (details.prompt.name === 'consent') {
    const accountId = details.session?.accountId ?? '';
    const { id } = await grantEverything(
      { provider, apis: options.apis },
      accountId,
      String(details.params.client_id),
    );
    return provider.interactionFinished(
      request,
      response,
      { consent: { grantId: id } },
      { mergeWithLastSubmission: true },
    );
  }
  const login =
    options.autoLogin ?? (request.method === 'POST' ? (await readForm(request)).get('login') : null);
  if (login !== null && /^[\w.@-]{1,100}$/.test(login)) {
    return provider.interactionFinished(
      request,
      response,
      { login: { accountId: login } },
      { mergeWithLastSubmission: false },
    );
  }
  response.setHeader('content-type', 'text/html; charset=utf-8').end(loginPage(people));
}

function endpointOf(path: string): RealEndpoint {
  if (path === '/.well-known/openid-configuration') return 'metadata';
  if (path === '/jwks') return 'jwks';
  if (path === '/auth') return 'authorization';
  if (path === '/request') return 'par';
  if (path === '/token') return 'token';
  if (path === '/me') return 'userinfo';
  if (path === '/token/revocation') return 'revocation';
  if (path === '/token/introspection') return 'introspection';
  return path === '/session/end' ? 'endSession' : 'other';
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
}

/** Starts it. Rejects with the system's `EADDRINUSE` when the port is taken. */
export async function startRealProvider(options: RealProviderOptions): Promise<RealProvider> {
  const host = options.host ?? '127.0.0.1';
  const ttl: RealLifetimes = {
    accessToken: 3600,
    idToken: 3600,
    refreshToken: 86_400,
    session: 86_400,
    ...options.ttl,
  };
  const hits: Record<RealEndpoint, number> = {
    metadata: 0,
    jwks: 0,
    authorization: 0,
    par: 0,
    token: 0,
    userinfo: 0,
    revocation: 0,
    endSession: 0,
    introspection: 0,
    other: 0,
  };
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  const server = createServer((request, response) => handle(request, response));
  await listen(server, options.port ?? 0, host);
  const issuer = `http://${host}:${(server.address() as AddressInfo).port}`;
  const keys = await signingKeys();
  const settings = await configuration(options, ttl, keys);
  const provider = await quietly(async () => new (await import('oidc-provider')).Provider(issuer, settings));
  if (options.apis !== undefined) {
    const lifetime = () => ttl.accessToken;
    offerExchange(provider, options.apis, { keys: publicKeys(keys), issuer, lifetime });
  }
  const callback = provider.callback();
  handle = (request, response) => {
    const path = new URL(request.url ?? '/', issuer).pathname;
    hits[endpointOf(path)] += 1;
    if (!path.startsWith('/interaction/')) return callback(request, response);
    interact(provider, options, [request, response]).catch(() => {
      response.writeHead(400, { 'content-type': 'text/plain' }).end('This sign-in is no longer valid.');
    });
  };
  return {
    issuer,
    ttl,
    stats: () => ({ ...hits }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
