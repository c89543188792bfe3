/**
 * Opens a token that is a JWT: finds out whose it says it is, without believing it, and lets that issuer verify it. Only a
 * configured issuer is ever asked, and each with its own keys alone (RFC 9068 section 4, RFC 8725 section 3.8).
 */
import { Refusal } from '../oidc/refusal.ts';
import type { SignedTokenRules, TokenHeader } from '../oidc/signed-token.ts';
import type { JsonObject } from '../oidc/strict-json.ts';
import { createTokenDecryption } from '../oidc/token-decryption.ts';
import type { TokenIssuer } from '../oidc/token-issuer.ts';
import type { ApiConfig } from './api-config.ts';
import { createRecentMap } from './recent-map.ts';

export interface VerifiedClaims {
  readonly claims: JsonObject;
  readonly issuer: TokenIssuer;
  /** Unix time in milliseconds; see `TrustedToken`. */
  readonly trustedUntil: number;
}

/**
 * Null for an opaque token: one that is no JWT, or encrypted to somebody else. Fails with a `Refusal` that names the
 * check, or with `ERR_PROVIDER_*` when there are no keys to check with.
 */
export type OpenAccessToken = (token: string) => Promise<VerifiedClaims | null>;

type Config = Pick<ApiConfig, 'algorithms' | 'hmacSecret' | 'decryptionKeys' | 'profile'>;

/** RFC 9068 section 2.1; vendors send `JWT`, or nothing. */
const typesOf: Readonly<Record<ApiConfig['profile'], Pick<SignedTokenRules, 'types' | 'typeRequired'>>> = {
  rfc9068: { types: ['at+jwt'], typeRequired: true },
  lenient: { types: ['at+jwt', 'jwt'] },
};

/** More than the keys that issuers sign with at a time. */
const knownHeaders = 64;

/** `issuers` by their `iss`. */
export function createAccessTokens(
  config: Config,
  issuers: ReadonlyMap<string, TokenIssuer>,
): OpenAccessToken {
  const decrypt = createTokenDecryption(config);
  const rules: SignedTokenRules = {
    name: 'access-token',
    algorithms: config.algorithms,
    // Checks signatures by HS256 and its like, and keys of issuers never do: neither can stand for the other (RS-020).
    secret: config.hmacSecret === undefined ? null : Buffer.from(config.hmacSecret.reveal()),
    ...typesOf[config.profile],
    headers: createRecentMap<TokenHeader>(knownHeaders),
  };

  const openSigned = async (token: string): Promise<VerifiedClaims> => {
    const issuer = issuers.get(claimedIssuer(token) ?? '');
    if (issuer === undefined) throw new Refusal('issuer');
    const { claims, trustedUntil } = await issuer.open(token, rules);
    return { claims, trustedUntil, issuer };
  };

  /**
   * Issuers may have keys to which their tokens are encrypted, and share them: only what verifies with an issuer's own keys
   * is its token. Null when none of them can open it.
   */
  const openEncrypted = async (token: string): Promise<VerifiedClaims | null> => {
    const inner = await decrypt(token, 'access-token');
    if (formOf(inner) === 'signed') return openSigned(inner);
    if (config.decryptionKeys.length > 0) throw new Refusal('access-token-decryption');
    const failures: unknown[] = [];
    for (const issuer of issuers.values()) {
      try {
        const { claims, trustedUntil } = await issuer.open(token, rules);
        return { claims, trustedUntil, issuer };
      } catch (error) {
        if (!isNotForIt(error)) failures.push(error);
      }
    }
    if (failures.length === 0) return null;
    // Who could not tell may be the one whose token it is.
    throw failures.find((failure) => !(failure instanceof Refusal)) ?? failures[0];
  };

  return (token) => {
    const form = formOf(token);
    if (form === 'opaque') return opaque;
    return form === 'signed' ? openSigned(token) : openEncrypted(token);
  };
}

const opaque: Promise<null> = Promise.resolve(null);

/** A JOSE header is a JSON object, and nothing else begins as its encoding does. */
function formOf(token: string): 'signed' | 'encrypted' | 'opaque' {
  if (!/^e[w-z0-9_-]/.test(token)) return 'opaque';
  const parts = token.split('.', 6).length;
  if (parts === 3) return 'signed';
  return parts === 5 ? 'encrypted' : 'opaque';
}

/**
 * `iss` as the token claims it; null when it is no text. It decides nothing but whose keys are used: what counts is read
 * again, strictly, when the signature is verified.
 */
function claimedIssuer(token: string): string | null {
  const start = token.indexOf('.') + 1;
  const part = token.slice(start, token.indexOf('.', start));
  try {
    const { iss } = JSON.parse(Buffer.from(part, 'base64url').toString()) as { readonly iss?: unknown };
    return typeof iss === 'string' ? iss : null;
  } catch {
    return null;
  }
}

/** It has no key for this token, or the token is another's. */
function isNotForIt(error: unknown): boolean {
  return (
    error instanceof Refusal &&
    (error.reason === 'access-token-encrypted' || error.reason === 'access-token-decryption')
  );
}
