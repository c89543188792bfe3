/** A cluster: its targets and the choice among those that can take a request now. */
import type { Clock } from '../core/clock.ts';
import type { RequestHead } from '../core/request-head.ts';
import { createRoundRobin } from './balancers/round-robin.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { createTarget, type Target } from './target.ts';

export interface Cluster {
  readonly name: string;
  readonly config: ClusterConfig;
  readonly targets: readonly Target[];
  /** A target with room that is not `not`, reachable ones first; null when every one of them is full. */
  pick(head: RequestHead, not: Target | null): Target | null;
  /** Leaves a target alone for a while because it could not be reached. */
  rest(target: Target): void;
}

export function createCluster(name: string, config: ClusterConfig, clock: Clock): Cluster {
  const targets = config.targets.map((address) => createTarget(address, config));
  const only = targets.length === 1 ? (targets[0] as Target) : null;
  const capacity = config.connections + config.queue;
  const balancer = createRoundRobin();
  const hasRoom = (target: Target) => target.active < capacity;
  return {
    name,
    config,
    targets,
    pick(head, not) {
      if (only !== null) return hasRoom(only) && only !== not ? only : null;
      const open = targets.filter((target) => target !== not && hasRoom(target));
      const now = clock.monotonic();
      const reachable = open.filter((target) => target.restsUntil <= now);
      return balancer.pick(reachable.length > 0 ? reachable : open, head);
    },
    rest(target) {
      target.restsUntil = clock.monotonic() + config.retryTargetAfter;
    },
  };
}
