/** Private keys from the configuration: PEM (PKCS #8) or JWK text (RFC 7517). */
import { createPrivateKey, type KeyObject } from 'node:crypto';

export interface PrivateKey {
  readonly key: KeyObject;
  /** The JWK as written; null for PEM. */
  readonly jwk: Readonly<Record<string, unknown>> | null;
}

/** How to write one, for whoever wrote something else. It never quotes what was written. */
export const notPrivateKey = 'is not a private key: write PEM (`BEGIN PRIVATE KEY`) or a private JWK';

/** Null when the text is no private key, or an encrypted one. */
export function readPrivateKey(text: string): PrivateKey | null {
  const jwk = parseJwk(text);
  try {
    const key = jwk === null ? createPrivateKey(text) : createPrivateKey({ key: { ...jwk }, format: 'jwk' });
    return { key, jwk };
  } catch {
    return null;
  }
}

function parseJwk(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
