/** A promise about speed or memory, and what was measured. */

export interface Figure {
  readonly name: string;
  readonly measured: number;
  /** `measured` passes when it is at most this. */
  readonly limit: number;
  /** How to print both: `×`, `MB`, `ms`. */
  readonly unit: string;
  /** The numbers behind it. */
  readonly detail: string;
}

export function isMet(figure: Figure): boolean {
  return figure.measured <= figure.limit;
}
