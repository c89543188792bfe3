/**
 * How many bytes of a request all cookies of the gate may take, and how they are shared out: what a listener and every
 * proxy before it accept as a head is theirs and the application's too (SC-034). Counted as in a `Cookie` field:
 * `name=value; `.
 */

export const cookieBudget = {
  all: 8192,
  /** A session of `session.store: cookie`; the writer refuses more, the reader looks at no more. */
  session: 5120,
  /** Logins under way, beside a session of that size. */
  logins: 2048,
  /** What is left for the small ones: sign-ins that lead nowhere, a logout under way. */
  others: 1024,
} as const;

/** What the logins of one browser may take together. */
export interface LoginBudget {
  /** Bytes of their cookies. */
  readonly bytes: number;
  /** Bytes of a target; a longer one is cut, so that one login always fits. */
  readonly returnTo: number;
}

/** Where a session is a small cookie. */
export const loginBudget: LoginBudget = { bytes: 4096, returnTo: 2048 };

/** With `session.store: cookie`. */
export const loginBudgetBesideSessions: LoginBudget = { bytes: cookieBudget.logins, returnTo: 960 };
