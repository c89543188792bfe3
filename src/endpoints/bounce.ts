/**
 * Notices a login loop: sign-ins that succeed although no session ever comes back, because the browser drops the
 * cookie or the store loses the record. Counted in a cookie of its own. It is not sealed: whoever forges it only sees
 * the explaining page.
 */
import type { Clock } from '../core/clock.ts';
import type { RequestHead } from '../core/request-head.ts';
import { createCookieReader } from '../sessions/cookie-header.ts';
import { serializeSetCookie } from '../sessions/set-cookie.ts';
import type { OwnCookieNames } from './context.ts';

/** So many successes in a row, none longer than this before the next one or the next login, make a loop. */
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

export function createBounceCounter(names: OwnCookieNames, clock: Clock): BounceCounter {
  const readCookie = createCookieReader(names.bounce);
  const seconds = () => Math.floor(clock.now() / 1000);
  const write = (value: string, sameSite: 'lax' | 'none', maxAge: number) =>
    serializeSetCookie({ name: names.bounce, value, sameSite, secure: names.secure, maxAge });

  function read(head: RequestHead): number {
    const value = readCookie(head.headers);
    const match = typeof value === 'string' ? /^(\d)-(\d{1,12})$/.exec(value) : null;
    if (match === null) return 0;
    const age = seconds() - Number(match[2]);
    return age >= 0 && age <= windowSeconds ? Number(match[1]) : 0;
  }

  return {
    isLooping: (head) => read(head) >= limit,
    count: (head, sameSite) =>
      write(`${Math.min(read(head) + 1, limit)}-${seconds()}`, sameSite, windowSeconds),
    clear: () => write('', 'lax', 0),
  };
}
