/**
 * A hostile OpenID provider on loopback: correct in everything that a test does not override, and counting every call.
 * Keys are made once; tokens are signed with `node:crypto` so that any header, however wrong, can be produced.
 */
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign as signBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';

/** A raw answer, when JSON with status 200 will not do. */
export interface EvilAnswer {
  readonly raw: true;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Never answers. */
  readonly hang?: boolean;
  /** Sends the body one byte at a time, every so many milliseconds, for ever. */
  readonly drip?: number;
}

type Json = Readonly<Record<string, unknown>>;

export type SigningKey = 'rsa' | 'rsa2' | 'attacker' | 'small' | 'ec' | 'ec2' | 'p521' | 'ed';

export interface EvilBehaviour {
  /** Over the correct metadata; undefined removes a member. */
  metadata?: Json | EvilAnswer;
  /** The keys that are published; `[key-1]` when absent. */
  jwks?: readonly unknown[] | EvilAnswer;
  /** Over the correct header and claims; undefined removes. */
  header?: Json;
  claims?: Json;
  /** The exact text of header and payload instead. */
  headerText?: string;
  payload?: string | Buffer;
  /** `rsa` when absent. */
  key?: SigningKey;
  /** Changes the finished compact token. */
  mangle?: (token: string) => string;
  signature?: (input: string) => Buffer;
  /** Over the correct token response. */
  tokens?: Json | EvilAnswer;
  userinfo?: Json | EvilAnswer;
  par?: Json | EvilAnswer;
  revocation?: EvilAnswer;
  /** Over the answer about an active token of alice. */
  introspection?: Json | EvilAnswer;
  /** Over the metadata at the path of RFC 8414; none (404) when absent. */
  oauthMetadata?: Json | EvilAnswer;
  /** Has the last word on every answer; `usual` is what it would be without. */
  answer?: (request: EvilRequest, usual: EvilAnswer) => EvilAnswer;
}

export type EvilEndpoint =
  | 'metadata'
  | 'oauthMetadata'
  | 'jwks'
  | 'token'
  | 'userinfo'
  | 'par'
  | 'revocation'
  | 'introspection'
  | 'other';

export interface EvilRequest {
  readonly endpoint: EvilEndpoint;
  readonly headers: IncomingMessage['headers'];
  readonly url: string;
  readonly body: string;
  /** SHA-256 fingerprint of the client's certificate in hex with colons; null without one. */
  readonly certificate: string | null;
}

export interface EvilProvider {
  readonly issuer: string;
  readonly port: number;
  behaviour: EvilBehaviour;
  /** Goes into the next ID token. */
  nonce: string;
  hits: Record<EvilEndpoint, number>;
  requests: EvilRequest[];
  /** The most requests that were open at once. */
  peak: number;
  /** Forgets behaviour, hits and requests. */
  reset(): void;
  close(): Promise<void>;
}

/** Strings that must turn up nowhere outside. */
export const evilSecrets = {
  accessToken: 'evil-access-token-0123456789',
  refreshToken: 'evil-refresh-token-0123456789',
  code: 'evil-code-0123456789',
  clientSecret: 'evil-client-secret-0123456789',
} as const;

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });

const pairs = {
  rsa: rsa(2048),
  rsa2: rsa(2048),
  attacker: rsa(2048),
  small: rsa(1024),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ec2: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed: generateKeyPairSync('ed25519'),
};

/** The public key as a JWK with these members over it. */
export function publicJwk(key: SigningKey, members: Json = {}): Json {
  return { ...pairs[key].publicKey.export({ format: 'jwk' }), ...members };
}

/** The private key as a JWK, for a provider that publishes too much. */
export function privateJwk(key: SigningKey, members: Json = {}): Json {
  return { ...pairs[key].privateKey.export({ format: 'jwk' }), ...members };
}

export const firstKey = publicJwk('rsa', { kid: 'key-1', use: 'sig', alg: 'RS256' });

