/**
 * The endpoints with scripted collaborators behind them and a small browser in front: enough to sign in and out
 * without sockets. The provider does as the test says; sessions and login transactions are kept in maps.
 */
import { randomBytes } from 'node:crypto';
import type { Respond } from '../../src/core/decision.ts';
import { SallyportError } from '../../src/core/errors.ts';
import type { EventName, Events } from '../../src/core/events.ts';
import { headerValue } from '../../src/core/headers.ts';
import type { RequestHead } from '../../src/core/request-head.ts';
import type { Session } from '../../src/core/session.ts';
import { createEndpoints } from '../../src/endpoints/create-endpoints.ts';
import { type EndpointsConfig, endpointsSchema } from '../../src/endpoints/endpoints-config.ts';
import type {
  Goodbye,
  LoginParameters,
  LoginSecrets,
  LogoutToken,
  Provider,
  SignedIn,
} from '../../src/oidc/provider.ts';
import { createCookieReader } from '../../src/sessions/cookie-header.ts';
import { createCookieNames } from '../../src/sessions/cookie-names.ts';
import type { LoginTransaction, LoginTransactions, Sessions } from '../../src/sessions/sessions.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createFakeTokenIssuer } from './fake-token-issuer.ts';
import { createHead } from './heads.ts';
import { createMapDirectory, type MapDirectory } from './map-directory.ts';

export const publicOrigin = 'https://app.test';
export const sessionCookie = '__Host-sallyport';
export const loginPrefix = '__Host-sallyport-login-';
export const bounceCookie = '__Host-sallyport-bounce';

/** Words that must never be seen outside: every secret of the scripted provider and of the transactions. */
export const secretTokens = {
  accessToken: 'secret-access-token',
  refreshToken: 'secret-refresh-token',
  idToken: 'secret-id-token',
} as const;

/** One value or null, as the endpoints' own readers take it. */
function readCookie(head: RequestHead, name: string): string | null {
  const value = createCookieReader(name)(head.headers);
  return typeof value === 'string' ? value : null;
}

export interface ScriptedProvider extends Provider {
  readonly asked: { secrets: LoginSecrets; parameters: LoginParameters }[];
  readonly redeemed: { answer: URLSearchParams; secrets: LoginSecrets }[];
  readonly revoked: string[];
  readonly loggedOut: { idToken: string | null; postLogoutRedirectUri: string }[];
  /** What the next calls do; replace to make the provider behave otherwise. */
  script: {
    authorize: () => Promise<void>;
    redeem: (answer: URLSearchParams) => Promise<SignedIn>;
    endSession: (postLogoutRedirectUri: string, state: string) => Promise<string | null>;
    /** Null: the address says it all. */
    goodbyeForm: () => Goodbye['form'];
    revoke: () => Promise<void>;
    logoutToken: (token: string) => Promise<LogoutToken>;
  };
}

export function signedIn(subject = 'alice'): SignedIn {
  return {
    subject,
    claims: { sub: subject, name: 'Alice', email: 'alice@app.test', nonce: 'n', at_hash: 'h' },
    tokens: { ...secretTokens, accessTokenExpiresAt: Date.UTC(2031, 0, 1), scope: 'openid' },
  };
}

const noGrant = () => Promise.reject(new Error('no tokens for applications in this test'));

