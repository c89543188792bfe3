/**
 * Nonces for DPoP proofs (RFC 9449 section 8): the time at which each was given out, sealed. Nothing is kept, so every
 * process that has the same key ring knows those of the others.
 */
import type { Clock } from '../core/clock.ts';

/** A key ring, for this purpose alone. */
export interface NonceSeal {
  seal(plaintext: Uint8Array): Uint8Array;
  /** Null when this was not sealed here, or for something else. */
  open(sealed: Uint8Array): Uint8Array | null;
}

export interface DpopNonces {
  /** A new one, in the characters of RFC 9449 section 8.1. */
  issue(): string;
  /** Whether it was given out by this fleet, and not too long ago. */
  accepts(nonce: string): boolean;
}

export interface DpopNoncesDeps {
  readonly sealing: NonceSeal;
  readonly clock: Clock;
}

/** Characters; ours have about 80. */
const longest = 256;

/** Milliseconds by which the clocks of the processes may differ. */
const skew = 30_000;

/** Milliseconds since 1970 in six bytes: enough for some thousand years. */
const timeLength = 6;

/** `lifetime` in milliseconds. */
export function createDpopNonces(lifetime: number, { sealing, clock }: DpopNoncesDeps): DpopNonces {
  return {
    issue() {
      const time = Buffer.alloc(timeLength);
      time.writeUIntBE(Math.floor(clock.now()), 0, timeLength);
      return Buffer.from(sealing.seal(time)).toString('base64url');
    },
    accepts(nonce) {
      if (nonce.length > longest || !/^[A-Za-z0-9_-]+$/.test(nonce)) return false;
      const opened = sealing.open(Buffer.from(nonce, 'base64url'));
      if (opened?.length !== timeLength) return false;
      const age = clock.now() - Buffer.from(opened).readUIntBE(0, timeLength);
      return age >= -skew && age <= lifetime;
    },
  };
}
