/** The socket of the listener for operators: http or https, bounded in everything that a client can draw out. */
import { constants } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { toSecureContextOptions } from '../core/tls-identity.ts';
import type { AdminConfig } from './admin-config.ts';

/** Milliseconds for a request to arrive and for an answer to be taken. */
const patience = 5000;

const limits = {
  maxHeaderSize: 8192,
  headersTimeout: patience,
  requestTimeout: patience,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: patience,
  insecureHTTPParser: false,
} as const;

/** Throws when certificate and key cannot be used, with a message for the operator. */
export function createAdminListener(tls: AdminConfig['tls'], onRequest: RequestListener): Server {
  const server = tls === undefined ? createServer(limits) : createTls(tls);
  server.maxConnections = 64;
  server.setTimeout(2 * patience, (socket) => socket.destroy());
  // A connection that fails before it is accepted is nobody's request, and must not end the process.
  server.on('error', () => {});
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  return server;
}

function createTls(tls: NonNullable<AdminConfig['tls']>): Server {
  const { clientCa } = tls;
  const options: ServerOptions = {
    ...limits,
    ...toSecureContextOptions(tls),
    minVersion: 'TLSv1.2',
    handshakeTimeout: patience,
    // No connection takes over what an earlier one has shown: every one is asked for its certificate (RFC 8446 section 2.2).
    secureOptions: constants.SSL_OP_NO_TICKET,
    // Probes and scrapers come without a certificate; whether there is one counts where it is asked for.
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
  try {
    return createTlsServer(options);
  } catch {
    // The message of the library quotes nothing of use, and what it was about is a secret.
    throw new Error(
      'admin.tls: certificate, key and clientCa have to be PEM, and the key that of the certificate',
    );
  }
}