/** A signature for `alg`, as far as the key can make one. */
export function signToken(input: string, alg: unknown, key: SigningKey): Buffer {
  const data = Buffer.from(input);
  const { privateKey } = pairs[key];
  if (typeof alg === 'string' && alg.startsWith('HS')) {
    return createHmac(`sha${alg.slice(2)}`, pairs.rsa.publicKey.export({ format: 'pem', type: 'spki' }))
      .update(data)
      .digest();
  }
  if (key === 'ed') return signBytes(null, data, privateKey);
  const bits = /\d{3}$/.exec(String(alg))?.[0] ?? '256';
  return signBytes(`sha${bits}`, data, signOptions(privateKey, alg));
}

function signOptions(key: KeyObject, alg: unknown) {
  if (typeof alg === 'string' && alg.startsWith('PS')) {
    return { key, padding: 6, saltLength: Number(alg.slice(2)) / 8 };
  }
  return { key, dsaEncoding: 'ieee-p1363' as const };
}

/** JSON of `base` with `over` on top; undefined removes a member. */
function merged(base: Json, over: Json | undefined): string {
  return JSON.stringify({ ...base, ...over });
}

export function makeIdToken(issuer: string, nonce: string, behaviour: EvilBehaviour): string {
  const now = Math.floor(Date.now() / 1000);
  const headerObject = { alg: 'RS256', kid: 'key-1', typ: 'JWT', ...behaviour.header };
  const header = behaviour.headerText ?? JSON.stringify(headerObject);
  const payload =
    behaviour.payload ??
    merged({ iss: issuer, sub: 'alice', aud: 'app', exp: now + 300, iat: now, nonce }, behaviour.claims);
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  const signature =
    behaviour.signature?.(input) ?? signToken(input, headerObject.alg, behaviour.key ?? 'rsa');
  const token = `${input}.${signature.toString('base64url')}`;
  return behaviour.mangle?.(token) ?? token;
}

export const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';

/** A logout token of this provider, correct in everything that is not overridden. */
export function makeLogoutToken(issuer: string, behaviour: EvilBehaviour = {}): string {
  const claims = { nonce: undefined, jti: randomUUID(), sid: 'sid-1', events: { [logoutEvent]: {} } };
  return makeIdToken(issuer, '', {
    ...behaviour,
    header: { typ: 'logout+jwt', ...behaviour.header },
    claims: { ...claims, ...behaviour.claims },
  });
}

/** An access token of this provider (RFC 9068), correct in everything that is not overridden. */
export function makeAccessToken(issuer: string, behaviour: EvilBehaviour = {}): string {
  const claims = {
    nonce: undefined,
    aud: 'https://api.test',
    client_id: 'machine',
    jti: randomUUID(),
    scope: 'read',
  };
  return makeIdToken(issuer, '', {
    ...behaviour,
    header: { typ: 'at+jwt', ...behaviour.header },
    claims: { ...claims, ...behaviour.claims },
  });
}

/** The answer about a token as the provider signs it (RFC 9701), correct in everything that is not overridden. */
export function signedIntrospection(issuer: string, behaviour: EvilBehaviour = {}): EvilAnswer {
  const body = makeIdToken(issuer, '', {
    ...behaviour,
    header: { typ: 'token-introspection+jwt', ...behaviour.header },
    claims: {
      nonce: undefined,
      sub: undefined,
      exp: undefined,
      token_introspection: { active: true, iss: issuer, sub: 'alice', aud: 'https://api.test' },
      ...behaviour.claims,
    },
  });
  return { raw: true, headers: { 'content-type': 'application/token-introspection+jwt' }, body };
}

function isRaw(answer: unknown): answer is EvilAnswer {
  return typeof answer === 'object' && answer !== null && 'raw' in answer;
}

function endpointOf(path: string): EvilEndpoint {
  if (path === '/.well-known/openid-configuration') return 'metadata';
  if (path.startsWith('/.well-known/oauth-authorization-server')) return 'oauthMetadata';
  const name = path.slice(1);
  return (
    (['jwks', 'token', 'userinfo', 'par', 'revocation', 'introspection'] as const).find(
      (known) => known === name,
    ) ?? 'other'
  );
}

async function send(response: ServerResponse, answer: EvilAnswer): Promise<void> {
  if (answer.hang === true) return;
  response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
  if (answer.drip === undefined) {
    response.end(answer.body ?? '');
    return;
  }
  const timer = setInterval(() => response.write(' '), answer.drip);
  response.once('close', () => clearInterval(timer));
}

