/** Checks that who sends a bound token holds its key: one DPoP proof for this very request (RFC 9449 sections 4.3 and 7). */
import type { Clock } from '../core/clock.ts';
import type { CredentialError } from '../core/credential-refusal.ts';
import { type HeaderList, headerValues } from '../core/headers.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import { Refusal } from '../oidc/refusal.ts';
import type { JsonObject } from '../oidc/strict-json.ts';
import { readTime } from '../oidc/token-claims.ts';
import type { Store } from '../stores/store.ts';
import type { DpopConfig } from './dpop-config.ts';
import { createDpopNonces, type NonceSeal } from './dpop-nonce.ts';
import { type BoundToken, checkTokenHash, readProof, readTokenId } from './dpop-proof.ts';
import { createFirstUse, type ProofUse } from './dpop-replay.ts';
import { namesRequest } from './dpop-url.ts';

export interface DpopRefusal {
  readonly error: Extract<CredentialError, 'invalid_dpop_proof' | 'use_dpop_nonce'>;
  /** A stable word for the log. */
  readonly detail: string;
  /** What goes with `WWW-Authenticate`: the nonce to be used. */
  readonly headers: HeaderList;
}

/**
 * Null when the request proves it. Only for a token that is good otherwise, for it writes to the store. Throws
 * `ERR_STORE_UNAVAILABLE` when it cannot tell whether the proof came before.
 */
export type DpopCheck = (head: RequestHead, bound: BoundToken) => MaybePromise<DpopRefusal | null>;

export interface DpopCheckDeps {
  readonly store: Pick<Store, 'addIfAbsent'>;
  readonly clock: Clock;
  readonly publicUrl: URL;
  /** The listener serves every host: then the one that a client names says nothing (`listen.hosts: ['*']`). */
  readonly anyHost: boolean;
  /** The key ring of the fleet, for nonces. */
  readonly sealing: NonceSeal;
}

/** Milliseconds by which the clocks of the processes may differ: no id is forgotten where a proof still counts elsewhere. */
const skew = 60_000;

const noHeaders: HeaderList = [];

export function createDpopCheck(config: DpopConfig, deps: DpopCheckDeps): DpopCheck {
  const { store, clock, sealing } = deps;
  const isFirstUse = createFirstUse(store);
  const nonces = config.nonce ? createDpopNonces(config.nonceLifetime, { sealing, clock }) : null;

  const judge = (head: RequestHead, bound: BoundToken): ProofUse | DpopRefusal => {
    const { claims, isSigned } = readProof(onlyProof(head.headers), bound, config.algorithms);
    const jti = readTokenId(claims);
    if (claims.htm !== head.method) throw new Refusal('dpop-proof-htm');
    if (typeof claims.htu !== 'string' || !namesRequest(claims.htu, head, deps)) {
      throw new Refusal('dpop-proof-htu');
    }
    checkTokenHash(claims, bound.token);
    if (nonces !== null && !(typeof claims.nonce === 'string' && nonces.accepts(claims.nonce))) {
      return askForNonce(nonces.issue());
    }
    const issuedAt = checkTimes(claims, config, clock.now());
    if (!isSigned()) throw new Refusal('dpop-proof-signature');
    return { jkt: bound.jkt, jti, expiresAt: issuedAt + config.maxAge + config.leeway + skew };
  };

  return (head, bound) => {
    let judged: ProofUse | DpopRefusal;
    try {
      judged = judge(head, bound);
    } catch (error) {
      if (error instanceof Refusal) return refuse(error.reason);
      throw error;
    }
    if ('error' in judged) return judged;
    const first = isFirstUse(judged);
    return first instanceof Promise ? first.then(refuseReplay) : refuseReplay(first);
  };
}

function onlyProof(headers: HeaderList): string {
  const proofs = headerValues(headers, 'dpop');
  if (proofs.length === 0) throw new Refusal('dpop-proof-missing');
  if (proofs.length > 1) throw new Refusal('dpop-proof-several');
  return proofs[0] as string;
}

/** When it was made. Unix time in milliseconds, as `now`. */
function checkTimes(claims: JsonObject, { maxAge, leeway }: DpopConfig, now: number): number {
  const issuedAt = readTime(claims.iat, 'dpop-proof-issued-at') * 1000;
  if (issuedAt > now + leeway) throw new Refusal('dpop-proof-in-future');
  if (issuedAt < now - leeway - maxAge) throw new Refusal('dpop-proof-too-old');
  return issuedAt;
}

function refuseReplay(isFirst: boolean): DpopRefusal | null {
  return isFirst ? null : refuse('dpop-proof-replayed');
}

function refuse(detail: string): DpopRefusal {
  return { error: 'invalid_dpop_proof', detail, headers: noHeaders };
}

/** RFC 9449 section 9. The nonce belongs to this client and this moment; no answer of the gate's own may be kept. */
function askForNonce(nonce: string): DpopRefusal {
  return {
    error: 'use_dpop_nonce',
    detail: 'dpop-nonce',
    headers: ['dpop-nonce', nonce],
  };
}
