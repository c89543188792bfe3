/** How the TLS listener speaks TLS (RFC 9325, BCP 195), and what a handshake has shown. */
import { constants } from 'node:crypto';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { toSecureContextOptions } from '../core/tls-identity.ts';
import { tlsSuites } from '../core/tls-suites.ts';
import { certificateThumbprint } from './certificate-thumbprint.ts';
import type { Handshake } from './connection.ts';
import type { TlsListenConfig } from './tls-config.ts';

/** Milliseconds (DL-008). */
const handshakeTimeout = 10_000;

export function tlsOptions(config: TlsListenConfig): TlsOptions {
  const { clientCa } = config;
  return {
    ...toSecureContextOptions(config),
    minVersion: config.minVersion,
    ciphers: tlsSuites,
    honorCipherOrder: true,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout,
    // No connection takes over what an earlier one has shown: every one proves its certificate itself, and no key of
    // tickets lives long enough to open what was recorded (RFC 9325 section 4.1, RFC 8446 section 2.2).
    secureOptions: constants.SSL_OP_NO_TICKET | noRenegotiation,
    requestCert: config.clientCertificates !== 'none',
    // Whether a certificate counts is decided in `readHandshake`.
    rejectUnauthorized: false,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
  };
}

/** `SSL_OP_NO_RENEGOTIATION`: TLS 1.2 lets a client have the costly part of a handshake as often as it likes (DL-008). */
const noRenegotiation = 1 << 30;

/** Null when the connection has to end: a certificate is required and there is none that counts. */
export function readHandshake(config: TlsListenConfig, socket: TLSSocket): Handshake | null {
  if (config.clientCertificates === 'none') return noCertificate;
  const thumbprint = readThumbprint(config, socket);
  if (thumbprint === null && config.clientCertificates === 'required') return null;
  const { servername } = socket as TLSSocket & { readonly servername?: string | false | null };
  return {
    certificateThumbprint: thumbprint,
    serverName: typeof servername === 'string' ? servername.toLowerCase().replace(/\.$/, '') : null,
  };
}

const noCertificate: Handshake = { certificateThumbprint: null, serverName: null };

/**
 * The handshake proves that the peer holds the key of whatever certificate it shows, which is all that a token bound to a
 * self-signed one asks for (RFC 8705 section 2.2). With `clientCa` it has to be signed by one of those as well.
 */
function readThumbprint({ clientCa }: TlsListenConfig, socket: TLSSocket): string | null {
  const certificate = socket.isSessionReused() ? undefined : socket.getPeerX509Certificate();
  if (certificate === undefined || (clientCa !== undefined && !socket.authorized)) return null;
  return certificateThumbprint(certificate);
}
