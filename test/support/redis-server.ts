/** Real Redis servers for tests: one alone, a cluster, one watched by sentinels. On loopback, in folders of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const run = promisify(execFile);
const environment = { PATH: process.env.PATH ?? '' };

export interface RedisOptions {
  /** A free one when absent. */
  readonly port?: number;
  /** A temporary folder, removed with `stop`, when absent. */
  readonly dir?: string;
  /** Keeps its data over `restart`. */
  readonly persist?: boolean;
  /** As on the command line: `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[];
  /** How `cli` and the check for readiness get in: `['--tls', '--cacert', …]`, `['-a', …]`. */
  readonly cliArgs?: readonly string[];
  /** Its port speaks TLS, with what `args` say. */
  readonly tls?: boolean;
  /** Runs as a sentinel with this configuration. */
  readonly sentinel?: string;
}

export interface RedisServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  readonly pid: number;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
  /** SIGKILL: what was not on the disk is gone. */
  kill(): Promise<void>;
  /** Starts it again on its port, with its data when it persists. Ends it before when it runs. */
  restart(args?: readonly string[]): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Output of `redis-cli` with these arguments, trimmed. */
  cli(...args: readonly string[]): Promise<string>;
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const host = '127.0.0.1';
  const port = options.port ?? (await freePort());
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'sallyport-redis-'));
  mkdirSync(dir, { recursive: true });
  let child: ChildProcess | null = null;

  const cli = async (...args: readonly string[]): Promise<string> => {
    const all = ['-h', host, '-p', `${port}`, ...(options.cliArgs ?? []), ...args];
    const { stdout } = await run('redis-cli', all, { env: environment, timeout: 10_000 });
    return stdout.trim();
  };

  const start = async (extra: readonly string[] = []): Promise<void> => {
    const started = spawnServer({ host, port, dir, options, extra });
    child = started;
    const failed = whyItEnded(started);
    await Promise.race([failed, untilListening(port, () => started.exitCode === null)]);
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    ending.kill('SIGCONT');
    await ended;
  };

  await start();
  return {
    url: `${options.tls === true ? 'rediss' : 'redis'}://${host}:${port}`,
    host,
    port,
    dir,
    get pid() {
      return child?.pid ?? -1;
    },
    async stop() {
      await end('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
    kill: () => end('SIGKILL'),
    async restart(args) {
      await end(options.persist === true ? 'SIGTERM' : 'SIGKILL');
      await start(args);
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    cli,
  };
}

interface Spawning {
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  readonly options: RedisOptions;
  readonly extra: readonly string[];
}

function spawnServer({ host, port, dir, options, extra }: Spawning): ChildProcess {
  const persistence =
    options.persist === true
      ? ['--appendonly', 'yes', '--appendfsync', 'always']
      : ['--save', '', '--appendonly', 'no'];
  const listen = options.tls === true ? ['--port', '0', '--tls-port', `${port}`] : ['--port', `${port}`];
  const args =
    options.sentinel === undefined
      ? [...listen, '--bind', host, '--dir', dir, ...persistence]
      : [configFile(dir, options.sentinel), '--sentinel', '--port', `${port}`, '--bind', host, '--dir', dir];
  return spawn('redis-server', [...args, ...(options.args ?? []), ...extra], {
    cwd: dir,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function configFile(dir: string, text: string): string {
  const file = join(dir, 'sentinel.conf');
  writeFileSync(file, text);
  return file;
}

/** Rejects when it ends before it is wanted, with what it said last. */
function whyItEnded(child: ChildProcess): Promise<never> {
  let said = '';
  const hear = (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2000);
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing =
        'redis-server is not in PATH: these tests need a real one (Debian: apt install redis-server)';
      reject(error.code === 'ENOENT' ? new Error(missing) : error);
    });
    child.once('exit', (code) => reject(new Error(`redis-server ended (${code}):\n${said}`)));
  });
  failed.catch(() => {});
  return failed;
}

async function untilListening(port: number, runs: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end && runs(); await sleep(10)) {
    if (await accepts(port)) return;
  }
  throw new Error('redis-server does not listen');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Asks until the answer is the wanted one; fails with the last answer after ten seconds. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limit = 10_000,
): Promise<void> {
  for (const end = Date.now() + limit; Date.now() < end; await sleep(20)) {
    if (await holds()) return;
  }
  throw new Error(`it did not come about in ${limit} ms: ${what}`);
}

export interface RedisCluster {
  /** Masters first, in the order of their slots; then a replica of each when asked for. */
  readonly nodes: readonly RedisServer[];
  /** `127.0.0.1:port` of each. */
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** A replica for each master. */
  readonly replicas?: boolean;
  readonly args?: readonly string[];
  /** Milliseconds until a node that does not answer is taken for dead. */
  readonly nodeTimeout?: number;
}

const slots = 16_384;

export async function startCluster(masters = 3, options: ClusterOptions = {}): Promise<RedisCluster> {
  const count = options.replicas === true ? masters * 2 : masters;
  const nodes = await Promise.all(Array.from({ length: count }, () => startClusterNode(options)));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    await joinCluster(nodes, masters);
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, addresses: nodes.map(({ port }) => `127.0.0.1:${port}`), stop };
}

