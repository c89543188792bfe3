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
