/**
 * The only place where long-lived parts are made and tied together: a validated configuration becomes a gate that
 * listens. Everything else receives what it needs as an argument.
 */
import { join } from 'node:path';
import { createAdminServer, type Readiness } from './admin/admin-server.ts';
import type { Warning } from './config/problem.ts';
import type { Config } from './config/schema.ts';
import { type Clock, type RandomBytes, systemClock, systemRandom } from './core/clock.ts';
import { createEmit, type Emit } from './core/events.ts';
import { formatAddress } from './core/format-address.ts';
import type { Route } from './core/route.ts';
import type { HostPort } from './core/scalars.ts';
import { assertSafeProcess } from './doors/safe-process.ts';
import { createServerDoor, type ServerDoor } from './doors/server.ts';
import { createEndpoints } from './endpoints/create-endpoints.ts';
import type { EndpointTable } from './endpoints/endpoint.ts';
import { createKeyRings } from './keys/create-key-rings.ts';
import type { KeyRings } from './keys/key-ring.ts';
import { createAccessLog } from './observe/access-log.ts';
import { createEventLog } from './observe/event-log.ts';
import type { LogSink } from './observe/log-output.ts';
import { createLogger, type Logger } from './observe/logger.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { createProvider } from './oidc/create-provider.ts';
import type { Providers } from './oidc/provider.ts';
import { compileRoutes } from './pipeline/compile-routes.ts';
import { createDecide } from './pipeline/decide.ts';
import { createAnswers } from './pipeline/respond.ts';
import { createRouteTable } from './pipeline/route-table.ts';
import { type CookieNames, createCookieNames } from './sessions/cookie-names.ts';
import { createSessionDirectory } from './sessions/create-session-directory.ts';
import { createSessions } from './sessions/create-sessions.ts';
import { createCookieSessionDirectory } from './sessions/in-cookies/cookie-session-directory.ts';
import { createDenyList } from './sessions/in-cookies/deny-list.ts';
import { createLimits } from './sessions/limits.ts';
import { createLoginTransactions } from './sessions/login-transactions.ts';
import type { SessionDirectory } from './sessions/session-directory.ts';
import type { LoginTransactions, Sessions } from './sessions/sessions.ts';
import { createMemoryStore } from './stores/memory-store.ts';
import { createObservedStore } from './stores/observed-store.ts';
import { createRedisStore } from './stores/redis/redis-store.ts';
import { createSqliteStore } from './stores/sqlite-store.ts';
import type { Store } from './stores/store.ts';
import { createSweeper, type Sweeper } from './stores/sweeper.ts';
import { type Carrier, createCarrier } from './upstreams/create-carrier.ts';

export type { SessionDirectory, SessionFilter, SessionSummary } from './sessions/session-directory.ts';

export interface GateOptions {
  /** Shown in logs, metrics and to nobody else. */
  readonly version?: string;
  readonly clock?: Clock;
  readonly random?: RandomBytes;
  /** What the configuration check warned of; logged at start. */
  readonly warnings?: readonly Warning[];
  /** Where log lines go; standard output when absent. */
  readonly logSink?: LogSink;
  /**
   * This process is one of several behind one port: it shares the port, opens no admin listener, and leaves it to who
   * started it to tell of the start and the end.
   */
  readonly worker?: boolean;
}

export interface GateAddresses {
  readonly address: HostPort;
  /** Null when no admin listener is configured. */
  readonly adminAddress: HostPort | null;
}

export interface Gate {
  /** Begins to accept. Rejects when an address cannot be had; then `close` what was begun. */
  listen(): Promise<GateAddresses>;
  /** Stops accepting, finishes what runs within `listen.timeouts.drain`, and lets go of everything. True when all was finished. */
  close(): Promise<boolean>;
  readonly operations: GateOperations;
}

/** What the admin listener serves, for those who serve it themselves. */
export interface GateOperations {
  readonly metrics: Pick<Metrics, 'expose' | 'snapshot' | 'contentType'>;
  /** Whether this process should get traffic now. */
  readonly readiness: () => Promise<Readiness>;
  readonly sessions: SessionDirectory;
  /** Requests and upgraded connections that are being carried now. */
  readonly inFlight: () => number;
}

/** How long the last log lines may take to be written (milliseconds). */
const logDeadline = 2000;

