/** One target of a cluster: its connections, how busy they are, and whether it could be reached lately. */
import { Pool } from 'undici';
import type { ClusterConfig, TargetAddress } from './cluster-config.ts';

export interface Target {
  readonly address: TargetAddress;
  /** Kept connections, for ordinary requests. */
  readonly pool: Pool;
  /** A connection for this request alone: for upgrades, and to try again after a kept one turned out to be dead. */
  fresh(): Pool;
  /** Requests that were given to `pool` and have not ended. */
  active: number;
  /** Monotonic milliseconds until which other targets are preferred. */
  restsUntil: number;
  /** What the application last asked for in DPoP proofs (`DPoP-Nonce`); null before it asked. */
  nonce: string | null;
  /** Waits for what runs. */
  close(): Promise<void>;
  destroy(): Promise<void>;
}

export function createTarget(address: TargetAddress, config: ClusterConfig): Target {
  const pool = new Pool(address.origin, poolOptions(config, 1));
  let fresh: Pool | null = null;
  const pools = () => (fresh === null ? [pool] : [pool, fresh]);
  return {
    address,
    pool,
    fresh() {
      // Pipelining 0 is undici's way to say `Connection: close`: no connection of this pool serves twice.
      fresh ??= new Pool(address.origin, poolOptions(config, 0));
      return fresh;
    },
    active: 0,
    restsUntil: 0,
    nonce: null,
    async close() {
      await Promise.all(pools().map((one) => one.close()));
    },
    async destroy() {
      await Promise.all(pools().map((one) => one.destroy()));
    },
  };
}

/** Everything explicit: undici's defaults (HTTP/2 on, 300 s, connections without bound) are not ours. */
function poolOptions(config: ClusterConfig, pipelining: 0 | 1): Pool.Options {
  const { timeouts } = config;
  return {
    connections: config.connections,
    pipelining,
    allowH2: false,
    useMilo: false,
    strictContentLength: true,
    maxHeaderSize: config.limits.responseHead,
    maxResponseSize: -1,
    headersTimeout: timeouts.responseHead,
    bodyTimeout: timeouts.idle,
    keepAliveTimeout: timeouts.keepAlive,
    // A `Keep-Alive: timeout=` hint of the application may shorten the time, never make it longer.
    keepAliveMaxTimeout: timeouts.keepAlive,
    keepAliveTimeoutThreshold: 1000,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 250,
    connect: {
      timeout: timeouts.connect,
      maxCachedSessions: 100,
      rejectUnauthorized: true,
      ...(config.tls.ca === null ? {} : { ca: config.tls.ca }),
    },
  };
}
