/**
 * The certificate of the client as a proxy that ends TLS hands it on. Only its digest is kept: the proxy has had the
 * proof of possession, and what a token is bound to is the digest (RFC 8705 section 3.1).
 */
import { X509Certificate } from 'node:crypto';
import { certificateThumbprint } from './certificate-thumbprint.ts';
import type { ListenConfig } from './listen-config.ts';

/** The `x5t#S256` of the certificate in a field value; null when it holds anything but exactly one certificate. */
export type CertificateReader = (value: string) => string | null;

/** No certificate is longer in either form; a chain has no business here. */
const longest = 16 * 1024;
/** A proxy sends the same one with every request of a connection. */
const remembered = 256;

export function createCertificateReader(header: ListenConfig['clientCertificateHeader']): CertificateReader {
  if (header === undefined) return () => null;
  const decode = header.format === 'rfc9440' ? decodeByteSequence : decodeEscapedPem;
  const known = new Map<string, string>();
  return (value) => {
    const earlier = known.get(value);
    if (earlier !== undefined) return earlier;
    const der = value.length > longest ? null : decode(value);
    const thumbprint = der === null ? null : thumbprintOf(der);
    if (thumbprint === null) return null;
    if (known.size >= remembered) known.delete(known.keys().next().value as string);
    known.set(value, thumbprint);
    return thumbprint;
  };
}

/** `:base64:` (RFC 9440 section 2.1, RFC 8941 section 3.3.5), without parameters: none are defined. */
function decodeByteSequence(value: string): Buffer | null {
  const base64 = /^:([A-Za-z0-9+/=]+):[ \t]*$/.exec(value)?.[1];
  return base64 === undefined ? null : decodeBase64(base64);
}

/** A percent-encoded PEM block, as nginx (`$ssl_client_escaped_cert`) and the load balancers of AWS write it. */
function decodeEscapedPem(value: string): Buffer | null {
  try {
    const pem = decodeURIComponent(value.trimEnd());
    const block = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----\s*$/.exec(pem);
    return block === null ? null : decodeBase64((block[1] as string).replace(/[\r\n]/g, ''));
  } catch {
    return null;
  }
}

/** Only what has one spelling: Node skips what is no base64, and two values would mean the same. */
function decodeBase64(base64: string): Buffer | null {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 ? bytes : null;
}

function thumbprintOf(der: Buffer): string | null {
  try {
    const certificate = new X509Certificate(der);
    // What stands behind the certificate would be part of the digest for others.
    return certificate.raw.equals(der) ? certificateThumbprint(certificate) : null;
  } catch {
    return null;
  }
}
