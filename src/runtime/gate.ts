/** A validated configuration becomes a gate that listens. */
import { createAdminServer, type Readiness } from '../admin/admin-server.ts';
import type { Warning } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { type Clock, type RandomBytes, systemClock, systemRandom } from '../core/clock.ts';
import { toSallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { formatAddress } from '../core/format-address.ts';
import type { Route } from '../core/route.ts';
import type { HostPort } from '../core/scalars.ts';
import { assertSafeProcess } from '../doors/safe-process.ts';
import { createServerDoor, type ServerDoor } from '../doors/server.ts';
import { createEndpoints } from '../endpoints/create-endpoints.ts';
import type { Endpoint, EndpointTable } from '../endpoints/endpoint.ts';
import { createPublicDocument } from '../endpoints/public-document.ts';
import type { LogSink } from '../observe/log-output.ts';
import type { Metrics } from '../observe/metrics.ts';
import { createAuthenticate } from '../pipeline/authenticate.ts';
import { createCallerRules } from '../pipeline/authorize.ts';
import { compileRoutes } from '../pipeline/compile-routes.ts';
import { createDecide } from '../pipeline/decide.ts';
import { createAnswers } from '../pipeline/respond.ts';
import { createRouteTable } from '../pipeline/route-table.ts';
import type { SessionDirectory } from '../sessions/session-directory.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { type Carrier, createCarrier } from '../upstreams/create-carrier.ts';
import {
  type CredentialParts,
  createAssertionParts,
  createCredentialParts,
  identityHeadersOf,
} from './credentials.ts';
import { type AllDeps, createIdentityParts, type SharedDeps } from './identity.ts';
import { createObservers } from './observers.ts';
import { createReadiness, type Phase } from './readiness.ts';

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
  /** Of plain http. Null when only TLS listens. */
  readonly address: HostPort | null;
  /** Null when no TLS listener is configured. */
  readonly tlsAddress: HostPort | null;
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
  let phase: Phase = 'starting';
  // Filled in as the parts come to be: metrics ask them only when they are asked.
  let parts: { readonly sessions: Sessions; readonly door: ServerDoor } | null = null;
  const observers = createObservers(config, options, {
    sessions: async () => (await parts?.sessions.count()) ?? null,
    inFlight: () => parts?.door.inFlight() ?? 0,
  });
  const { emit } = observers;
  const tell: Emit = options.worker === true ? () => {} : emit;
  const shared: SharedDeps = {
    publicUrl: new URL(config.publicUrl),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    emit,
  };
  const routes = compileRoutes(config);
  // What can fail and leaves nothing open comes first.
  const assertions = createAssertionParts(config, routes, shared);
  const identity = createIdentityParts(config, shared);
  const { store, sweeper, providers, sessions } = identity;
  const credentials = createCredentialParts(config, assertions, { ...shared, ...identity });
  const deps: GateDeps = { ...shared, ...identity, ...credentials };
  const carrier = createGateCarrier(config, routes, deps);
  const door = createServerDoor(config.listen, {
    ...createDeciding(config, routes, deps),
    publicUrl: shared.publicUrl,
    carrier,
    emit,
    clock: shared.clock,
    reusePort: options.worker === true,
  });
  parts = { sessions, door };
  const readiness = createReadiness({ phase: () => phase, store, providers, clock: shared.clock });
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
    await credentials.close();
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
      // A store that is away does not keep the gate from starting: public routes work, and it may come back (FL-009).
      await Promise.resolve(store.ready()).catch((error: unknown) => {
        const { code, detail } = toSallyportError(error);
        emit('store.failed', { operation: 'connect', reason: detail ?? code });
      });
      const adminAddress = (await admin?.listen()) ?? null;
      const { address, tls } = await door.listen();
      phase = 'serving';
      tell('process.started', {
        version: options.version ?? 'unknown',
        address: address === null ? null : formatAddress(address),
        tls: tls === null ? null : formatAddress(tls),
        admin: adminAddress === null ? null : formatAddress(adminAddress),
      });
      return { address, tlsAddress: tls, adminAddress };
    },
    async close() {
      phase = 'draining';
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

type GateDeps = AllDeps & Omit<CredentialParts, 'close'>;

function createDeciding(config: Config, routes: readonly Route[], deps: GateDeps) {
  const { apis, apiKeys } = deps;
  const callerRules = createCallerRules(apis, apiKeys);
  const answers = createAnswers({
    callerRules,
    publicUrl: deps.publicUrl,
    loginPath: config.endpoints.paths.login,
  });
  const decide = createDecide({
    endpoints: createOwnEndpoints(config, deps),
    endpointPrefix: config.endpoints.prefix,
    routes: createRouteTable(routes),
    authenticate: createAuthenticate({
      sessions: deps.sessions,
      hasSessionCookie: deps.cookieNames.hasSession,
      apis,
      apiKeys,
    }),
    callerRules,
    upstreamTokens: deps.upstreamTokens,
    answers,
    publicUrl: deps.publicUrl,
    clock: deps.clock,
  });
  return { decide, failure: answers.failure };
}

function createGateCarrier(config: Config, routes: readonly Route[], deps: GateDeps): Carrier {
  return createCarrier(config.clusters, {
    publicUrl: deps.publicUrl,
    isOwnCookie: deps.cookieNames.isOwn,
    identityHeaders: identityHeadersOf(config, routes, deps.apiKeys),
    hold: deps.sessions.hold,
    bodyLimit: config.listen.limits.body,
    emit: deps.emit,
    clock: deps.clock,
  });
}

/** Seconds: a changed document is seen soon, and a key that is published for longer than this may sign. */
const documentAge = 300;

/** A gate that signs nobody in needs no provider and has no endpoints for people. */
function createOwnEndpoints(config: Config, deps: GateDeps): EndpointTable {
  const { sameSite } = config.session.cookie;
  const forPeople =
    deps.providers.size === 0
      ? new Map<string, ReadonlyMap<string, Endpoint>>()
      : createEndpoints(config.endpoints, { ...deps, sessionSameSite: sameSite });
  const documents: [string, ReadonlyMap<string, Endpoint>][] = [...deps.apis.values()].flatMap(
    ({ metadata }) =>
      metadata === null
        ? []
        : [[metadata.path, createPublicDocument(metadata.document, 'application/json', documentAge)]],
  );
  if (deps.assertionKeys !== null) {
    const keys = createPublicDocument(deps.assertionKeys, 'application/jwk-set+json', documentAge);
    documents.push([config.endpoints.paths.jwks, keys]);
  }
  return new Map([...forPeople, ...documents]);
}