async function startClusterNode({ args = [], nodeTimeout = 1000 }: ClusterOptions): Promise<RedisServer> {
  const port = await freePort();
  const cluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${nodeTimeout}`];
  const bus = ['--cluster-port', `${await freePort()}`];
  return startRedis({ port, args: [...cluster, ...bus, '--repl-diskless-sync-delay', '0', ...args] });
}

async function joinCluster(nodes: readonly RedisServer[], masters: number): Promise<void> {
  const [first] = nodes;
  if (first === undefined) return;
  await Promise.all(
    nodes.slice(0, masters).map((node, index) => {
      const from = Math.floor((index * slots) / masters);
      const to = Math.floor(((index + 1) * slots) / masters) - 1;
      return node.cli('cluster', 'addslotsrange', `${from}`, `${to}`);
    }),
  );
  for (const [index, node] of nodes.entries()) {
    await node.cli('cluster', 'set-config-epoch', `${index + 1}`);
    if (node === first) continue;
    const bus = (await node.cli('config', 'get', 'cluster-port')).split('\n')[1] as string;
    await first.cli('cluster', 'meet', '127.0.0.1', `${node.port}`, bus);
  }
  await until('all nodes know each other', () => everyNode(nodes, `cluster_known_nodes:${nodes.length}`));
  await Promise.all(
    nodes.slice(masters).map(async (node, index) => {
      const id = await (nodes[index] as RedisServer).cli('cluster', 'myid');
      await until(
        'the replica knows its master',
        async () => (await node.cli('cluster', 'replicate', id)) === 'OK',
      );
      await until('the replica is in step', async () =>
        (await node.cli('info', 'replication')).includes('master_link_status:up'),
      );
    }),
  );
  await until('the cluster is whole', () => everyNode(nodes, 'cluster_state:ok'));
  // Without full coverage a node calls it whole before it has heard who holds the other slots.
  await until('every node knows all slots', () => everyNode(nodes, 'cluster_slots_ok:16384'));
}

async function everyNode(nodes: readonly RedisServer[], line: string): Promise<boolean> {
  const told = await Promise.all(nodes.map((node) => node.cli('cluster', 'info')));
  return told.every((text) => text.includes(line));
}

export interface RedisSentinel {
  /** Name under which the sentinels know the master. */
  readonly name: string;
  /** The two servers; which one is the master changes. */
  readonly servers: readonly [RedisServer, RedisServer];
  readonly sentinels: readonly RedisServer[];
  /** `127.0.0.1:port` of each sentinel. */
  readonly addresses: readonly string[];
  /** The one that the first sentinel names. */
  master(): Promise<RedisServer>;
  /** Asks for a failover and waits until the other one is told to be the master. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  readonly count?: number;
  readonly persist?: boolean;
  /** Milliseconds until a master that does not answer is taken for dead. */
  readonly downAfter?: number;
}

/** A master, a replica of it, and sentinels that agree as soon as one of them says so. */
export async function startSentinel(options: SentinelOptions = {}): Promise<RedisSentinel> {
  const name = 'sallyport';
  const persist = options.persist === true;
  const first = await startRedis({ persist, args: ['--repl-diskless-sync-delay', '0'] });
  const replicaOf = ['--replicaof', `127.0.0.1 ${first.port}`, '--repl-diskless-sync-delay', '0'];
  const second = await startRedis({ persist, args: replicaOf });
  await until('the replica is in step', async () =>
    (await second.cli('info', 'replication')).includes('master_link_status:up'),
  );
  const sentinel = sentinelConfig({ name, port: first.port, downAfter: options.downAfter ?? 700 });
  const sentinels = await Promise.all(
    Array.from({ length: options.count ?? 1 }, () => startRedis({ sentinel })),
  );
  const [asked] = sentinels as [RedisServer];
  const servers = [first, second] as const;
  const masterPort = async () =>
    Number((await asked.cli('sentinel', 'get-master-addr-by-name', name)).split('\n')[1]);
  await until('the sentinel knows the replica', async () =>
    (await asked.cli('sentinel', 'replicas', name)).includes(`${second.port}`),
  );
  return {
    name,
    servers,
    sentinels,
    addresses: sentinels.map(({ port }) => `127.0.0.1:${port}`),
    async master() {
      const port = await masterPort();
      return servers.find((server) => server.port === port) ?? first;
    },
    async failover() {
      const before = await masterPort();
      await until('a failover begins', async () => (await asked.cli('sentinel', 'failover', name)) === 'OK');
      await until('the other one is the master', async () => (await masterPort()) !== before);
    },
    async stop() {
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()));
    },
  };
}

function sentinelConfig({
  name,
  port,
  downAfter,
}: {
  name: string;
  port: number;
  downAfter: number;
}): string {
  return [
    `sentinel monitor ${name} 127.0.0.1 ${port} 1`,
    `sentinel down-after-milliseconds ${name} ${downAfter}`,
    `sentinel failover-timeout ${name} 3000`,
    `sentinel parallel-syncs ${name} 1`,
    '',
  ].join('\n');
}