const json = (body: string): EvilAnswer => ({ raw: true, body });

export interface EvilProviderOptions {
  /** Serves on https://localhost with this certificate and asks every client for one of its own. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

function certificateOf(socket: unknown): string | null {
  return socket instanceof TLSSocket ? (socket.getPeerX509Certificate()?.fingerprint256 ?? null) : null;
}

export async function startEvilProvider({ tls }: EvilProviderOptions = {}): Promise<EvilProvider> {
  const none = {
    oauthMetadata: 0,
    introspection: 0,
    metadata: 0,
    jwks: 0,
    token: 0,
    userinfo: 0,
    par: 0,
    revocation: 0,
    other: 0,
  };
  let open = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    open += 1;
    evil.peak = Math.max(evil.peak, open);
    response.once('finish', () => {
      open -= 1;
    });
    response.once('close', () => {
      if (!response.writableFinished) open -= 1;
    });
    let body = '';
    for await (const chunk of request) body += chunk;
    const endpoint = endpointOf(new URL(request.url ?? '/', evil.issuer).pathname);
    evil.hits[endpoint] += 1;
    const certificate = certificateOf(request.socket);
    const seen = { endpoint, headers: request.headers, url: request.url ?? '', body, certificate };
    evil.requests.push(seen);
    const usual = answers[endpoint]();
    await send(response, evil.behaviour.answer?.(seen, usual) ?? usual);
  };
  const server =
    tls === undefined
      ? createServer(serve)
      : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, serve);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const issuer = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;

  const metadata = () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    revocation_endpoint: `${issuer}/revocation`,
    introspection_endpoint: `${issuer}/introspection`,
    authorization_response_iss_parameter_supported: true,
    id_token_signing_alg_values_supported: [
      'RS256',
      'RS384',
      'PS256',
      'PS384',
      'ES256',
      'ES512',
      'EdDSA',
      'Ed25519',
    ],
  });
  const tokens = () => ({
    access_token: evilSecrets.accessToken,
    token_type: 'Bearer',
    expires_in: 300,
    refresh_token: evilSecrets.refreshToken,
    id_token: makeIdToken(issuer, evil.nonce, evil.behaviour),
  });
  const activeToken = () => ({
    active: true,
    iss: issuer,
    sub: 'alice',
    aud: 'https://api.test',
    client_id: 'machine',
    scope: 'read',
    exp: Math.floor(Date.now() / 1000) + 300,
  });
  const over = (base: () => Json, change: Json | EvilAnswer | undefined) =>
    isRaw(change) ? change : json(merged(base(), change));
  const answers: Record<EvilEndpoint, () => EvilAnswer> = {
    metadata: () => over(metadata, evil.behaviour.metadata),
    jwks: () => {
      const { jwks = [firstKey] } = evil.behaviour;
      return isRaw(jwks) ? jwks : json(JSON.stringify({ keys: jwks }));
    },
    token: () => over(tokens, evil.behaviour.tokens),
    userinfo: () =>
      over(() => ({ sub: 'alice', name: 'Alice', email: 'alice@evil.test' }), evil.behaviour.userinfo),
    par: () => {
      const { par } = evil.behaviour;
      return isRaw(par)
        ? par
        : { raw: true, status: 201, body: merged({ request_uri: 'urn:x:1', expires_in: 60 }, par) };
    },
    revocation: () => evil.behaviour.revocation ?? { raw: true },
    introspection: () => over(activeToken, evil.behaviour.introspection),
    oauthMetadata: () => {
      const { oauthMetadata } = evil.behaviour;
      return oauthMetadata === undefined ? { raw: true, status: 404 } : over(metadata, oauthMetadata);
    },
    other: () => ({ raw: true, status: 404 }),
  };

  const evil: EvilProvider = {
    issuer,
    port,
    behaviour: {},
    nonce: '',
    hits: { ...none },
    requests: [],
    peak: 0,
    reset() {
      evil.peak = 0;
      evil.behaviour = {};
      evil.hits = { ...none };
      evil.requests = [];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return evil;
}
