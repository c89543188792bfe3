/**
 * Logins between their start and their callback: one sealed, short-lived cookie each, so that parallel tabs do not get
 * in each other's way, and a mark in the store that gives each of them out once.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { HeaderList } from '../core/headers.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Store } from '../stores/store.ts';
import { type LoginBudget, loginBudget } from './cookie-budget.ts';
import { type Cookie, cookiesWithPrefix } from './cookie-header.ts';
import type { CookieNames } from './cookie-names.ts';
import { openTransaction, sealTransaction } from './login-transaction-record.ts';
import type { LoginTransaction, LoginTransactions } from './sessions.ts';
import { serializeSetCookie } from './set-cookie.ts';

export interface LoginTransactionsDeps {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly cookieNames: CookieNames;
  readonly clock: Clock;
  /** How much the cookies may take; `loginBudget` when absent. */
  readonly budget?: LoginBudget;
}

/** Milliseconds from the start of a login to its callback. */
export const loginLifetime = 600_000;
/** A clock may go back by so much between start and callback. */
const clockTolerance = 60_000;
/** Logins of one browser at a time (SC-048). */
const mostCookies = 8;
/** So many cookies are cleared in one answer at most. */
const mostCleared = 32;
const longestState = 512;
const markPrefix = 't:';
const mark = Buffer.from([1]);

export function createLoginTransactions(deps: LoginTransactionsDeps): LoginTransactions {
  const { store, keyRing, cookieNames, clock, budget = loginBudget } = deps;

  const set = (name: string, value: string, sameSite: 'lax' | 'none'): string =>
    serializeSetCookie({
      name,
      value,
      sameSite,
      secure: cookieNames.secure,
      maxAge: value === '' ? 0 : loginLifetime / 1000,
    });

  const nameFor = (digest: Buffer): string =>
    cookieNames.loginPrefix + digest.toString('base64url').slice(0, 10);

  const isCurrent = ({ startedAt }: LoginTransaction): boolean => {
    const age = clock.now() - startedAt;
    return age >= -clockTolerance && age < loginLifetime;
  };

  /** The transaction in the only cookie of this name, when it is for this state and not too old. */
  const find = (headers: HeaderList, name: string, digest: Buffer): LoginTransaction | null => {
    const values = new Set(namedExactly(headers, name).map((cookie) => cookie.value));
    const [value] = values;
    if (value === undefined || values.size > 1) return null;
    const transaction = openTransaction(value, keyRing);
    if (transaction === null || !timingSafeEqual(sha256(transaction.state), digest)) return null;
    return isCurrent(transaction) ? transaction : null;
  };

  return {
    begin(head, transaction, sameSite) {
      const name = nameFor(sha256(transaction.state));
      const value = sealTransaction(transaction, keyRing, budget.returnTo);
      const others = cookiesWithPrefix(head.headers, cookieNames.loginPrefix)
        .filter((cookie) => cookie.name !== name)
        .map((cookie) => ({ ...cookie, startedAt: startOf(cookie) }));
      const dropped = overTheBounds(others, sizeOf({ name, value }), budget.bytes);
      return [...dropped.map((dropName) => set(dropName, '', sameSite)), set(name, value, sameSite)];
    },

    async take(head, state) {
      if (state.length > longestState) return { transaction: null, setCookies: [] };
      const digest = sha256(state);
      const name = nameFor(digest);
      if (namedExactly(head.headers, name).length === 0) return { transaction: null, setCookies: [] };
      const setCookies = [set(name, '', 'lax')];
      const transaction = find(head.headers, name, digest);
      if (transaction === null) return { transaction: null, setCookies };
      // As long as the cookie could be shown again, and a little longer.
      const until = transaction.startedAt + loginLifetime + clockTolerance;
      const first = await store.addIfAbsent(markPrefix + digest.toString('base64url'), {
        value: mark,
        expiresAt: until,
      });
      return { transaction: first === null ? null : transaction, setCookies };
    },
  };

  /** When the login in a cookie began; what cannot be read or is too old counts as the oldest. */
  function startOf(cookie: Cookie): number {
    const transaction = openTransaction(cookie.value, keyRing);
    return transaction !== null && isCurrent(transaction) ? transaction.startedAt : 0;
  }

  function namedExactly(headers: HeaderList, name: string): readonly Cookie[] {
    return cookiesWithPrefix(headers, cookieNames.loginPrefix).filter((cookie) => cookie.name === name);
  }
}

interface DatedCookie extends Cookie {
  readonly startedAt: number;
}

/** Names of the cookies to clear so that a new one of `size` bytes fits in, oldest first. */
function overTheBounds(others: readonly DatedCookie[], size: number, mostBytes: number): readonly string[] {
  const youngestFirst = [...others].sort((a, b) => b.startedAt - a.startedAt);
  let count = 1;
  let bytes = size;
  const dropped: string[] = [];
  for (const cookie of youngestFirst) {
    count += 1;
    bytes += sizeOf(cookie);
    const fits = count <= mostCookies && bytes <= mostBytes && cookie.startedAt > 0;
    if (!fits && canBeCleared(cookie)) dropped.push(cookie.name);
  }
  return [...new Set(dropped)].reverse().slice(0, mostCleared);
}

function canBeCleared(cookie: Cookie): boolean {
  return /^[A-Za-z0-9_-]{1,128}$/.test(cookie.name);
}

/** As in a `Cookie` field: `name=value; `. */
function sizeOf(cookie: Cookie): number {
  return cookie.name.length + cookie.value.length + 3;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
