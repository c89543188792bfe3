/** Sessions over a store of the test's choice, with time, provider and events in the test's hands. */
import { randomBytes } from 'node:crypto';
import type { SessionAuthentication } from '../../src/core/authentication.ts';
import type { SetCookies } from '../../src/core/decision.ts';
import type { EventName, Events } from '../../src/core/events.ts';
import type { HeaderList } from '../../src/core/headers.ts';
import type { RequestHead } from '../../src/core/request-head.ts';
import type { Session } from '../../src/core/session.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import type { KeyRing } from '../../src/keys/key-ring.ts';
import { createCookieNames } from '../../src/sessions/cookie-names.ts';
import { createSessions } from '../../src/sessions/create-sessions.ts';
import { createLoginTransactions } from '../../src/sessions/login-transactions.ts';
import { sessionSchema } from '../../src/sessions/session-config.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import type { Store } from '../../src/stores/store.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeProvider } from './fake-provider.ts';
import { createSharedStore } from './shared-store.ts';

export interface FixtureOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly publicUrl?: string;
  readonly keyRing?: KeyRing;
  readonly store?: Store;
  readonly clock?: ReturnType<typeof createFakeClock>;
  readonly provider?: ReturnType<typeof createFakeProvider>;
}

export type Fixture = ReturnType<typeof createSessionFixture>;

export function createSessionFixture(options: FixtureOptions = {}) {
  const clock = options.clock ?? createFakeClock();
  const provider = options.provider ?? createFakeProvider({ clock });
  const store = options.store ?? createMemoryStore({ clock });
  const keyRing = options.keyRing ?? createKeyRing([randomBytes(32)]);
  const config = sessionSchema.parse(options.config ?? {});
  const publicUrl = new URL(options.publicUrl ?? 'https://app.test');
  const cookieNames = createCookieNames(config, publicUrl);
  const events: { readonly name: EventName; readonly event: Events[EventName] }[] = [];
  const sessions = createSessions(config, {
    store,
    keyRing,
    providers: new Map([[provider.name, provider]]),
    cookieNames,
    publicUrl,
    clock,
    random: randomBytes,
    emit: (name, event) => events.push({ name, event }),
    lookEvery: 20,
  });
  const transactions = createLoginTransactions({ store, keyRing, cookieNames, clock });

  /** Signs somebody in; answers the session and the browser's `Cookie` field. */
  const signIn = async (
    subject = 'alice',
    tokens: Parameters<typeof provider.signIn>[1] = {},
    head = headWith(),
  ) => {
    const begun = await sessions.begin(head, provider.name, provider.signIn(subject, tokens));
    return { session: begun.session, cookie: cookieOf(begun.setCookies), setCookies: begun.setCookies };
  };
  /** The session that a `Cookie` field speaks for, or null. */
  const sessionOf = async (cookie: string, slide = true): Promise<Session | null> => {
    const answer = await sessions.authenticate(headWith(cookie), { slide });
    return answer.kind === 'session' ? answer.session : null;
  };
  const authenticate = async (...cookies: readonly string[]): Promise<SessionAuthentication> =>
    sessions.authenticate(headWith(...cookies));
  const named = <Name extends EventName>(name: Name) =>
    events.filter((entry) => entry.name === name).map((entry) => entry.event as Events[Name]);

  return {
    /** For another node, or the same after a restart. */
    shared: { clock, provider, store, keyRing },
    clock,
    provider,
    store,
    keyRing,
    config,
    cookieNames,
    sessions,
    transactions,
    events,
    signIn,
    sessionOf,
    authenticate,
    named,
  };
}

/** Several nodes over one store that tells each of them what the others write. */
export function createFleet(size: number, options: FixtureOptions & { readonly isAsync?: boolean } = {}) {
  const clock = options.clock ?? createFakeClock();
  const provider = options.provider ?? createFakeProvider({ clock });
  const keyRing = options.keyRing ?? createKeyRing([randomBytes(32)]);
  const shared = createSharedStore({ clock });
  const stores = Array.from({ length: size }, () => shared.node({ isAsync: options.isAsync ?? false }));
  const nodes = stores.map((store) => createSessionFixture({ ...options, clock, provider, keyRing, store }));
  const close = () => Promise.all(nodes.map((node) => node.sessions.close()));
  return { clock, provider, keyRing, shared, stores, nodes, close };
}

/** A request head with these `Cookie` fields. */
export function headWith(...cookies: readonly string[]): RequestHead {
  const headers: HeaderList = cookies.flatMap((cookie) => ['cookie', cookie]);
  return {
    id: 'r1',
    method: 'GET',
    url: { path: '/', search: '' },
    host: 'app.test',
    headers,
    client: { address: '127.0.0.1', scheme: 'https', certificateThumbprint: null },
    upgrade: null,
  };
}

/** What a browser would send back: the cookies that were set and not cleared. */
export function cookieOf(setCookies: SetCookies): string {
  return setCookies
    .filter((text) => !/; Max-Age=0(;|$)/.test(text))
    .map((text) => text.split(';', 1)[0])
    .join('; ');
}

/** Waits until `condition` holds; fails after `deadline` milliseconds. */
export async function until(condition: () => boolean, deadline = 3000): Promise<void> {
  const end = performance.now() + deadline;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not come to that in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
