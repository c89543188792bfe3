/** Configuration of the listener for operators: health, readiness, metrics and sessions, never on the public listener. */
import { z } from 'zod';
import { address, certificates, secret } from '../core/scalars.ts';
import { checkTlsIdentity, tlsIdentityFields } from '../core/tls-identity.ts';

/** Printable ASCII without white space: what a bearer token may be made of in a header, and long enough not to be guessed. */
const strongToken = /^[\x21-\x7e]{32,512}$/;

const tlsSchema = z
  .strictObject({
    ...tlsIdentityFields,
    clientCa: certificates()
      .optional()
      .describe(
        'Certificates of the authorities that sign client certificates. Clients are asked for one and may come without; see `admin.sessions.clientCertificates`.',
      ),
  })
  .superRefine(checkTlsIdentity);

const sessionsSchema = z
  .strictObject({
    token: secret()
      .refine(
        (token) => strongToken.test(token.reveal()),
        'is no strong token: write 32 to 512 characters without spaces, as `openssl rand -base64 32` makes them',
      )
      .optional()
      .describe(
        'Who sends it as `Authorization: Bearer …` may see and end sessions. At least 32 characters.',
      ),
    clientCertificates: z
      .boolean()
      .default(false)
      .describe(
        'Whether a client certificate that `admin.tls.clientCa` signed may do the same, without a token.',
      ),
  })
  .superRefine(({ token, clientCertificates }, context) => {
    if (token !== undefined || clientCertificates) return;
    context.addIssue({
      code: 'custom',
      message: 'lets nobody in: write `token`, or `clientCertificates: true`',
    });
  });

export const adminSchema = z
  .strictObject({
    address: address().describe(
      'Where `/healthz`, `/readyz` and `/metrics` listen. Never reachable from outside: keep it on loopback or a private network.',
    ),
    hosts: z
      .array(
        z
          .string()
          .regex(
            /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/,
            'is not a host name: write it in lower case without a port',
          ),
      )
      .default([])
      .describe(
        'Names by which the listener is asked, beside `localhost` and addresses. Others are refused when any is given, and always on loopback, where a page could otherwise reach it through a name of its own (DNS rebinding).',
      ),
    tls: tlsSchema.optional().describe('https instead of http for the whole listener.'),
    sessions: sessionsSchema
      .optional()
      .describe('`/admin/sessions`: seeing and ending sessions. Off unless this is there.'),
  })
  .superRefine(({ tls, sessions }, context) => {
    if (sessions?.clientCertificates !== true || tls?.clientCa !== undefined) return;
    context.addIssue({
      code: 'custom',
      path: ['sessions', 'clientCertificates'],
      message: 'needs `admin.tls.clientCa`: nobody says which certificates count',
    });
  });

export type AdminConfig = z.output<typeof adminSchema>;