export function createScriptedProvider(
  name = 'main',
  responseMode: 'query' | 'form_post' = 'query',
): ScriptedProvider {
  const issuer = `https://${name}.idp.test`;
  const provider: ScriptedProvider = {
    name,
    issuer,
    responseMode,
    tokenIssuer: createFakeTokenIssuer({ name, issuer }),
    readSignedState: null,
    asked: [],
    redeemed: [],
    revoked: [],
    loggedOut: [],
    script: {
      authorize: async () => {},
      redeem: async () => signedIn(),
      endSession: async (uri, state) =>
        `${issuer}/logout?post_logout_redirect_uri=${encodeURIComponent(uri)}&state=${state}`,
      goodbyeForm: () => null,
      revoke: async () => {},
      logoutToken: async () => {
        throw new SallyportError('ERR_LOGOUT_TOKEN', 'not scripted', { detail: 'not-scripted' });
      },
    },
    async authorizationUrl(secrets, parameters) {
      await provider.script.authorize();
      provider.asked.push({ secrets, parameters });
      return `${issuer}/authorize?state=${secrets.state}`;
    },
    async redeem(answer, secrets) {
      provider.redeemed.push({ answer, secrets });
      return provider.script.redeem(answer);
    },
    refresh: async () => ({ kind: 'rejected', reason: 'not-scripted' }),
    async revoke(token) {
      provider.revoked.push(token);
      await provider.script.revoke();
    },
    async goodbye(idToken, postLogoutRedirectUri, state) {
      provider.loggedOut.push({ idToken, postLogoutRedirectUri });
      const url = await provider.script.endSession(postLogoutRedirectUri, state);
      return url === null ? null : { url, form: provider.script.goodbyeForm() };
    },
    verifyLogoutToken: (token) => provider.script.logoutToken(token),
    grants: { clientToken: noGrant, exchange: noGrant, onBehalfOf: noGrant, prove: null },
    pageOrigins: () => [issuer],
    isReady: () => true,
    close: async () => {},
  };
  return provider;
}

export interface MapSessions extends Sessions {
  readonly directory: MapDirectory;
  readonly live: Map<string, Session>;
  readonly slides: boolean[];
  /** When set, every call that needs the store fails. */
  down: boolean;
}

export function createMapSessions(clock: FakeClock): MapSessions {
  const cleared = `${sessionCookie}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0`;
  const reach = () => {
    if (sessions.down) throw new SallyportError('ERR_STORE_UNAVAILABLE', 'store is down', { retryAfter: 2 });
  };
  const live = new Map<string, Session>();
  const sessions: MapSessions = {
    live,
    directory: createMapDirectory(live, reach),
    slides: [],
    down: false,
    authenticate(head, options) {
      const key = readCookie(head, sessionCookie);
      if (key === null) return { kind: 'none' };
      reach();
      sessions.slides.push(options?.slide ?? true);
      const session = sessions.live.get(key);
      return session === undefined
        ? { kind: 'rejected', reason: 'unknown', setCookies: [cleared] }
        : { kind: 'session', session, setCookies: [] };
    },
    renew: async () => null,
    async begin(head, provider, { subject, claims, tokens }, startedAt = clock.now()) {
      reach();
      if (sessions.directory.hasLoggedOut({ provider, subject, sid: claims.sid }, startedAt)) {
        throw new SallyportError('ERR_LOGIN_EXPIRED', 'logged out meanwhile', { detail: 'logged-out' });
      }
      sessions.live.delete(readCookie(head, sessionCookie) ?? '');
      const key = randomBytes(32).toString('base64url');
      const session: Session = {
        key,
        logId: key.slice(0, 8),
        identity: { provider, issuer: `https://${provider}.idp.test`, subject, claims },
        tokens,
        createdAt: clock.now(),
        lastSeenAt: clock.now(),
        expiresAt: clock.now() + 1_800_000,
        absoluteExpiresAt: clock.now() + 43_200_000,
      };
      sessions.live.set(key, session);
      return {
        session,
        setCookies: [`${sessionCookie}=${key}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=43200`],
      };
    },
    async end(session) {
      reach();
      sessions.live.delete(session.key);
      return [cleared];
    },
    clearCookies: () => [cleared],
    hold: () => () => {},
    count: () => sessions.live.size,
    reverify: () => {},
    close: async () => {},
  };
  return sessions;
}

export interface MapTransactions extends LoginTransactions {
  readonly open: Map<string, LoginTransaction>;
  readonly sameSites: string[];
}

export function createMapTransactions(clock: FakeClock): MapTransactions {
  const name = (state: string) => loginPrefix + state.slice(0, 8);
  const transactions: MapTransactions = {
    open: new Map(),
    sameSites: [],
    begin(_head, transaction, sameSite) {
      transactions.open.set(transaction.state, transaction);
      transactions.sameSites.push(sameSite);
      return [`${name(transaction.state)}=${transaction.state}; Path=/; Secure; HttpOnly; Max-Age=600`];
    },
    async take(head, state) {
      const mine = readCookie(head, name(state)) === state;
      const found = mine ? transactions.open.get(state) : undefined;
      if (found !== undefined) transactions.open.delete(state);
      const fresh = found !== undefined && clock.now() - found.startedAt < 600_000;
      return {
        transaction: fresh ? found : null,
        setCookies: mine ? [`${name(state)}=; Path=/; Secure; HttpOnly; Max-Age=0`] : [],
      };
    },
  };
  return transactions;
}

