/** The `listen.tls` section: the TLS listener of the gate. */
import { z } from 'zod';
import { address, certificates } from '../core/scalars.ts';
import { checkTlsIdentity, tlsIdentityFields } from '../core/tls-identity.ts';

export const tlsListenSchema = z
  .strictObject({
    address: address().describe('Address and port of the TLS listener.'),
    ...tlsIdentityFields,
    minVersion: z
      .enum(['TLSv1.2', 'TLSv1.3'])
      .default('TLSv1.2')
      .describe('Oldest version of TLS that is spoken.'),
    clientCertificates: z
      .enum(['none', 'optional', 'required'])
      .default('none')
      .describe(
        'Whether clients are asked for a certificate, to which their tokens may be bound (RFC 8705). `required`: without one that counts, the connection ends.',
      ),
    clientCa: certificates()
      .optional()
      .describe(
        'Certificates of the authorities that sign client certificates. Others count as none. Without it, every certificate counts as the proof that its key is there, and as nothing else.',
      ),
  })
  .superRefine((tls, context) => {
    checkTlsIdentity(tls, context);
    if (tls.clientCa === undefined || tls.clientCertificates !== 'none') return;
    context.addIssue({
      code: 'custom',
      path: ['clientCa'],
      message: 'is of no use: nobody is asked for a certificate (`clientCertificates: none`)',
    });
  });

export type TlsListenConfig = z.output<typeof tlsListenSchema>;
