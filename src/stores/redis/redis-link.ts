/**
 * The way to one server: a connection that is replaced when it ends, at once first and then ever more rarely. There is
 * no queue for a server that is away: commands fail at once, but for the moment in which a lost connection is replaced.
 */
import type { Clock, RandomBytes } from '../../core/clock.ts';
import type { SallyportError } from '../../core/errors.ts';
import { backoff } from './backoff.ts';
import { type Access, type Argument, openConnection, type RedisConnection } from './redis-connection.ts';
import { redisFailure, redisUnavailable, replyCode } from './redis-error.ts';
import type { Endpoint } from './redis-url.ts';
import { within } from './within.ts';

export interface RedisLink {
  readonly endpoint: Endpoint;
  /** As `RedisConnection.send`. */
  send(args: readonly Argument[], timeout?: number): Promise<unknown>;
  /** Null when it is connected; else why not. */
  trouble(): SallyportError | null;
  /** Makes a new connection, by a new look at the address: the server behind it is no longer the right one. */
  renew(): void;
  close(): void;
}

export interface LinkDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Makes a new connection fit for use, or refuses it by failing. */
  readonly prepare?: (connection: RedisConnection) => Promise<void>;
  /** Called when `trouble` may be another than before. */
  readonly onChange?: () => void;
}

/** An idle connection is asked whether it lives after this many milliseconds of silence. */
const idleCheck = 1000;
/** Milliseconds; a connection that ends sooner was no success. */
const shortLife = 1000;
/** Commands that may wait for a connection that is being made. */
const mostWaiting = 8192;

export function createLink(endpoint: Endpoint, access: Access, deps: LinkDeps): RedisLink {
  let connection: RedisConnection | null = null;
  /** Set during the first try only. */
  let opening: Promise<RedisConnection> | null = null;
  let trouble: SallyportError | null = redisFailure('closed', endpoint);
  let waiting = 0;
  let openedAt = 0;
  let retry: NodeJS.Timeout | null = null;
  let closed = false;

  const lost = (error: unknown): void => {
    connection = null;
    trouble = redisUnavailable(error, endpoint);
    // A server that lets everybody in and throws them out is not asked again at once, for ever.
    if (deps.clock.monotonic() - openedAt > shortLife) open(0);
    else openLater(1);
    deps.onChange?.();
  };

  const connect = async (): Promise<RedisConnection> => {
    const onEnd = (error: unknown): void => {
      if (connection === opened) lost(error);
    };
    const opened = await openConnection(endpoint, access, { clock: deps.clock, onEnd });
    try {
      await deps.prepare?.(opened);
    } catch (error) {
      opened.close();
      throw error;
    }
    return opened;
  };

  const open = (attempt: number): void => {
    const trying = connect();
    opening = attempt === 0 ? trying : null;
    trying.then(
      (opened) => {
        opening = null;
        if (closed) return opened.close();
        connection = opened;
        openedAt = deps.clock.monotonic();
        trouble = null;
        deps.onChange?.();
      },
      (error) => {
        opening = null;
        if (closed) return;
        trouble = redisUnavailable(error, endpoint);
        openLater(attempt + 1);
        deps.onChange?.();
      },
    );
  };

  const openLater = (attempt: number): void => {
    retry = setTimeout(open, backoff(attempt, deps.random), attempt);
    retry.unref();
  };

  const sendWhenOpen = async (
    soon: Promise<RedisConnection>,
    args: readonly Argument[],
    timeout: number,
  ): Promise<unknown> => {
    if (waiting >= mostWaiting) throw redisFailure('overloaded', endpoint);
    waiting += 1;
    const asked = deps.clock.monotonic();
    try {
      const opened = await within(soon, timeout, () => redisFailure('timeout', endpoint));
      return await opened.send(args, Math.max(1, timeout - (deps.clock.monotonic() - asked)));
    } catch (error) {
      throw replyCode(error) === null ? redisUnavailable(error, endpoint) : error;
    } finally {
      waiting -= 1;
    }
  };

  const heartbeat = setInterval(() => {
    if (connection === null || !connection.isIdle() || connection.silence() < idleCheck) return;
    // A server that does not answer ends the connection, which is all that is wanted.
    connection.send(['PING']).catch(() => {});
  }, idleCheck);
  heartbeat.unref();
  open(0);

  return {
    endpoint,
    send(args, timeout = access.timeout) {
      if (connection !== null) return connection.send(args, timeout);
      if (opening !== null) return sendWhenOpen(opening, args, timeout);
      return Promise.reject(trouble ?? redisFailure('closed', endpoint));
    },
    trouble: () => trouble,
    renew() {
      if (connection === null) return;
      connection.close();
      lost(redisFailure('not-a-master', endpoint));
    },
    close() {
      closed = true;
      clearInterval(heartbeat);
      if (retry !== null) clearTimeout(retry);
      connection?.close();
      connection = null;
      trouble = redisFailure('closed', endpoint);
    },
  };
}
