/** Tells whether two rules ask for the same token: routes with the same target share one. */
import type { TokenTarget } from '../core/route.ts';

type Rule = { readonly target: TokenTarget; readonly grant?: string };

/** The same text for equal rules; worked out once for each rule, as a route keeps its own for good. */
export type TargetIds = (rule: Rule) => string;

export function createTargetIds(): TargetIds {
  const known = new WeakMap<Rule, string>();
  return (rule) => {
    const found = known.get(rule);
    if (found !== undefined) return found;
    const { audience, scope, resource } = rule.target;
    const id = JSON.stringify([rule.grant ?? null, audience, scope, resource]);
    known.set(rule, id);
    return id;
  };
}
