/** Seconds as a duration of our own, in the largest unit that fits: 3600 → `1h`. */
export function formatSeconds(seconds: number): string {
  if (seconds === 0) return '0s';
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
