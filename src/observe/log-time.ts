/** The time of a log line: ISO 8601 in UTC with milliseconds, remembered for as long as the second lasts. */
import type { Clock } from '../core/clock.ts';

/** A function that tells the time as `2030-01-01T00:00:00.000Z`. */
export function createLogTime(clock: Clock): () => string {
  let second = Number.NaN;
  let prefix = '';
  return () => {
    const now = clock.now();
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      prefix = new Date(current * 1000).toISOString().slice(0, 20);
    }
    return `${prefix}${String(Math.floor(now - current * 1000)).padStart(3, '0')}Z`;
  };
}
