/** What the configuration may say about tokens that are bound to a key of their sender (DPoP, RFC 9449). */
import { z } from 'zod';
import { duration } from '../core/scalars.ts';

/** Asymmetric ones alone: a proof shows that its sender holds a private key (RFC 9449 section 4.3). */
const proofAlgorithms = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
] as const;

export const dpopSchema = z.strictObject({
  use: z
    .enum(['optional', 'required', 'never'])
    .default('optional')
    .describe(
      '`optional`: tokens that are bound to a DPoP key need a proof, others do not. `required`: takes bound tokens alone, and says so in the metadata of the resource. `never`: refuses them.',
    ),
  algorithms: z
    .array(z.enum(proofAlgorithms))
    .min(1)
    .default(['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA', 'Ed25519'])
    .describe('Signature algorithms accepted for proofs.'),
  maxAge: duration()
    .prefault('60s')
    .refine((age) => age >= 1000 && age <= 600_000, 'is shorter than 1s or longer than 10m')
    .describe('How long ago a proof may have been made. For so long its id is remembered in the store.'),
  leeway: duration()
    .prefault('5s')
    .refine((leeway) => leeway <= 60_000, 'is longer than 60s')
    .describe('By how much the clock of a client may differ.'),
  nonce: z
    .boolean()
    .default(false)
    .describe('Demands a nonce of the gate in every proof, so that none can be made in advance.'),
  nonceLifetime: duration()
    .prefault('5m')
    .refine(
      (lifetime) => lifetime >= 10_000 && lifetime <= 3_600_000,
      'is shorter than 10s or longer than 1h',
    )
    .describe('How long a nonce is good.'),
});

export type DpopConfig = z.output<typeof dpopSchema>;
