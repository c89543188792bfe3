/** Configuration of the assertions that the gate signs for applications (`upstreamToken: { assertion: … }`). */
import { z } from 'zod';
import { secret } from '../core/scalars.ts';
import { parseAssertionKey } from './assertion-key.ts';

/** Old keys are published until everybody has fetched the new one: more than a few are a mistake. */
const mostKeys = 8;

const signingKey = () =>
  secret().superRefine((text, context) => {
    const read = parseAssertionKey(text.reveal());
    if (!read.ok) context.addIssue({ code: 'custom', message: read.reason });
  });

export const assertionsSchema = z.strictObject({
  issuer: z
    .string()
    .refine((text) => URL.canParse(text) && !/[?#]/.test(text), 'is not a URL without query and fragment')
    .optional()
    .describe('`iss` of the assertions; the origin of `publicUrl` when absent.'),
  keys: z
    .array(signingKey())
    .max(mostKeys, `has more than ${mostKeys} keys`)
    .default([])
    .describe(
      'Private EC keys on P-256 (PEM or JWK). The first signs, all are published; without any, one is made in `dataDir`.',
    ),
});

export type AssertionsConfig = z.output<typeof assertionsSchema>;
