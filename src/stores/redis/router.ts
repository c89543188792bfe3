/** Brings a command to the server that holds its key, and after it when the key has moved. */
import type { Clock } from '../../core/clock.ts';
import type { Argument } from './redis-connection.ts';
import { redirection, redisFailure, redisUnavailable, replyCode } from './redis-error.ts';
import type { RedisLink } from './redis-link.ts';
import type { Endpoint } from './redis-url.ts';
import type { Script } from './scripts.ts';
import type { Topology } from './topology.ts';
import { within } from './within.ts';

export interface Router {
  /** A command about one key. `ERR_STORE_UNAVAILABLE` is all it throws. */
  run(key: string, args: readonly Argument[]): Promise<unknown>;
  /**
   * A command that changes nothing: asked again when its connection ends under it. Null when there is something that is
   * not of the kind of the command: it cannot be ours.
   */
  read(key: string, args: readonly Argument[]): Promise<unknown>;
  /** A script about one key. */
  call(script: Script, key: string, args: readonly Argument[]): Promise<unknown>;
}

export interface RouterDeps {
  readonly topology: Topology;
  readonly clock: Clock;
  /** Milliseconds for one command, with all its detours. */
  readonly timeout: number;
}

const mostTries = 5;

export function createRouter({ topology, clock, timeout }: RouterDeps): Router {
  /** Where to try again, or null: the failure stands. */
  const detour = async (error: unknown, { key, link, idempotent, left }: Try): Promise<Next | null> => {
    const to = redirection(error);
    if (to !== null) {
      const endpoint = endpointOf(to.to, link.endpoint);
      if (endpoint === null) return null;
      if (to.kind === 'ASK') return { link: topology.linkTo(endpoint), asking: true };
      topology.moved(key, endpoint);
      return { link: topology.linkTo(endpoint), asking: false };
    }
    const code = replyCode(error);
    if (code === 'READONLY' || code === 'UNBLOCKED') {
      link.renew();
      await within(topology.refresh(), left, () => redisFailure('timeout', link.endpoint));
      return { link: topology.linkOf(key), asking: false };
    }
    if (code === 'CLUSTERDOWN' || code === 'TRYAGAIN') topology.refresh();
    if (code !== null || !idempotent) return null;
    const closed = redisUnavailable(error).detail === 'closed';
    return closed ? { link: topology.linkOf(key), asking: false } : null;
  };

  const go = async (key: string, args: readonly Argument[], idempotent: boolean): Promise<unknown> => {
    const until = clock.monotonic() + timeout;
    const looking = topology.firstLook();
    if (looking !== null) await within(looking, timeout, () => redisFailure('timeout'));
    let next: Next = { link: topology.linkOf(key), asking: false };
    for (let tries = 1; ; tries += 1) {
      const left = until - clock.monotonic();
      if (left <= 0) throw redisFailure('timeout', next.link.endpoint);
      try {
        // Only the next command on the connection may ask for a slot that is still on its way.
        if (next.asking) next.link.send(['ASKING'], left).catch(() => {});
        return await next.link.send(args, left);
      } catch (error) {
        const time = Math.max(1, until - clock.monotonic());
        const tried = { key, link: next.link, idempotent, left: time };
        const other = tries < mostTries ? await detour(error, tried) : null;
        if (other === null) throw error;
        next = other;
      }
    }
  };

  const translated = async (work: Promise<unknown>): Promise<unknown> => {
    try {
      return await work;
    } catch (error) {
      throw redisUnavailable(error);
    }
  };

  return {
    run: (key, args) => translated(go(key, args, false)),
    async read(key, args) {
      try {
        return await go(key, args, true);
      } catch (error) {
        if (replyCode(error) === 'WRONGTYPE') return null;
        throw redisUnavailable(error);
      }
    },
    async call(script, key, args) {
      try {
        return await go(key, ['EVALSHA', script.sha, '1', key, ...args], false);
      } catch (error) {
        if (replyCode(error) !== 'NOSCRIPT') throw redisUnavailable(error);
      }
      return translated(go(key, ['EVAL', script.text, '1', key, ...args], false));
    },
  };
}

interface Try {
  readonly key: string;
  readonly link: RedisLink;
  readonly idempotent: boolean;
  /** Milliseconds. */
  readonly left: number;
}

interface Next {
  readonly link: RedisLink;
  readonly asking: boolean;
}

/** `10.0.0.1:6379`, `:6379` on the host that told it, `2001:db8::1:6379`. */
function endpointOf(text: string, from: Endpoint): Endpoint | null {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  if (match === null || 'path' in from) return null;
  return { host: match[1] === '' ? from.host : (match[1] as string), port: Number(match[2]) };
}
