/**
 * Reads a DPoP proof (RFC 9449 section 4.3) for a token that is bound to a key: cheap checks first, the signature last, so
 * that whoever has no such token cannot make the gate compute.
 */
import { createHash } from 'node:crypto';
import { isBase64url } from '../oidc/base64url.ts';
import { fitsHeader, type PublicJwk, readJwk } from '../oidc/jwk-check.ts';
import { jwkThumbprint } from '../oidc/jwk-thumbprint.ts';
import { importJwk } from '../oidc/key-set.ts';
import { Refusal } from '../oidc/refusal.ts';
import { parseTokenJson } from '../oidc/signed-token.ts';
import type { JsonObject } from '../oidc/strict-json.ts';
import { verifySignature } from '../oidc/verify-signature.ts';

export interface BoundToken {
  /** Thumbprint of the key that the token is bound to (`cnf.jkt`). */
  readonly jkt: string;
  /** The token as it came. */
  readonly token: string;
}

/** A proof whose signature has not been looked at. */
export interface UnverifiedProof {
  readonly claims: JsonObject;
  /** Whether the key that it names, and that the token is bound to, has signed it. */
  isSigned(): boolean;
}

/** Characters of a proof (DL-027): one with an RSA key of 4096 bits has about 1800. */
const maxLength = 4096;
const maxTokenId = 1024;

/** Fails with a `Refusal` that names the check. */
export function readProof(proof: string, bound: BoundToken, algorithms: readonly string[]): UnverifiedProof {
  if (proof.length > maxLength) throw new Refusal('dpop-proof-too-large');
  const [header, payload, signature, ...more] = proof.split('.', 4);
  if (!isBase64url(header) || !isBase64url(payload) || !isBase64url(signature) || more.length > 0) {
    throw new Refusal('dpop-proof-malformed');
  }
  const { alg, jwk } = readHeader(Buffer.from(header, 'base64url'), algorithms);
  if (jwkThumbprint(jwk) !== bound.jkt) throw new Refusal('dpop-proof-key');
  const claims = parseTokenJson(Buffer.from(payload, 'base64url'), 'dpop-proof');
  return {
    claims,
    isSigned() {
      const key = importJwk(jwk);
      const input = proof.slice(0, -1 - signature.length);
      return key !== null && verifySignature(alg, key, input, Buffer.from(signature, 'base64url'));
    },
  };
}

/** The key comes with the proof and is believed only because the token names it. */
function readHeader(
  bytes: Uint8Array,
  algorithms: readonly string[],
): { readonly alg: string; readonly jwk: PublicJwk } {
  const header = parseTokenJson(bytes, 'dpop-proof');
  const { typ, alg, jwk } = header;
  if (typ !== 'dpop+jwt') throw new Refusal('dpop-proof-type');
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw new Refusal('dpop-proof-algorithm');
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw new Refusal('dpop-proof-crit');
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw new Refusal('dpop-proof-jwk');
  const read = readJwk(jwk as JsonObject);
  // Private members are refused there too: a client that sends its private key has none any more.
  if (typeof read === 'string' || !fitsHeader(read, alg, null)) throw new Refusal('dpop-proof-jwk');
  return { alg, jwk: read };
}

/** `jti`; fails with a `Refusal`. */
export function readTokenId(claims: JsonObject): string {
  const { jti } = claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > maxTokenId) throw new Refusal('dpop-proof-jti');
  return jti;
}

/** That the proof was made for this very token (`ath`); fails with a `Refusal`. */
export function checkTokenHash(claims: JsonObject, token: string): void {
  const hash = createHash('sha256').update(token).digest('base64url');
  if (claims.ath !== hash) throw new Refusal('dpop-proof-ath');
}
