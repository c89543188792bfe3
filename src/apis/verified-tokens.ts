/**
 * Remembers, for one API, which tokens were found good or not, by the digest of the whole token (RS-045). A token that comes
 * again costs no signature and no call, and stands for the same `ApiCaller` object. Of many requests with a token that is
 * new, one looks at it and the others wait (RS-046).
 */
import { hash } from 'node:crypto';
import type { ApiCaller } from '../core/api-caller.ts';
import type { Authentication } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import { Refusal } from '../oidc/refusal.ts';
import type { GoodToken } from './access-token-rules.ts';
import type { Confirmation } from './confirmation.ts';
import { createRecentMap } from './recent-map.ts';

export interface RememberedToken {
  readonly kind: 'good';
  /** One object for each token, ready to be answered. */
  readonly authentication: Extract<Authentication, { kind: 'caller' }>;
  readonly confirmation: Confirmation | null;
  /** Unix time in milliseconds. */
  readonly goodUntil: number;
  /** Monotonic milliseconds from which it is looked at anew: its key may have been withdrawn, or the token revoked. */
  readonly forgetAt: number;
}

export interface RefusedToken {
  readonly kind: 'refused';
  /** A stable word. */
  readonly detail: string;
  /** Monotonic milliseconds. */
  readonly forgetAt: number;
}

export type TokenVerdict = RememberedToken | RefusedToken;

export interface CheckedToken {
  readonly good: GoodToken;
  /** Milliseconds. */
  readonly rememberFor: number;
}

export interface VerifiedTokensDeps {
  /** Looks at a token. Fails with a `Refusal`, or with a `SallyportError` when it cannot tell; that is not remembered. */
  readonly check: (token: string, client: string) => Promise<CheckedToken>;
  readonly clock: Clock;
  /** How many are remembered. */
  readonly size: number;
  /** Milliseconds for which a token that the issuer says to be of no use is not asked about again. */
  readonly inactiveFor: number;
}

/** Synchronous for a token that is remembered. `client` is the address that it comes from. */
export type FindToken = (token: string, client: string) => MaybePromise<TokenVerdict>;

/** Milliseconds. Short: what refused it may be mended, and a flood of one bad token is cheap all the same. */
const refusedFor = 5_000;

/** What may be otherwise in a moment: these are looked at each time. */
const passing: ReadonlySet<string> = new Set(['not-yet', 'key-unknown', 'key-ambiguous']);

export function createVerifiedTokens({ check, clock, size, inactiveFor }: VerifiedTokensDeps): FindToken {
  const good = createRecentMap<RememberedToken>(size);
  // Apart, so that no flood of bad tokens pushes good ones out.
  const refused = createRecentMap<RefusedToken>(size);
  const underWay = new Map<string, Promise<TokenVerdict>>();

  const rememberGood = (id: string, { good: found, rememberFor }: CheckedToken): RememberedToken => {
    const { caller, confirmation, goodUntil } = found;
    const before = good.get(id)?.authentication;
    const isSame = before !== undefined && saysTheSame(before.caller, caller);
    const authentication = isSame ? before : Object.freeze({ kind: 'caller' as const, caller });
    const forgetAt = clock.monotonic() + rememberFor;
    const entry: RememberedToken = { kind: 'good', authentication, confirmation, goodUntil, forgetAt };
    good.set(id, entry);
    return entry;
  };

  const rememberRefused = (id: string, error: unknown): RefusedToken => {
    if (!(error instanceof Refusal)) throw error;
    const { reason } = error;
    const forgetAt = clock.monotonic() + (reason === 'inactive' ? inactiveFor : refusedFor);
    const entry: RefusedToken = { kind: 'refused', detail: reason, forgetAt };
    if (!passing.has(reason)) refused.set(id, entry);
    return entry;
  };

  const judge = async (id: string, token: string, client: string): Promise<TokenVerdict> => {
    try {
      return rememberGood(id, await check(token, client));
    } catch (error) {
      return rememberRefused(id, error);
    } finally {
      underWay.delete(id);
    }
  };

  const look = (id: string, token: string, client: string): Promise<TokenVerdict> => {
    const looking = judge(id, token, client);
    underWay.set(id, looking);
    return looking;
  };

  return (token, client) => {
    const id = hash('sha256', token, 'latin1');
    const known = good.get(id);
    const now = clock.monotonic();
    if (known !== undefined && known.forgetAt > now) return known.goodUntil > clock.now() ? known : expired;
    const bad = refused.get(id);
    if (bad !== undefined && bad.forgetAt > now) return bad;
    return underWay.get(id) ?? look(id, token, client);
  };
}

const expired: RefusedToken = { kind: 'refused', detail: 'expired', forgetAt: 0 };

/** By the same issuer: of two that are asked about one opaque token, the second must not speak for the first. */
function saysTheSame(before: ApiCaller, after: ApiCaller): boolean {
  return (
    before.identity.issuer === after.identity.issuer &&
    before.scopes.size === after.scopes.size &&
    [...after.scopes].every((scope) => before.scopes.has(scope)) &&
    JSON.stringify(before.identity.claims) === JSON.stringify(after.identity.claims)
  );
}
