/** What follows from the target of a rule, worked out once: a route keeps its rule for good. */
import type { TokenTarget } from '../core/route.ts';
import { audiencesOfTarget } from './audiences.ts';

/** `client` and `exchange` rules. */
export type TargetedRule = { readonly target: TokenTarget; readonly grant?: string };

export interface KnownTarget {
  /** The same text for rules that ask for the same token: their routes share it. */
  readonly id: string;
  /** For whom the token is; empty when only scopes say it, and the token itself has to be looked at. */
  readonly audiences: readonly string[];
}

export type KnownTargets = (rule: TargetedRule) => KnownTarget;

export function createKnownTargets(): KnownTargets {
  const known = new WeakMap<TargetedRule, KnownTarget>();
  return (rule) => {
    const found = known.get(rule);
    if (found !== undefined) return found;
    const { audience, scope, resource } = rule.target;
    const made = {
      id: JSON.stringify([rule.grant ?? null, audience, scope, resource]),
      audiences: audiencesOfTarget(rule.target),
    };
    known.set(rule, made);
    return made;
  };
}
