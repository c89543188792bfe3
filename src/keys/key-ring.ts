/** The key ring as the rest of the product sees it: seals and opens for a purpose. Made by `createKeyRing`. */

/** What a sealed artefact is for. It is authenticated, so that one kind can never be read as another. */
export type Purpose =
  | 'session-record'
  | 'session-label'
  | 'session-cookie'
  | 'login-transaction'
  | 'upstream-token'
  | 'dpop-nonce';

export interface Opened {
  readonly plaintext: Buffer;
  /** True when an older key than the first opened it: seal it again. */
  readonly stale: boolean;
}

export interface KeyRing {
  /** Ids of the keys (8 bytes in hex), the one that seals first. Another list after a key file has changed. */
  readonly ids: readonly string[];
  /**
   * AES-256-GCM under a key derived (HKDF, RFC 5869) from the first key, the purpose and, when given, `secret`: then
   * neither the ring nor the sealed bytes open it without that secret.
   */
  seal(purpose: Purpose, plaintext: Uint8Array, secret?: Uint8Array): Buffer;
  /** Null when no key of the ring opens it for this purpose: truncated, tampered with, foreign or retired. Never throws. */
  open(purpose: Purpose, sealed: Uint8Array, secret?: Uint8Array): Opened | null;
  /**
   * Whether a key of the ring has the id that `sealed` carries: then what does not open is damaged or foreign, and
   * otherwise its key is retired or not here yet. Looks at nine bytes and authenticates nothing.
   */
  knows(sealed: Uint8Array): boolean;
}

/**
 * Two rings, so that a key for cookies can be given to those who terminate them and one for tokens kept closer.
 * Both change in place when a key file does.
 */
export interface KeyRings {
  /** Seals what the browser holds: login transactions, and sessions of `session.store: cookie`. */
  readonly cookies: KeyRing;
  /** Seals what the store holds: sessions with their tokens, and their labels. */
  readonly tokens: KeyRing;
  /** Called whenever a ring has lost a key: what was opened with it must be opened again, or be refused. */
  onRetired(listener: () => void): void;
  /** Stops looking at key files. */
  close(): void;
}
