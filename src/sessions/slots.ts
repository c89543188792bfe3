/** A bound on how much of one kind of work runs at a time; the rest waits in line, and a line too long is refused. */
import { SallyportError } from '../core/errors.ts';

export interface Slots {
  /** Waits for a slot and answers what gives it back. Fails with `ERR_PROVIDER_UNAVAILABLE` when the line is too long. */
  take(): Promise<() => void>;
  /** Whether whoever came now would have to wait. */
  isFull(): boolean;
}

export function createSlots(limits: { readonly atOnce: number; readonly waiting: number }): Slots {
  const line: (() => void)[] = [];
  let taken = 0;

  /** The slot goes to who is first in line, and is free only when nobody is. */
  const give = (): void => {
    const next = line.shift();
    if (next === undefined) taken -= 1;
    else next();
  };

  return {
    isFull: () => taken >= limits.atOnce,
    async take() {
      if (taken < limits.atOnce) {
        taken += 1;
        return give;
      }
      if (line.length >= limits.waiting) throw tooMany();
      await new Promise<void>((resolve) => line.push(resolve));
      return give;
    },
  };
}

function tooMany(): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'too many tokens expire at once', {
    detail: 'too-many-refreshes',
    retryAfter: 1,
  });
}
