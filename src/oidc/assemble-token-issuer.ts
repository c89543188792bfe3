/** Makes a `TokenIssuer` of its parts, which it may share with a provider. */
import { SallyportError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { Introspect } from './introspection.ts';
import type { ProviderKeys } from './jwks.ts';
import { Refusal } from './refusal.ts';
import { type KeySource, openSignedToken } from './signed-token.ts';
import type { DecryptToken } from './token-decryption.ts';
import type { TokenIssuer } from './token-issuer.ts';
import { isMac } from './verify-signature.ts';

export interface TokenIssuerParts {
  readonly name: string;
  readonly issuer: string;
  readonly keys: Pick<ProviderKeys, 'select' | 'trustedUntil'>;
  readonly jwksUri: () => MaybePromise<string>;
  readonly decrypt: DecryptToken;
  /** Null: the gate is no client that may ask. */
  readonly introspect: Introspect | null;
  /** False once it is known that there is no such endpoint. */
  readonly hasIntrospection: () => boolean;
  readonly close: () => Promise<void>;
}

export function assembleTokenIssuer(parts: TokenIssuerParts): TokenIssuer {
  const { name, issuer, keys, decrypt, introspect } = parts;
  const source: KeySource = { source: keys, uri: parts.jwksUri };
  return {
    name,
    issuer,
    get canIntrospect() {
      return introspect !== null && parts.hasIntrospection();
    },
    async open(token, rules) {
      const inner = decrypt(token, rules.name);
      const signed = typeof inner === 'string' ? inner : await inner;
      const { alg, claims } = await openSignedToken(signed, source, rules);
      if (claims.iss !== issuer) throw new Refusal('issuer-mismatch');
      return {
        alg,
        claims,
        trustedUntil: isMac(alg) ? Number.POSITIVE_INFINITY : keys.trustedUntil(),
      };
    },
    async introspect(token) {
      if (introspect === null) throw noIntrospection();
      return introspect(token);
    },
    close: parts.close,
  };
}

/** A token cannot be asked about: at a public client, or where the metadata has no such endpoint. */
export function noIntrospection(): SallyportError {
  return new SallyportError('ERR_PROVIDER_METADATA', 'the issuer cannot be asked about tokens', {
    detail: 'introspection_endpoint',
    retryAfter: 30,
  });
}

/** Before the metadata is known, it may. */
export function mayIntrospect(known: { readonly introspection_endpoint?: string } | null): boolean {
  return known === null || known.introspection_endpoint !== undefined;
}
