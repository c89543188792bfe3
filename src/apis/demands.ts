/** Whether a good token gives what a route demands: scopes, and how and when the person signed in (RFC 9470 section 5). */
import type { ApiCaller } from '../core/api-caller.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import type { Demand } from './api.ts';
import type { Challenges } from './challenges.ts';

export interface DemandRules {
  readonly challenges: Challenges;
  /** Milliseconds. */
  readonly leeway: number;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** Null when it does. */
export function checkDemand(
  caller: ApiCaller,
  demand: Demand,
  { challenges, leeway, now }: DemandRules,
): CredentialRefusal | null {
  const scheme = caller.scheme ?? 'Bearer';
  for (const scope of demand.scopes) {
    if (!caller.scopes.has(scope)) return challenges.insufficientScope(demand, scheme);
  }
  const { acr, auth_time: signedIn } = caller.identity.claims;
  if (demand.acrValues.length > 0 && !(typeof acr === 'string' && demand.acrValues.includes(acr))) {
    return challenges.insufficientAuthentication(demand, scheme, 'acr');
  }
  if (demand.maxAge !== null && !isRecent(signedIn, demand.maxAge + leeway, { leeway, now: now() })) {
    return challenges.insufficientAuthentication(demand, scheme, 'auth-time');
  }
  return null;
}

/** Not known, or in the future, is not recent. */
function isRecent(
  signedIn: unknown,
  longest: number,
  { leeway, now }: { readonly leeway: number; readonly now: number },
): boolean {
  if (typeof signedIn !== 'number' || !Number.isFinite(signedIn)) return false;
  const age = now - signedIn * 1000;
  return age <= longest && age >= -leeway;
}
