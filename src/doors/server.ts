/**
 * The door of the public listeners: `node:http` with what its defaults leave open closed, plain and over TLS. Every message is checked, made
 * into one canonical head, decided, and answered or handed to the carrier; what is refused is never looked at again.
 */
import type { AddressInfo } from 'node:net';
import { systemRandom } from '../core/clock.ts';
import type { HostPort } from '../core/scalars.ts';
import { ActiveExchanges } from './active-exchanges.ts';
import { createHostCheck } from './allowed-hosts.ts';
import { createCertificateReader } from './certificate-header.ts';
import { createClientAddress } from './client-address.ts';
import type { Door, ServerDoorDeps } from './door.ts';
import { drain } from './drain.ts';
import { headerRule, withClientCertificate } from './header-rules.ts';
import { createHttpListener, type HttpListener } from './http-listener.ts';
import { compileNetworks, type ListenConfig } from './listen-config.ts';
import { explainListenError } from './listen-error.ts';
import { watchSockets } from './open-sockets.ts';
import { createRequestIds } from './request-ids.ts';
import { sweep } from './sweeper.ts';

/** Where a door listens. At least one is not null. */
export interface DoorAddresses {
  /** Of plain http. */
  readonly address: HostPort | null;
  readonly tls: HostPort | null;
}

export interface ServerDoor {
  /** Resolves once connections are accepted; rejects with a message for the operator. */
  listen(): Promise<DoorAddresses>;
  /** Stops accepting and finishes what runs; true when all was finished within `timeouts.drain`. */
  close(): Promise<boolean>;
  inFlight(): number;
}

/** Milliseconds; with the age at which exchanges are tied to their sessions it makes less than two seconds. */
const sweepEvery = 500;

export function createServerDoor(config: ListenConfig, deps: ServerDoorDeps): ServerDoor {
  const door = createDoor(config, deps);
  const { address, tls } = config;
  const plainListener = address === null ? null : createHttpListener(door);
  const tlsListener = tls === undefined ? null : createHttpListener(door, tls);
  const listeners = [plainListener, tlsListener].filter((listener) => listener !== null);
  const sockets = watchSockets(listeners, config.limits.connections);
  const listenAt = async (listener: HttpListener | null, at: HostPort | null): Promise<HostPort | null> =>
    listener === null || at === null
      ? null
      : listenOn(listener, { ...at, reusePort: deps.reusePort === true });
  const interval = Math.min(
    sweepEvery,
    Math.max(20, Math.min(config.timeouts.body, config.timeouts.stall) / 4),
  );
  let sweeper: NodeJS.Timeout | null = null;
  let closed: Promise<boolean> | null = null;
  return {
    async listen() {
      const addresses = {
        address: await listenAt(plainListener, address),
        tls: await listenAt(tlsListener, tls?.address ?? null),
      };
      let before = deps.clock.monotonic();
      sweeper = setInterval(() => {
        const now = deps.clock.monotonic();
        sweep(door, now - before);
        before = now;
      }, interval).unref();
      return addresses;
    },
    close() {
      closed ??= drain(door, listeners, sockets).finally(() => clearInterval(sweeper ?? undefined));
      return closed;
    },
    inFlight: () => door.active.size,
  };
}

function createDoor(config: ListenConfig, deps: ServerDoorDeps): Door {
  return {
    config,
    deps,
    framingRules: {
      headerRule:
        config.clientCertificateHeader === undefined
          ? headerRule
          : withClientCertificate(config.clientCertificateHeader.name),
      checkHost: createHostCheck(deps.publicUrl, config.hosts),
      headers: config.limits.headers,
      url: config.limits.url,
    },
    clientAddress: createClientAddress(compileNetworks(config.trustedProxies)),
    readCertificate: createCertificateReader(config.clientCertificateHeader),
    nextId: deps.requestIds ?? createRequestIds(systemRandom),
    active: new ActiveExchanges(),
    draining: false,
  };
}

function listenOn(
  server: HttpListener,
  address: HostPort & { readonly reusePort: boolean },
): Promise<HostPort> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(new Error(explainListenError(error, address)));
    server.once('error', onError);
    server.listen(address, () => {
      server.off('error', onError);
      // A connection that could not be accepted (out of file descriptors) is no reason to stop (DL-040).
      server.on('error', () => {});
      const bound = server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
  });
}

export type { ServerDoorDeps } from './door.ts';
