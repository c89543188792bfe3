/** From the configuration to the servers: how they are found, and how each is entered. */
import type { Clock, RandomBytes } from '../../core/clock.ts';
import type { RedisConfig } from '../redis-config.ts';
import { checkMaster, unlessRefused } from './check-master.ts';
import { createClusterDiscover } from './discover-cluster.ts';
import { createSentinelDiscover } from './discover-sentinel.ts';
import { type Access, openConnection, type RedisConnection, type TlsSettings } from './redis-connection.ts';
import { createLink, type LinkDeps } from './redis-link.ts';
import { type Endpoint, parseRedisUrl } from './redis-url.ts';
import { allScripts } from './scripts.ts';
import { createTopology, type Discover, type Topology } from './topology.ts';
import type { Heard } from './tracker.ts';

interface Deps {
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface Connected {
  readonly topology: Topology;
  /** A connection to a master beside those of the topology. */
  readonly open: (endpoint: Endpoint, heard: Heard) => Promise<RedisConnection>;
  readonly close: () => void;
}

/** Milliseconds between looks at who the masters are. */
const lookEvery = 1000;

export function connectTo(config: RedisConfig, deps: Deps): Connected {
  const access = accessOf(config);
  const sentinels = sentinelLinks(config, deps);
  // Nodes of a cluster say themselves what is not theirs, and replicas are asked who the masters are.
  const enter = config.cluster === undefined ? enterMaster : loadScripts;
  const linkDeps = (onChange: () => void): LinkDeps => ({ ...deps, prepare: enter, onChange });
  const topology: Topology = createTopology({
    discover: discoverOf(config, { sentinels, linkTo: (endpoint) => topology.linkTo(endpoint) }),
    createLink: (endpoint, onChange) => createLink(endpoint, access, linkDeps(onChange)),
    every: config.url === undefined ? lookEvery : null,
  });
  return {
    topology,
    async open(endpoint, heard) {
      const connection = await openConnection(endpoint, access, { clock: deps.clock, ...heard });
      await closeOnFailure(connection, checkMaster);
      return connection;
    },
    close() {
      topology.close();
      for (const sentinel of sentinels) sentinel.close();
    },
  };
}

type Found = { readonly sentinels: ReturnType<typeof sentinelLinks>; readonly linkTo: Topology['linkTo'] };

function discoverOf(config: RedisConfig, { sentinels, linkTo }: Found): Discover {
  if (config.cluster !== undefined) return createClusterDiscover({ seeds: config.cluster.nodes, linkTo });
  if (config.sentinel !== undefined) return createSentinelDiscover(config.sentinel.master, sentinels);
  const masters = [urlOf(config).endpoint];
  return async () => ({ masters, slots: null });
}

function sentinelLinks({ sentinel, ...config }: RedisConfig, deps: Deps) {
  if (sentinel === undefined) return [];
  const { username = null, password } = sentinel;
  const access = { ...accessOf(config), username, password: password?.reveal() ?? null };
  return sentinel.nodes.map((node) => createLink(node, access, deps));
}

function accessOf(config: RedisConfig): Access {
  const url = config.url === undefined ? null : urlOf(config);
  return {
    tls: url?.tls === true || (url === null && config.tls !== undefined) ? tlsOf(config) : null,
    username: config.username ?? url?.username ?? null,
    password: config.password?.reveal() ?? url?.password ?? null,
    database: url?.database ?? 0,
    timeout: config.timeout,
    connectTimeout: config.connectTimeout,
  };
}

function tlsOf({ tls = {} }: RedisConfig): TlsSettings {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key.reveal() }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

function urlOf({ url }: RedisConfig) {
  const parsed = parseRedisUrl(url?.reveal() ?? '');
  if (typeof parsed === 'string') throw new TypeError(`the address of Redis ${parsed}`);
  return parsed;
}

/**
 * A sentinel may be behind, an address may lead to a master of before: what a replica answers may be old, and a session that
 * was ended may still be there.
 */
async function enterMaster(connection: RedisConnection): Promise<void> {
  await Promise.all([checkMaster(connection), loadScripts(connection)]);
}

/** So that the first request after a restart of the server needs no second try. */
async function loadScripts(connection: RedisConnection): Promise<void> {
  await Promise.all(allScripts.map(({ text }) => unlessRefused(connection.send(['SCRIPT', 'LOAD', text]))));
}

async function closeOnFailure(
  connection: RedisConnection,
  check: (connection: RedisConnection) => Promise<void>,
): Promise<void> {
  try {
    await check(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}
