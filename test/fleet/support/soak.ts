/** How long the tests of a fleet go on: as long as is promised where everything is shown, and longer when asked to. */
const isCi = process.env.CI === 'true';
const isSoak = process.env.SALLYPORT_SOAK === 'full';

export interface SoakTimes {
  /** Milliseconds with `SALLYPORT_SOAK=full`. */
  readonly full: number;
  /** Milliseconds otherwise: enough to see it work. */
  readonly short: number;
  /** Milliseconds with `CI=true`, when that is not `short`. */
  readonly promised?: number;
}

/** Milliseconds. */
export function soakTime({ full, short, promised = short }: SoakTimes): number {
  if (isSoak) return full;
  return isCi ? promised : short;
}
