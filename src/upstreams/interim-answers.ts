/** Interim answers (1xx): taken, never passed on, since browsers differ and nothing may be missed by it; and bounded. */
import { SallyportError } from '../core/errors.ts';

/** More of them than this are an attack or a defect (DL-043). */
const limit = 16;

/**
 * Why an exchange ends that has had `count` interim answers after `elapsedMs`, or null. Each of them starts undici's own
 * timeout anew, so that the limit on the time until the final answer is kept here.
 */
export function interimProblem(count: number, elapsedMs: number, limitMs: number): SallyportError | null {
  if (count > limit) {
    return new SallyportError('ERR_UPSTREAM_INVALID', 'too many interim answers', { detail: 'interim' });
  }
  if (elapsedMs <= limitMs) return null;
  return new SallyportError('ERR_UPSTREAM_TIMEOUT', 'only interim answers', { detail: 'interim' });
}
