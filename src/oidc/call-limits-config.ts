/** How much a server of tokens may be asked, and how long it is waited for. */
import { z } from 'zod';
import { duration } from '../core/scalars.ts';

export const callLimitFields = {
  timeout: duration().prefault('10s').describe('Total time for one call.'),
  maxConcurrentCalls: z
    .int()
    .min(1)
    .max(1000)
    .default(64)
    .describe('Calls at the same time; further ones wait within `timeout`.'),
  maxWaitingCalls: z
    .int()
    .min(0)
    .max(10_000)
    .default(1000)
    .describe('Calls that may wait; one more is answered 503 at once.'),
};
