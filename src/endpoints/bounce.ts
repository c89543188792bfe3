/**
 * Notices a login loop: sign-ins that succeed although no session ever comes back, because the browser drops the
 * cookie or the store loses the record. Counted in a cookie of its own. It is not sealed: whoever forges it only sees
 * the explaining page.
 */
import type { Clock } from '../core/clock.ts';
import type { RequestHead } from '../core/request-head.ts';
import { readCookie } from './read-cookie.ts';

/** So many successes in a row, none longer than this before the next login, make a loop. */
const limit = 3;
const windowSeconds = 60;

export interface BounceCounter {
  /** Whether this login would be one more turn of a loop, if there is no session. */
  isLooping(head: RequestHead): boolean;
  /** One more sign-in has succeeded. `sameSite` as the login cookie: a form_post answer is a cross-site POST. */
  count(head: RequestHead, sameSite: 'lax' | 'none'): string;
  /** A fresh start. */
  clear(): string;
}

export function createBounceCounter(name: string, secure: boolean, clock: Clock): BounceCounter {
  const seconds = () => Math.floor(clock.now() / 1000);
  const attributes = `; Path=/; HttpOnly${secure ? '; Secure' : ''}`;

  function read(head: RequestHead): number {
    const match = /^(\d{1,2})-(\d{1,12})$/.exec(readCookie(head, name) ?? '');
    if (match === null) return 0;
    const age = seconds() - Number(match[2]);
    return age >= 0 && age <= windowSeconds ? Number(match[1]) : 0;
  }

  return {
    isLooping: (head) => read(head) >= limit,
    count(head, sameSite) {
      const value = `${Math.min(read(head) + 1, limit)}-${seconds()}`;
      const site = sameSite === 'none' ? 'None' : 'Lax';
      return `${name}=${value}${attributes}; SameSite=${site}; Max-Age=${windowSeconds}`;
    },
    clear: () => `${name}=${attributes}; SameSite=Lax; Max-Age=0`,
  };
}
