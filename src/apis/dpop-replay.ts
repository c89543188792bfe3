/** Lets each DPoP proof count once, in the whole fleet (RFC 9449 section 11.1): its id stays in the store until it is too old anyway. */
import { createHash } from 'node:crypto';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { Store } from '../stores/store.ts';

export interface ProofUse {
  /** Thumbprint of the key that made it: others may use the same ids. */
  readonly jkt: string;
  readonly jti: string;
  /** From then on the proof is refused for its age. Unix time in milliseconds. */
  readonly expiresAt: number;
}

/** True for the first use. Fails with `ERR_STORE_UNAVAILABLE`: what cannot be told is no first use (RS-056). */
export type FirstUse = (use: ProofUse) => MaybePromise<boolean>;

const prefix = 'p:';
const nothing = new Uint8Array(0);

export function createFirstUse(store: Pick<Store, 'addIfAbsent'>): FirstUse {
  return ({ jkt, jti, expiresAt }) => {
    // A digest, so that the length of an id is no matter. A thumbprint has no line break.
    const digest = createHash('sha256').update(`${jkt}\n${jti}`).digest('base64url');
    const added = store.addIfAbsent(prefix + digest, { value: nothing, expiresAt });
    return added instanceof Promise ? added.then(isFirst) : isFirst(added);
  };
}

function isFirst(version: number | null): boolean {
  return version !== null;
}
