/**
 * Revokes tokens in the background (RFC 7009 section 2.2.1): a provider that cannot answer now is asked again, a few
 * times, while nobody waits. Every try is an event.
 */
import type { Events } from '../core/events.ts';
import type { RevocableToken } from './provider.ts';

type Outcome = Events['token.revoked']['outcome'];

export interface Revoker {
  /** Resolves after the first try. Never rejects. */
  revoke(token: RevocableToken): Promise<void>;
  /** Gives up what would be tried again later, and waits a moment for what is being tried. */
  close(): Promise<void>;
}

/** Milliseconds before each further try. */
const delays = [5_000, 30_000] as const;

/** Milliseconds that `close` waits. */
const parting = 2_000;

/** Tokens that are being tried or wait for a further try: a provider that is slow or down must not fill the process. */
const maxPending = 1000;

export function createRevoker(
  attempt: (token: RevocableToken) => Promise<Outcome>,
  report: (outcome: Outcome) => void,
): Revoker {
  const waiting = new Set<NodeJS.Timeout>();
  const running = new Set<Promise<void>>();
  let closed = false;
  const isFull = () => waiting.size + running.size >= maxPending;

  const attemptNumber = async (count: number, token: RevocableToken): Promise<void> => {
    const outcome = await attempt(token).catch((): Outcome => 'failed');
    report(outcome);
    if (outcome === 'failed') again(count, token);
  };

  const run = (count: number, token: RevocableToken): Promise<void> => {
    const tried = attemptNumber(count, token).finally(() => running.delete(tried));
    running.add(tried);
    return tried;
  };

  const again = (count: number, token: RevocableToken): void => {
    const delay = delays[count];
    if (delay === undefined || closed || isFull()) return;
    const timer = setTimeout(() => {
      waiting.delete(timer);
      void run(count + 1, token);
    }, delay);
    waiting.add(timer.unref());
  };

  return {
    async revoke(token) {
      if (closed || isFull()) report('failed');
      else await run(0, token);
    },
    async close() {
      closed = true;
      for (const timer of waiting) clearTimeout(timer);
      waiting.clear();
      if (running.size === 0) return;
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, parting);
      await Promise.race([Promise.all(running), late]);
      clearTimeout(timer);
    },
  };
}
