/**
 * Revokes refresh tokens in the background (RFC 7009 section 2.2.1): a provider that cannot answer now is asked again, a
 * few times, while nobody waits. Every try is an event.
 */
import type { Events } from '../core/events.ts';

type Outcome = Events['token.revoked']['outcome'];

export interface Revoker {
  /** Resolves after the first try. Never rejects. */
  revoke(refreshToken: string): Promise<void>;
  /** Gives up what is still to be tried. */
  close(): void;
}

/** Milliseconds before each further try. */
const delays = [5_000, 30_000] as const;

/** Tokens that may wait for a further try: a provider that is down for long must not fill the process. */
const maxWaiting = 1000;

export function createRevoker(
  attempt: (refreshToken: string) => Promise<Outcome>,
  report: (outcome: Outcome) => void,
): Revoker {
  const waiting = new Set<NodeJS.Timeout>();
  let closed = false;

  const attemptNumber = async (count: number, refreshToken: string): Promise<void> => {
    const outcome = await attempt(refreshToken).catch((): Outcome => 'failed');
    report(outcome);
    if (outcome === 'failed') again(count, refreshToken);
  };

  const again = (count: number, refreshToken: string): void => {
    const delay = delays[count];
    if (delay === undefined || closed || waiting.size >= maxWaiting) return;
    const timer = setTimeout(() => {
      waiting.delete(timer);
      void attemptNumber(count + 1, refreshToken);
    }, delay);
    waiting.add(timer.unref());
  };

  return {
    revoke: (refreshToken) => attemptNumber(0, refreshToken),
    close() {
      closed = true;
      for (const timer of waiting) clearTimeout(timer);
    },
  };
}
