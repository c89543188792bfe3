/**
 * A provider for fleets: as strict as they come about refresh tokens, and light enough for thousands of sessions. Each
 * refresh token works once; one that is used again revokes its family (RFC 9700 section 4.14.2), and is counted. People
 * sign in by name at a page without a password, or without a browser by `signIn`; logout tokens are made on request.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { SignedIn } from '../../src/oidc/provider.ts';

export interface RotatingProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Seconds that the tokens of a sign-in with a browser or of a refresh live. */
  lifetime: number;
  /** Milliseconds that a refresh takes. */
  delay: number;
  /** Characters of noise in access tokens, as large ones have. */
  noise: number;
  /** Milliseconds between a code that was redeemed, with its ID token made, and the answer. */
  loginDelay: number;
  /** Hangs up on whoever comes to the token endpoint: nothing is looked at, and nothing rotates. */
  isDown: boolean;
  /** Refreshes that were asked for, answered or not. */
  readonly attempts: number;
  /** Tokens that were revoked at the revocation endpoint. */
  readonly revoked: readonly string[];
  /** Refreshes that were answered with tokens. */
  readonly refreshes: number;
  /** Refresh tokens that came a second time: each would have signed somebody out. */
  readonly reuses: number;
  /** Called with the subject when a refresh arrives; nothing is looked at or rotated until it has returned or resolved. */
  onRefresh: ((subject: string) => void | Promise<void>) | null;
  /** Called with the subject when a code has been redeemed and its ID token made. */
  onRedeem: ((subject: string) => void) | null;
  /** A person who has just signed in, with tokens that live so many seconds. */
  signIn(subject: string, options?: { readonly lifetime?: number; readonly sid?: string }): SignedIn;
  /** What stands in the tokens and codes that were given out, to look for in logs. */
  given(): readonly string[];
  logoutToken(about: { readonly sub?: string; readonly sid?: string }): Promise<string>;
  close(): Promise<void>;
}

interface Family {
  readonly subject: string;
  /** How often it was renewed: only the token of this number is good. */
  generation: number;
  revoked: boolean;
}

