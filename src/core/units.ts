/** Durations and sizes as people write them: a number and a unit, never a bare number. */

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `500ms`, `30s`, `5m`, `12h`, `7d` → milliseconds; null when it is not a duration. */
export function parseDuration(text: string): number | null {
  return parseWithUnit(text, /^(\d{1,9})(ms|s|m|h|d)$/, durationUnits);
}

/** `512B`, `64KiB`, `10MiB`, `1GiB` → bytes; null when it is not a size. */
export function parseSize(text: string): number | null {
  return parseWithUnit(text, /^(\d{1,9})(B|KiB|MiB|GiB)$/, sizeUnits);
}

function parseWithUnit(
  text: string,
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
): number | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const factor = units[match[2] as string];
  return factor === undefined ? null : Number(match[1]) * factor;
}
