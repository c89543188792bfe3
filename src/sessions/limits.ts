/** How long a session lives: the idle and the absolute limit, and how coarsely activity is written down. */
import type { SessionConfig } from './session-config.ts';

export interface Limits {
  /** Milliseconds. */
  readonly idle: number;
  readonly absolute: number;
  /** Activity reaches the store at most this often; a session read back from there may end so much early, never late. */
  readonly slideEvery: number;
}

/** The times of a session that its limits depend on; Unix times in milliseconds. */
export interface SessionTimes {
  readonly createdAt: number;
  readonly lastSeenAt: number;
}

export function createLimits(config: Pick<SessionConfig, 'idleTimeout' | 'absoluteTimeout'>): Limits {
  return {
    idle: config.idleTimeout,
    absolute: config.absoluteTimeout,
    slideEvery: Math.min(60_000, Math.floor(config.idleTimeout / 10)),
  };
}

export function expiresAt(times: SessionTimes, limits: Limits): number {
  return Math.min(times.lastSeenAt + limits.idle, times.createdAt + limits.absolute);
}

/** The limit that a session has reached, or null. */
export function limitReached(times: SessionTimes, limits: Limits, now: number): 'idle' | 'absolute' | null {
  if (now >= times.createdAt + limits.absolute) return 'absolute';
  return now >= times.lastSeenAt + limits.idle ? 'idle' : null;
}

/** When the record may go: late enough for activity that is known here and not yet written. */
export function recordExpiresAt(times: SessionTimes, limits: Limits): number {
  const idle = times.lastSeenAt + limits.idle + limits.slideEvery;
  return Math.min(idle, times.createdAt + limits.absolute);
}
