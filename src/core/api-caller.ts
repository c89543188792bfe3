/** A machine, or a person through one, that brought its own credential: a bearer token or an API key. */
import type { Identity } from './identity.ts';

export interface ApiCaller {
  readonly kind: 'bearer' | 'api-key';
  /** For logs: client id of the token, or name of the key; short, visible ASCII. */
  readonly name: string;
  /** `provider` is the name of the token's issuer in the configuration, or `api-keys`. */
  readonly identity: Identity;
  /** What was granted, each scope once. */
  readonly scopes: ReadonlySet<string>;
  /** Audiences of the token; empty for a key. */
  readonly audiences: readonly string[];
  /** The token as it came, for routes that pass it on or exchange it; null for a key. Never to be logged. */
  readonly token: string | null;
  /** How it came: a token that is bound to a DPoP key (RFC 9449) is of use to nobody but its sender. */
  readonly scheme: 'Bearer' | 'DPoP' | null;
  /** Unix time in milliseconds; infinite for a key without an end. */
  readonly expiresAt: number;
}
