/**
 * One connection to one server, from HELLO to its end; it never reconnects by itself. Every command has a deadline, and
 * only so many may wait: a server that stopped, is slow or cannot be reached costs a bounded time and bounded memory.
 */
import { isIP } from 'node:net';
import type { RedisClientOptions } from '@redis/client';
import type { Clock } from '../../core/clock.ts';
import { clientLibrary } from './client-library.ts';
import { redisFailure, redisUnavailable, replyCode } from './redis-error.ts';
import type { Endpoint } from './redis-url.ts';
import { within } from './within.ts';

export type Argument = string | Buffer;

export interface TlsSettings {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** How a server is entered. */
export interface Access {
  /** Null: without TLS. */
  readonly tls: TlsSettings | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number;
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds. */
  readonly connectTimeout: number;
}

export interface RedisConnection {
  /**
   * The reply, with strings as bytes. Error replies are thrown as they are, everything else as
   * `ERR_STORE_UNAVAILABLE`. `timeout` in milliseconds instead of the usual one.
   */
  send(args: readonly Argument[], timeout?: number): Promise<unknown>;
  /** Milliseconds since the server was last heard of. */
  silence(): number;
  isIdle(): boolean;
  close(): void;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  /** Called once, when an open connection has ended for whatever reason but `close`. */
  readonly onEnd: (error: unknown) => void;
  /** Turns invalidation messages on; null: all keys. */
  readonly onInvalidate?: (key: string | null) => void;
}

/** Commands that may wait for their reply on one connection. */
const mostInFlight = 8192;

/** One object: the library builds a class for each new one. */
const protocol = { RESP: 3 } as const;
const makeClient = (options: RedisClientOptions) => clientLibrary().RedisClient.factory(protocol)(options);

/** Fails within `connectTimeout`, with the error of the library, of the server or of the system. */
export async function openConnection(
  endpoint: Endpoint,
  access: Access,
  deps: ConnectionDeps,
): Promise<RedisConnection> {
  const client = makeClient(clientOptions(endpoint, access, deps.onInvalidate !== undefined));
  let open = false;
  let ended = false;
  const end = (error: unknown): void => {
    if (ended) return;
    ended = true;
    client.destroy();
    if (open) deps.onEnd(error);
  };
  // The library tells of the end of a connection by an error, also while it is being made.
  client.on('error', end);
  const talk = createTalk(client, { endpoint, timeout: access.timeout, clock: deps.clock, end });
  client.on('invalidate', (key: unknown) => {
    talk.heard();
    deps.onInvalidate?.(key === null ? null : String(key));
  });
  const connecting = client.connect();
  try {
    await within(connecting, access.connectTimeout, () => redisFailure('connect-timeout', endpoint));
    if (ended) throw redisFailure('closed', endpoint);
  } catch (error) {
    end(error);
    // A socket that was still on its way when we gave up is closed when it arrives.
    connecting.then(
      () => client.destroy(),
      () => {},
    );
    throw error;
  }
  open = true;
  talk.heard();
  return {
    send: talk.send,
    silence: talk.silence,
    isIdle: talk.isIdle,
    close() {
      open = false;
      end(null);
    },
  };
}

type Client = ReturnType<typeof makeClient>;

interface TalkDeps {
  readonly endpoint: Endpoint;
  readonly timeout: number;
  readonly clock: Clock;
  readonly end: (error: unknown) => void;
}

/** Commands and replies: who waits, since when, and for how long. */
function createTalk(client: Client, { endpoint, timeout: usual, clock, end }: TalkDeps) {
  let waiting = 0;
  let lastHeard = clock.monotonic();
  const heard = (): void => {
    lastHeard = clock.monotonic();
  };

  const send = (args: readonly Argument[], timeout = usual): Promise<unknown> => {
    if (waiting >= mostInFlight) return Promise.reject(redisFailure('overloaded', endpoint));
    waiting += 1;
    const asked = clock.monotonic();
    const reply = client.sendCommand(args as Argument[]).then(
      (answer) => {
        waiting -= 1;
        heard();
        return answer as unknown;
      },
      (error) => {
        waiting -= 1;
        if (replyCode(error) === null) throw redisUnavailable(error, endpoint);
        heard();
        throw error;
      },
    );
    return within(reply, timeout, () => {
      const late = redisFailure('timeout', endpoint);
      // Nothing at all since we asked: half-open, stopped, or cut off. A new connection finds out which.
      if (lastHeard <= asked) end(late);
      return late;
    });
  };

  return { send, heard, silence: () => clock.monotonic() - lastHeard, isIdle: () => waiting === 0 };
}

function clientOptions(endpoint: Endpoint, access: Access, invalidations: boolean): RedisClientOptions {
  const { tls, username, password, database, connectTimeout } = access;
  const common = { reconnectStrategy: false, connectTimeout, keepAliveInitialDelay: 10_000 } as const;
  const place = 'path' in endpoint ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port };
  const socket =
    tls === null ? { ...common, ...place } : { ...common, ...place, ...tlsOptions(endpoint, tls) };
  return {
    RESP: 3,
    socket: socket as NonNullable<RedisClientOptions['socket']>,
    ...(password === null ? {} : { username: username ?? 'default', password }),
    database,
    name: 'sallyport',
    emitInvalidate: invalidations,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // The library's own limit ends when a command is written; ours is in `send`.
    commandOptions: { timeout: 0, typeMapping: { [clientLibrary().RESP_TYPES.BLOB_STRING]: Buffer } },
  };
}

function tlsOptions(endpoint: Endpoint, tls: TlsSettings) {
  const name = 'host' in endpoint && isIP(endpoint.host) === 0 ? { servername: endpoint.host } : {};
  return { ...name, ...tls, tls: true, minVersion: 'TLSv1.2', rejectUnauthorized: true };
}
