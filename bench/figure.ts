/** A promise about speed or memory, and what was measured. */

export interface Figure {
  readonly name: string;
  readonly measured: number;
  /** `measured` passes when it is at most this, or at least, as `bound` says. */
  readonly limit: number;
  /** `at most` when absent. */
  readonly bound?: 'at most' | 'at least';
  /** How to print both: `×`, `MB`, `ms`. */
  readonly unit: string;
  /** The numbers behind it. */
  readonly detail: string;
}

export function isMet({ measured, limit, bound }: Figure): boolean {
  return bound === 'at least' ? measured >= limit : measured <= limit;
}
