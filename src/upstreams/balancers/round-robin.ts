/** Targets in turn. */
import type { Balancer } from './balancer.ts';

export function createRoundRobin(): Balancer {
  let next = 0;
  return {
    pick(targets) {
      if (targets.length === 0) return null;
      const target = targets[next % targets.length];
      next = (next + 1) % 0x40000000;
      return target ?? null;
    },
  };
}
