/**
 * An exchanged token as the store holds it: under a digest of whose it is and for whom, sealed with the ring and with a
 * secret of the token that it was exchanged for. Neither the store nor the keys open it without that token, so it ends
 * with the session, and nobody else is ever given it (RS-071).
 */
import { createHash } from 'node:crypto';
import type { UpstreamTokenRule } from '../core/route.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { OwnToken } from '../oidc/own-grants.ts';

export type ExchangeRule = Extract<UpstreamTokenRule, { kind: 'exchange' }>;

/** What is exchanged, and for what. */
export interface ExchangeSubject {
  readonly provider: string;
  /** `Session.key`; null for a caller. */
  readonly session: string | null;
  readonly token: string;
}

export interface SealedPlace {
  /** Where it is in the store. */
  readonly key: string;
  readonly secret: Buffer;
}

const keyPrefix = 'u:';
/** Bytes; a longer token is not shared. */
const longest = 65_536;

export function sealedPlace(subject: ExchangeSubject, { grant, target }: ExchangeRule): SealedPlace {
  const { provider, session, token } = subject;
  const tokenDigest = digest('sallyport/exchange-subject', [token]).toString('hex');
  const { audience, scope, resource } = target;
  const name = digest('sallyport/exchange-key', [
    provider,
    session,
    tokenDigest,
    grant,
    audience,
    scope,
    resource,
  ]);
  return {
    key: keyPrefix + name.toString('base64url'),
    secret: digest('sallyport/exchange-secret', [token]),
  };
}

/** Null when it is too long to be shared. */
export function sealToken(token: OwnToken, keyRing: KeyRing, { secret }: SealedPlace): Buffer | null {
  const { accessToken, scheme, expiresAt, scope } = token;
  const plaintext = Buffer.from(JSON.stringify([1, accessToken, scheme, expiresAt, scope]));
  return plaintext.length > longest ? null : keyRing.seal('upstream-token', plaintext, secret);
}

/** Null for everything that is no token of this release, sealed in this place. Never throws. */
export function openToken(sealed: Uint8Array, keyRing: KeyRing, { secret }: SealedPlace): OwnToken | null {
  const opened = keyRing.open('upstream-token', sealed, secret);
  if (opened === null) return null;
  const [version, accessToken, scheme, expiresAt, scope] = JSON.parse(opened.plaintext.toString('utf8'));
  return version === 1 ? { accessToken, scheme, expiresAt, scope } : null;
}

/** JSON keeps the parts apart, whatever is in them; a part that is not there is none that is empty. */
function digest(purpose: string, parts: readonly (string | null)[]): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([purpose, ...parts]))
    .digest();
}
