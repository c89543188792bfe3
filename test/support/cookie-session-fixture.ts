/** Sessions in cookies, with or without a deny-list, with time, provider, browser and events in the test's hands. */
import { randomBytes } from 'node:crypto';
import type { SessionAuthentication } from '../../src/core/authentication.ts';
import type { SetCookies } from '../../src/core/decision.ts';
import type { EventName, Events } from '../../src/core/events.ts';
import type { RequestHead } from '../../src/core/request-head.ts';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import type { KeyRing } from '../../src/keys/key-ring.ts';
import type { SignedIn } from '../../src/oidc/provider.ts';
import { createCookieNames } from '../../src/sessions/cookie-names.ts';
import { createCookieSessions } from '../../src/sessions/in-cookies/create-cookie-sessions.ts';
import { sessionSchema } from '../../src/sessions/session-config.ts';
import type { AuthenticateOptions } from '../../src/sessions/sessions.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import type { Store, StoreWatcher } from '../../src/stores/store.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeProvider } from './fake-provider.ts';
import { headWith } from './session-fixture.ts';

export interface CookieFixtureOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly publicUrl?: string;
  readonly keyRing?: KeyRing;
  readonly denyStore?: Store | null;
  readonly clock?: ReturnType<typeof createFakeClock>;
  readonly provider?: ReturnType<typeof createFakeProvider>;
}

export type CookieFixture = ReturnType<typeof createCookieFixture>;

export function createCookieFixture(options: CookieFixtureOptions = {}) {
  const clock = options.clock ?? createFakeClock();
  const provider = options.provider ?? createFakeProvider({ clock });
  const keyRing = options.keyRing ?? createKeyRing([randomBytes(32)]);
  const config = sessionSchema.parse({ store: 'cookie', ...options.config });
  const publicUrl = new URL(options.publicUrl ?? 'https://app.test');
  const cookieNames = createCookieNames(config, publicUrl);
  const events: { readonly name: EventName; readonly event: Events[EventName] }[] = [];
  const sessions = createCookieSessions(config, {
    denyStore: options.denyStore ?? null,
    rings: { cookies: keyRing, tokens: keyRing },
    providers: new Map([[provider.name, provider]]),
    cookieNames,
    publicUrl,
    clock,
    random: randomBytes,
    emit: (name, event) => events.push({ name, event }),
    lookEvery: 20,
  });

  const begin = async (
    browser: Browser,
    signedIn: SignedIn = provider.signIn('alice'),
    startedAt?: number,
  ) => {
    const begun = await sessions.begin(browser.head(), provider.name, signedIn, startedAt);
    browser.take(begun.setCookies);
    return begun.session;
  };
  const ask = async (browser: Browser, how?: AuthenticateOptions): Promise<SessionAuthentication> => {
    const answer = await sessions.authenticate(browser.head(), how);
    browser.take(answer.kind === 'none' ? [] : answer.setCookies);
    return answer;
  };
  /** `session`, `none`, or why not. */
  const verdict = async (browser: Browser, how?: AuthenticateOptions): Promise<string> => {
    const answer = await ask(browser, how);
    return answer.kind === 'rejected' ? answer.reason : answer.kind;
  };
  const named = <Name extends EventName>(name: Name) =>
    events.filter((entry) => entry.name === name).map((entry) => entry.event as Events[Name]);

  return { clock, provider, keyRing, config, cookieNames, sessions, events, begin, ask, verdict, named };
}

/** Two or more processes with the same keys, provider and clock. */
export function createCookieNodes(
  count: number,
  options: CookieFixtureOptions = {},
): readonly CookieFixture[] {
  const clock = options.clock ?? createFakeClock();
  const provider = options.provider ?? createFakeProvider({ clock });
  const keyRing = options.keyRing ?? createKeyRing([randomBytes(32)]);
  const shared = { ...options, clock, provider, keyRing };
  return Array.from({ length: count }, () => createCookieFixture(shared));
}

export interface Browser {
  readonly jar: ReadonlyMap<string, string>;
  head(): RequestHead;
  take(setCookies: SetCookies): void;
  /** Another browser with the same cookies: a parallel request, or a thief. */
  copy(): Browser;
}

export function createBrowser(cookies: Iterable<readonly [string, string]> = []): Browser {
  const jar = new Map(cookies);
  return {
    jar,
    head: () => (jar.size === 0 ? headWith() : headWith([...jar].map((pair) => pair.join('=')).join('; '))),
    take(setCookies) {
      for (const line of setCookies) {
        const [pair = ''] = line.split(';', 1);
        const equals = pair.indexOf('=');
        jar.delete(pair.slice(0, equals));
        if (!/; Max-Age=0(;|$)/.test(line)) jar.set(pair.slice(0, equals), pair.slice(equals + 1));
      }
    },
    copy: () => createBrowser(jar),
  };
}

/** A memory store that several processes share: each of them hears what any of them writes, a moment later. */
export function createSharedStore(clock: ReturnType<typeof createFakeClock>) {
  const store = createMemoryStore({ clock });
  const watchers: { readonly prefix: string; readonly watcher: StoreWatcher }[] = [];
  let silent = false;
  const tell = (key: string): void => {
    if (silent) return;
    for (const { prefix, watcher } of watchers)
      if (key.startsWith(prefix)) setImmediate(() => watcher.changed(key));
  };
  const told = <T>(key: string, answer: T): T => {
    tell(key);
    return answer;
  };
  const shared: Store = {
    ...store,
    set: (key, entry, tags) => told(key, store.set(key, entry, tags)),
    addIfAbsent: (key, entry) => told(key, store.addIfAbsent(key, entry)),
    compareAndSwap: (key, version, entry) => told(key, store.compareAndSwap(key, version, entry)),
    delete: (key, version) => told(key, store.delete(key, version)),
    watch: (prefix, watcher) => void watchers.push({ prefix, watcher }),
  };
  return {
    store: shared,
    lose() {
      silent = true;
      for (const { watcher } of watchers) watcher.lost();
    },
    regain() {
      silent = false;
      for (const { watcher } of watchers) watcher.regained();
    },
  };
}
