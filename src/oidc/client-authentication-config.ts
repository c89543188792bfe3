/** What the configuration may say about how the gate authenticates itself as a client (RFC 6749 section 2.3, RFC 7523, RFC 8705). */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { certificates, secret } from '../core/scalars.ts';
import { readPrivateKey } from './private-key.ts';
import { readSigningKey, signingAlgorithms } from './signing-key.ts';

/** HS256 needs a key of at least as many bits as its hash (RFC 7518 section 3.2). */
const shortestSharedKey = 32;

/** To be spread into the schema of whatever is a client; `checkClient` then goes into its `superRefine`. */
export const clientFields = {
  clientId: z.string().min(1).max(500).describe('Client id under which the gate is registered.'),
  clientSecret: secret()
    .optional()
    .describe(
      'Client secret. Absent, and no key or certificate in its place: a public client, protected by PKCE alone.',
    ),
  clientAuthentication: z
    .enum([
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
      'none',
    ])
    .default('client_secret_basic')
    .describe(
      'How the gate proves who it is: with `clientSecret` (RFC 6749 section 2.3.1), a JWT signed with it or with `clientKey` (RFC 7523), or `clientCertificate` (RFC 8705).',
    ),
  clientKey: secret()
    .optional()
    .describe(
      'Private key (PEM or JWK) that signs `private_key_jwt`: RSA from 2048 bits, P-256, P-384, P-521 or Ed25519. Its `kid` is that of the JWK, or else the RFC 7638 thumbprint.',
    ),
  clientKeyAlgorithm: z
    .enum(signingAlgorithms)
    .optional()
    .describe(
      'What `clientKey` signs with. Absent: the `alg` of the JWK, else PS256, ES256, ES384, ES512 or EdDSA.',
    ),
  clientCertificate: z
    .strictObject({
      certificate: certificates().describe('Certificate of the gate, with the chain behind it (PEM).'),
      key: secret().describe('Private key of the certificate (PEM, not encrypted).'),
    })
    .optional()
    .describe(
      'Certificate for mutual TLS. With `private_key_jwt` and the same key as `clientKey`, its thumbprint (`x5t#S256`) goes into the assertion.',
    ),
};

const client = z.object(clientFields);

/** A client that need not have an id, for it may have nothing to ask. */
export type ClientConfig = Omit<z.output<typeof client>, 'clientId'> & {
  readonly clientId?: string | undefined;
  /** Of providers: access tokens are bound to the certificate (RFC 8705 section 3). */
  readonly certificateBoundTokens?: boolean;
};

/** Whether the gate shows its certificate: it authenticates the client, or tokens are bound to it. */
export function usesMutualTls(
  config: Pick<ClientConfig, 'clientAuthentication' | 'certificateBoundTokens'>,
): boolean {
  return (
    config.clientAuthentication === 'tls_client_auth' ||
    config.clientAuthentication === 'self_signed_tls_client_auth' ||
    config.certificateBoundTokens === true
  );
}

/** Whether it can prove who it is; otherwise it is a public client, to which no token of its own is issued (RFC 6749 section 4.4). */
export function isConfidential(config: Pick<ClientConfig, 'clientAuthentication' | 'clientSecret'>): boolean {
  const { clientAuthentication: method, clientSecret } = config;
  if (method === 'private_key_jwt') return true;
  return usesMutualTls({ clientAuthentication: method }) || (method !== 'none' && clientSecret !== undefined);
}

/** What the fields cannot tell one by one. */
export function checkClient(config: ClientConfig, context: z.core.$RefinementCtx): void {
  const report = (path: readonly string[], message: string) =>
    context.addIssue({ code: 'custom', path: [...path], message });
  checkSecret(config, report);
  checkKey(config, report);
  checkCertificate(config, report);
}

type Report = (path: readonly string[], message: string) => void;

function checkSecret({ clientAuthentication: method, clientSecret }: ClientConfig, report: Report): void {
  if (method === 'none' && clientSecret !== undefined) {
    report(['clientSecret'], 'is never sent with `clientAuthentication: none`');
  }
  if (method !== 'client_secret_post' && method !== 'client_secret_jwt') return;
  if (clientSecret === undefined) report(['clientSecret'], `is missing: ${method} needs it`);
  else if (method === 'client_secret_jwt' && Buffer.byteLength(clientSecret.reveal()) < shortestSharedKey) {
    report(['clientSecret'], 'is too short for client_secret_jwt: at least 32 bytes');
  }
}

function checkKey(config: ClientConfig, report: Report): void {
  const { clientAuthentication: method, clientKey, clientKeyAlgorithm } = config;
  if (clientKey !== undefined) {
    const read = readSigningKey(clientKey.reveal(), clientKeyAlgorithm);
    if (typeof read === 'string') report(['clientKey'], read);
  } else if (method === 'private_key_jwt') report(['clientKey'], 'is missing: private_key_jwt needs it');
}

function checkCertificate(config: ClientConfig, report: Report): void {
  const { clientCertificate: own, clientAuthentication: method } = config;
  if (own === undefined) {
    if (usesMutualTls(config)) {
      report(['clientCertificate'], `is missing: ${mutualTlsReason(config)} needs it`);
    }
    return;
  }
  const certificate = new X509Certificate(own.certificate);
  const key = readPrivateKey(own.key.reveal());
  if (key === null || key.jwk !== null) {
    report(['clientCertificate', 'key'], 'is not a private key in PEM that is not encrypted');
  } else if (!certificate.checkPrivateKey(key.key)) {
    report(['clientCertificate', 'key'], 'is not the key of the certificate');
  }
  if (usesMutualTls(config)) return;
  if (method !== 'private_key_jwt') {
    report(['clientCertificate'], `is not used with ${method}`);
  } else if (config.clientKey !== undefined && !isOfKey(certificate, config.clientKey.reveal())) {
    report(['clientCertificate'], 'is not the certificate of `clientKey`');
  }
}

function mutualTlsReason({ certificateBoundTokens, clientAuthentication }: ClientConfig): string {
  return certificateBoundTokens === true ? 'certificateBoundTokens' : clientAuthentication;
}

function isOfKey(certificate: X509Certificate, key: string): boolean {
  const read = readPrivateKey(key);
  return read !== null && certificate.publicKey.equals(createPublicKey(read.key));
}
