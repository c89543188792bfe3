/** Configuration of the listener for operators: health, readiness and metrics, never on the public listener. */
import { z } from 'zod';
import { address } from '../core/scalars.ts';

export const adminSchema = z.strictObject({
  address: address().describe(
    'Where `/healthz`, `/readyz` and `/metrics` listen. Never reachable from outside: keep it on loopback or a private network.',
  ),
});

export type AdminConfig = z.output<typeof adminSchema>;