/** Throws when the store or a key cannot be opened; nothing is left open then. */
export function createGate(config: Config, options: GateOptions = {}): Gate {
  assertSafeProcess(process);
  const state: GateState = { phase: 'starting', sessions: null, door: null };
  const observers = createObservers(config, options, state);
  const { emit } = observers;
  const tell: Emit = options.worker === true ? () => {} : emit;
  const shared: SharedDeps = {
    publicUrl: new URL(config.publicUrl),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    emit,
  };
  const identity = createIdentityParts(config, shared);
  const { store, sweeper, providers, sessions } = identity;
  state.sessions = sessions;
  const routes = compileRoutes(config);
  const carrier = createGateCarrier(config, routes, { ...shared, ...identity });
  const door = createServerDoor(config.listen, {
    ...createDeciding(config, routes, { ...shared, ...identity }),
    publicUrl: shared.publicUrl,
    carrier,
    emit,
    clock: shared.clock,
    reusePort: options.worker === true,
  });
  state.door = door;
  const readiness = createReadiness(state, store, { providers, clock: shared.clock });
  const admin =
    config.admin === undefined || options.worker === true
      ? null
      : createAdminServer(config.admin, {
          metrics: observers.metrics,
          readiness,
          sessions: { directory: sessions.directory, clock: shared.clock },
        });

  const release = async (): Promise<void> => {
    await carrier.close(config.listen.timeouts.drain);
    await sessions.close();
    sweeper.stop();
    identity.rings.close();
    for (const provider of providers.values()) await provider.close();
    await store.close();
    await admin?.close();
  };

  return {
    async listen() {
      for (const { path, message } of options.warnings ?? [])
        tell('config.warned', { message: `${path} ${message}` });
      const adminAddress = (await admin?.listen()) ?? null;
      const address = await door.listen();
      state.phase = 'serving';
      tell('process.started', {
        version: options.version ?? 'unknown',
        address: formatAddress(address),
        admin: adminAddress === null ? null : formatAddress(adminAddress),
      });
      return { address, adminAddress };
    },
    async close() {
      state.phase = 'draining';
      tell('process.draining', { inFlight: door.inFlight() });
      const drained = await door.close();
      await release();
      tell('process.stopped', { drained });
      await observers.logger.close(logDeadline);
      return drained;
    },
    operations: {
      metrics: observers.metrics,
      readiness,
      sessions: sessions.directory,
      inFlight: door.inFlight,
    },
  };
}

/** What observers ask for when they are asked: filled in as the parts come to be. */
interface GateState {
  phase: 'starting' | 'serving' | 'draining';
  sessions: Sessions | null;
  door: ServerDoor | null;
}

interface Observers {
  readonly emit: Emit;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

function createObservers(config: Config, options: GateOptions, state: GateState): Observers {
  const logger = createLogger(config.log, {
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.logSink === undefined ? {} : { sink: options.logSink }),
  });
  const metrics = createMetrics({
    version: options.version ?? 'unknown',
    sessions: async () => (await state.sessions?.count()) ?? 0,
    inFlight: () => state.door?.inFlight() ?? 0,
    linesDropped: logger.dropped,
  });
  const accessLog = config.log.access ? [createAccessLog(logger)] : [];
  return { logger, metrics, emit: createEmit([metrics.subscriber, createEventLog(logger), ...accessLog]) };
}

function createStore(config: Config, deps: Pick<SharedDeps, 'clock' | 'random' | 'emit'>): Store {
  const { clock } = deps;
  const { store, denyList } = config.session;
  const kind = store === 'cookie' ? denyList : store;
  if (kind === 'memory') return createMemoryStore({ clock });
  if (typeof kind === 'object') return createRedisStore(kind.redis, deps);
  return createSqliteStore({ path: join(config.dataDir, 'sessions.db') }, { clock });
}

export interface SessionAccess {
  readonly directory: SessionDirectory;
  close(): Promise<void>;
}

/**
 * The sessions of a configuration for a process that is no gate. Fails with `ERR_STORE_UNAVAILABLE`. Throws for sessions
 * that only a gate, or nobody, can reach: a misuse.
 */
