/** What a TLS listener shows of itself: a certificate and its key in PEM, or both in one PKCS #12 file (PFX). */
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { z } from 'zod';
import { binary, certificates, secret } from './scalars.ts';
import type { Secret } from './secret.ts';

/** Fields for the schema of a section that speaks TLS. To be checked with `checkTlsIdentity`. */
export const tlsIdentityFields = {
  certificate: certificates()
    .optional()
    .describe('Certificate of this listener in PEM, with the chain behind it. Needs `key`.'),
  key: secret().optional().describe('Its private key in PEM.'),
  pfx: binary()
    .optional()
    .describe(
      'Instead of `certificate` and `key`: both in one PKCS #12 file (`.pfx`, `.p12`), as `{ file: path }` or in base64.',
    ),
  passphrase: secret().optional().describe('What `pfx` or `key` is encrypted with, if it is.'),
} as const;

export interface TlsIdentity {
  readonly certificate?: string | undefined;
  readonly key?: Secret | undefined;
  readonly pfx?: Secret<Buffer> | undefined;
  readonly passphrase?: Secret | undefined;
}

/** Certificate and key as Node takes them. */
export function toSecureContextOptions(identity: TlsIdentity): SecureContextOptions {
  const { certificate, key, pfx, passphrase } = identity;
  return {
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key: key.reveal() }),
    ...(pfx === undefined ? {} : { pfx: pfx.reveal() }),
    ...(passphrase === undefined ? {} : { passphrase: passphrase.reveal() }),
  };
}

type Field = keyof TlsIdentity;

/** For `superRefine`: what is missing, and what OpenSSL would not load at the start. */
export function checkTlsIdentity(identity: TlsIdentity, context: z.RefinementCtx): void {
  // What is wrong already would be said a second time in other words.
  const isBroken = context.issues.length > 0;
  const problem = findFormProblem(identity) ?? (isBroken ? null : findLoadProblem(identity));
  if (problem === null) return;
  const [field, message] = problem;
  context.addIssue({ code: 'custom', path: field === null ? [] : [field], message });
}

type Problem = readonly [field: Field | null, message: string];

function findFormProblem({ certificate, key, pfx }: TlsIdentity): Problem | null {
  if (pfx !== undefined) {
    return certificate === undefined && key === undefined
      ? null
      : ['pfx', 'holds certificate and key already: write it, or `certificate` and `key`'];
  }
  if (certificate === undefined && key === undefined)
    return [null, 'has no certificate: write `certificate` and `key`, or `pfx`'];
  if (certificate === undefined) return ['certificate', 'is missing: `key` is that of a certificate'];
  return key === undefined ? ['key', 'is missing: the private key of `certificate`'] : null;
}

function findLoadProblem(identity: TlsIdentity): Problem | null {
  try {
    createSecureContext(toSecureContextOptions(identity));
    return null;
  } catch (error) {
    // The messages of the library say nothing about what to do; they hold nothing of the secrets.
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (/too (?:small|weak)/i.test(message))
      return [identity.pfx === undefined ? 'certificate' : 'pfx', tooWeak];
    return identity.pfx === undefined
      ? explainPem(code, identity)
      : explainPfx(message, identity.passphrase !== undefined);
  }
}

const tooWeak = 'is too weak: use an elliptic curve, or RSA with 2048 bits or more, and SHA-256';

const wrongPassphrase = (hasPassphrase: boolean, what: string): Problem => [
  'passphrase',
  hasPassphrase ? `does not open ${what}` : `is missing: ${what} is encrypted`,
];

function explainPem(code: string, { certificate = '', passphrase }: TlsIdentity): Problem {
  if (code === 'ERR_OSSL_BAD_DECRYPT')
    return wrongPassphrase(passphrase !== undefined, 'the private key in `key`');
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
    const isChain =
      certificate.indexOf('-----BEGIN CERTIFICATE') !== certificate.lastIndexOf('-----BEGIN CERTIFICATE');
    return [
      'key',
      isChain
        ? 'is not the key of the first certificate in `certificate`: the chain stands behind it'
        : 'is not the key of `certificate`',
    ];
  }
  return ['key', 'is no private key in PEM'];
}

function explainPfx(message: string, hasPassphrase: boolean): Problem {
  if (/mac verify failure/i.test(message)) return wrongPassphrase(hasPassphrase, 'the file in `pfx`');
  if (/unsupported/i.test(message)) {
    return [
      'pfx',
      'is encrypted in an outdated way (RC2): write it anew with `openssl pkcs12 -legacy -in old.pfx -out all.pem` and `openssl pkcs12 -export -in all.pem -out new.pfx`',
    ];
  }
  if (/private key/i.test(message)) return ['pfx', 'holds no private key: export it with its key'];
  if (/load certificate/i.test(message))
    return ['pfx', 'holds no certificate: export it with its certificate'];
  return [
    'pfx',
    'is no PKCS #12 file: `{ file: path }` names one that holds the bytes; PEM goes to `certificate` and `key`',
  ];
}