/** Collaborators to use instead of the scripted ones. */
export interface GateParts {
  readonly clock: FakeClock;
  readonly sessions: Sessions;
  readonly transactions: LoginTransactions;
}

export interface GateOptions {
  readonly parts?: GateParts;
  readonly config?: unknown;
  readonly providers?: readonly Provider[];
  readonly sessionSameSite?: 'lax' | 'strict';
  readonly publicUrl?: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The authority that the client names; the public one when absent. */
  readonly host?: string;
  /** Of the client. */
  readonly address?: string;
  /** Sent urlencoded unless `headers` say otherwise. */
  readonly form?: string;
}

export type EmittedEvent = { [Name in EventName]: { name: Name; event: Events[Name] } }[EventName];

export function createGate(options: GateOptions = {}) {
  const clock = options.parts?.clock ?? createFakeClock();
  const publicUrl = new URL(options.publicUrl ?? publicOrigin);
  const providers = options.providers ?? [createScriptedProvider()];
  const sessions = createMapSessions(clock);
  const transactions = createMapTransactions(clock);
  const events: EmittedEvent[] = [];
  const config: EndpointsConfig = endpointsSchema.parse(options.config ?? {});
  const table = createEndpoints(config, {
    publicUrl,
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    sessions: options.parts?.sessions ?? sessions,
    transactions: options.parts?.transactions ?? transactions,
    cookieNames: createCookieNames({ cookie: { name: 'sallyport', sameSite: 'lax' } }, publicUrl),
    sessionSameSite: options.sessionSameSite ?? 'lax',
    clock,
    random: (count) => randomBytes(count),
    emit: (name, event) => events.push({ name, event } as EmittedEvent),
  });

  async function call(
    target: string,
    { method = 'GET', headers = {}, host, address = '127.0.0.1', form }: Call = {},
  ): Promise<Respond> {
    const contentType = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const plain = createHead({ method, target, headers: { ...contentType, ...headers } });
    const client = { ...plain.client, address };
    const head: RequestHead = { ...plain, client, host: host ?? plain.host };
    const endpoint = table.get(head.url.path)?.get(method === 'HEAD' ? 'GET' : method);
    if (endpoint === undefined) throw new Error(`no endpoint for ${method} ${head.url.path}`);
    return endpoint(head, async (limit) => {
      if ((form ?? '').length > limit) throw new SallyportError('ERR_BODY_TOO_LARGE', 'too large');
      return form ?? '';
    });
  }

  return {
    call,
    clock,
    config,
    providers,
    events,
    provider: providers[0] as ScriptedProvider,
    sessions,
    table,
    transactions,
  };
}

export type Gate = ReturnType<typeof createGate>;

/** A browser as far as cookies go. */
export function createBrowser(gate: Gate) {
  const jar = new Map<string, string>();
  const keep = (setCookies: readonly string[]) => {
    for (const line of setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/;\s*Max-Age=0/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
  };
  async function visit(target: string, request: Call = {}): Promise<Respond> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await gate.call(target, {
      ...request,
      headers: { ...(cookie === '' ? {} : { cookie }), ...request.headers },
    });
    keep(answer.setCookies);
    return answer;
  }
  /** Starts a login and answers with its `state`. */
  async function startLogin(query = ''): Promise<string> {
    const answer = await visit(`/.auth/login${query}`);
    return new URL(locationOf(answer)).searchParams.get('state') as string;
  }
  /** Signs in; answers with the callback's answer. */
  async function signIn(query = ''): Promise<Respond> {
    return visit(`/.auth/callback?code=c&state=${await startLogin(query)}`);
  }
  return { jar, visit, startLogin, signIn };
}

export type Browser = ReturnType<typeof createBrowser>;

export function locationOf(answer: Respond): string {
  const location = headerValue(answer.headers, 'location');
  if (location === null) throw new Error(`no Location in a ${answer.status}`);
  return location;
}

/** Every header and the body in one text, for looking for what must not be there. */
export function wholeAnswer(answer: Respond): string {
  return [...answer.headers, ...answer.setCookies, answer.body].join('\n');
}