export async function openSessionDirectory(config: Config): Promise<SessionAccess> {
  const { store: kind, denyList } = config.session;
  if (kind === 'memory' || (kind === 'cookie' && denyList === undefined))
    throw new Error('these sessions cannot be reached from here');
  const deps = { clock: systemClock, random: systemRandom, emit: () => {} };
  const rings = createKeyRings(config.session.keys, { ...deps, dataDir: config.dataDir });
  const store = createStore(config, deps);
  const close = async (): Promise<void> => {
    rings.close();
    await store.close();
  };
  try {
    await store.ready();
    const directory =
      kind === 'cookie'
        ? createDenialDirectory(config.session, { ...deps, store })
        : createSessionDirectory({
            ...deps,
            store,
            keyRing: rings.tokens,
            limits: createLimits(config.session),
            providers: Object.keys(config.providers),
          });
    return { directory, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Sessions in cookies can be denied from here; those that they are of hear of it through the store. */
function createDenialDirectory(
  session: Config['session'],
  deps: { readonly store: Store; readonly clock: Clock; readonly emit: Emit },
): SessionDirectory {
  const nobody = { onDenied: () => {}, onUncertain: () => {} };
  const denyList = createDenyList({ ...deps, ...nobody, absolute: session.absoluteTimeout });
  return createCookieSessionDirectory({ ...deps, ...nobody, fleet: { denyList, store: deps.store } });
}

interface SharedDeps {
  readonly publicUrl: URL;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

function createProviders(config: Config, deps: SharedDeps): Providers {
  const redirectUri = deps.publicUrl.origin + config.endpoints.paths.callback;
  return new Map(
    Object.entries(config.providers).map(([name, one]) => [
      name,
      createProvider(name, one, { ...deps, redirectUri }),
    ]),
  );
}

/** Who somebody is and for how long: everything behind `authenticate` and the own endpoints. */
interface IdentityParts {
  readonly cookieNames: CookieNames;
  readonly rings: KeyRings;
  readonly store: Store;
  readonly sweeper: Sweeper;
  readonly providers: Providers;
  readonly sessions: Sessions;
  readonly transactions: LoginTransactions;
}

type AllDeps = SharedDeps & IdentityParts;

function createIdentityParts(config: Config, shared: SharedDeps): IdentityParts {
  const cookieNames = createCookieNames(config.session, shared.publicUrl);
  // What can fail comes first, the store last: nothing has to be closed then.
  const rings = createKeyRings(config.session.keys, { ...shared, dataDir: config.dataDir });
  const providers = createProviders(config, shared);
  const store = createObservedStore(createStore(config, shared), shared);
  const parts = { ...shared, store, keyRing: rings.tokens, cookieNames };
  return {
    cookieNames,
    store,
    sweeper: createSweeper(store),
    providers,
    sessions: createSessions(config.session, { ...parts, providers }),
    transactions: createLoginTransactions({ ...parts, keyRing: rings.cookies }),
    rings,
  };
}

function createDeciding(config: Config, routes: readonly Route[], deps: AllDeps) {
  const answers = createAnswers({ publicUrl: deps.publicUrl, loginPath: config.endpoints.paths.login });
  const decide = createDecide({
    endpoints: createOwnEndpoints(config, deps),
    endpointPrefix: config.endpoints.prefix,
    routes: createRouteTable(routes),
    sessions: deps.sessions,
    answers,
    publicUrl: deps.publicUrl,
    clock: deps.clock,
  });
  return { decide, failure: answers.failure };
}

function createGateCarrier(config: Config, routes: readonly Route[], deps: AllDeps): Carrier {
  return createCarrier(config.clusters, {
    publicUrl: deps.publicUrl,
    isOwnCookie: deps.cookieNames.isOwn,
    identityHeaders: [...new Set(routes.flatMap((route) => route.requestHeaders.map(({ name }) => name)))],
    hold: deps.sessions.hold,
    bodyLimit: config.listen.limits.body,
    emit: deps.emit,
    clock: deps.clock,
  });
}

/** A gate with public routes alone needs no provider and has nobody to sign in. */
function createOwnEndpoints(config: Config, deps: AllDeps): EndpointTable {
  if (deps.providers.size === 0) return new Map();
  const { sameSite } = config.session.cookie;
  return createEndpoints(config.endpoints, {
    ...deps,
    sessionSameSite: sameSite,
  });
}

/** How long a look at the store counts (milliseconds), so that asking often costs nothing. */
const readinessAge = 1000;

/**
 * Ready: serving, with a store that answers. A provider that is not known yet is told but does not count: sessions and
 * public routes work without it, and taking the gate out of service would not bring it back.
 */
function createReadiness(state: GateState, store: Store, deps: { providers: Providers; clock: Clock }) {
  let seenAt = Number.NEGATIVE_INFINITY;
  let storeAnswers = false;
  const lookAtStore = async (): Promise<void> => {
    seenAt = deps.clock.monotonic();
    try {
      await store.get('readiness');
      storeAnswers = true;
    } catch {
      storeAnswers = false;
    }
  };
  return async (): Promise<Readiness> => {
    if (deps.clock.monotonic() - seenAt >= readinessAge) await lookAtStore();
    const checks: Record<string, string> = { state: state.phase, store: storeAnswers ? 'ok' : 'down' };
    for (const [name, provider] of deps.providers)
      checks[`provider.${name}`] = provider.isReady() ? 'ok' : 'unknown';
    return { ready: state.phase === 'serving' && storeAnswers, checks };
  };
}