export async function startRotatingProvider(): Promise<RotatingProvider> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const families = new Map<string, Family>();
  const codes = new Map<string, { readonly subject: string; readonly asked: URLSearchParams }>();
  const counts = { attempts: 0, refreshes: 0, reuses: 0 };
  const revoked: string[] = [];
  const given: string[] = [];

  const noise = (): string => {
    if (provider.noise === 0) return '';
    return `.${randomBytes(provider.noise).toString('base64url').slice(0, provider.noise)}`;
  };

  /** Both tell which family they are of, and the access token whose: `at.subject.family.generation`. */
  const tokensOf = (name: string, family: Family) => ({
    access_token: `at.${family.subject}.${name}.${family.generation}${noise()}`,
    refresh_token: `rt.${name}.${family.generation}`,
  });

  const begin = (subject: string): { readonly name: string; readonly family: Family } => {
    const name = randomUUID();
    const family: Family = { subject, generation: 0, revoked: false };
    families.set(name, family);
    given.push(name);
    return { name, family };
  };

  /** GET shows a form, as providers do; POST takes the name that was written there and sends the browser back. */
  const authorize = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { searchParams } = new URL(request.url ?? '', issuer);
    const login = new URLSearchParams(await readAll(request)).get('login');
    if (login === null) {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<form method="post"><input name="login">');
      return;
    }
    const code = randomUUID();
    given.push(code);
    codes.set(code, { subject: login, asked: searchParams });
    const location = new URL(searchParams.get('redirect_uri') ?? '');
    location.searchParams.set('code', code);
    location.searchParams.set('state', searchParams.get('state') ?? '');
    location.searchParams.set('iss', issuer);
    response.writeHead(303, { location: location.href, 'content-length': 0 }).end();
  };

  /** A code works once, for who can show the verifier of its challenge (RFC 7636 section 4.6). */
  const redeem = async (form: URLSearchParams, response: ServerResponse): Promise<void> => {
    const found = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (found === undefined || found.asked.get('code_challenge') !== challenge) {
      return sendJson(response, 400, { error: 'invalid_grant' });
    }
    const { name, family } = begin(found.subject);
    const idToken = await new SignJWT({ nonce: found.asked.get('nonce'), sub: found.subject })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(issuer)
      .setAudience('app')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
    provider.onRedeem?.(found.subject);
    if (provider.loginDelay > 0) await sleep(provider.loginDelay);
    return sendJson(response, 200, {
      ...tokensOf(name, family),
      id_token: idToken,
      token_type: 'Bearer',
      expires_in: provider.lifetime,
      scope: 'openid',
    });
  };

  const refresh = async (token: string, response: ServerResponse): Promise<void> => {
    const [, name = '', generation = ''] = /^rt\.(.+)\.(\d+)$/.exec(token) ?? [];
    const family = families.get(name);
    if (family === undefined || family.revoked) return sendJson(response, 400, { error: 'invalid_grant' });
    const heard = provider.onRefresh?.(family.subject);
    if (heard !== undefined) await heard;
    if (Number(generation) !== family.generation) {
      counts.reuses += 1;
      family.revoked = true;
      return sendJson(response, 400, { error: 'invalid_grant' });
    }
    family.generation += 1;
    counts.refreshes += 1;
    const answer = { ...tokensOf(name, family), token_type: 'Bearer', expires_in: provider.lifetime };
    if (provider.delay > 0) await sleep(provider.delay);
    return sendJson(response, 200, answer);
  };

  const server = createServer(async (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path === '/.well-known/openid-configuration') return sendJson(response, 200, metadata());
    if (path === '/jwks') return sendJson(response, 200, { keys: [jwk] });
    if (path === '/authorize') return authorize(request, response);
    const form = new URLSearchParams(await readAll(request));
    if (path === '/token') {
      const isRefresh = form.get('grant_type') === 'refresh_token';
      if (isRefresh) counts.attempts += 1;
      if (provider.isDown) return response.destroy();
      return isRefresh ? refresh(form.get('refresh_token') ?? '', response) : redeem(form, response);
    }
    if (path === '/revoke') {
      revoked.push(form.get('token') ?? '');
      return response.writeHead(200, { 'content-length': 0 }).end();
    }
    return sendJson(response, 404, { error: 'not_found' });
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metadata = () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    revocation_endpoint: `${issuer}/revoke`,
    end_session_endpoint: `${issuer}/end`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  });

  const provider: RotatingProvider = {
    issuer,
    clientId: 'app',
    clientSecret: 'not-a-secret-in-a-test',
    lifetime: 300,
    delay: 0,
    noise: 0,
    loginDelay: 0,
    isDown: false,
    onRefresh: null,
    onRedeem: null,
    revoked,
    get attempts() {
      return counts.attempts;
    },
    get refreshes() {
      return counts.refreshes;
    },
    get reuses() {
      return counts.reuses;
    },
    signIn(subject, { lifetime = 300, sid } = {}) {
      const { name, family } = begin(subject);
      const tokens = tokensOf(name, family);
      const now = Date.now();
      const iat = Math.floor(now / 1000);
      const claims = {
        iss: issuer,
        sub: subject,
        aud: 'app',
        iat,
        exp: iat + 300,
        ...(sid === undefined ? {} : { sid }),
      };
      return {
        subject,
        claims,
        tokens: {
          accessToken: tokens.access_token,
          refreshToken: tokens.refresh_token,
          accessTokenExpiresAt: now + lifetime * 1000,
          idToken: 'not-looked-at-again',
          scope: 'openid',
        },
      };
    },
    given: () => given,
    logoutToken: (about) =>
      new SignJWT({ ...about, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'logout+jwt' })
        .setIssuer(issuer)
        .setAudience('app')
        .setIssuedAt()
        .setExpirationTime('2m')
        .setJti(randomUUID())
        .sign(privateKey),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return provider;
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    })
    .end(body);
}
