/** How one of a cluster's targets is chosen. */
import type { RequestHead } from '../../core/request-head.ts';
import type { Target } from '../target.ts';

export interface Balancer {
  /** The target for this request, or null when `targets` is empty. */
  pick(targets: readonly Target[], head: RequestHead): Target | null;
}
