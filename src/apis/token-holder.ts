/**
 * Whether who sends a good token may use it: bound tokens are of use to the holder of their key alone (RFC 9449, RFC 8705).
 * Asked with every request, also for a token that is remembered.
 */
import type { CredentialError } from '../core/credential-refusal.ts';
import type { HeaderList } from '../core/headers.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { TokenScheme } from './authorization-header.ts';
import { isBoundToCertificate } from './certificate-binding.ts';
import type { Confirmation } from './confirmation.ts';
import type { DpopCheck } from './dpop-check.ts';
import type { DpopConfig } from './dpop-config.ts';

export interface SentToken {
  readonly scheme: TokenScheme;
  readonly token: string;
}

export interface HolderRefusal {
  readonly error: CredentialError;
  /** A stable word for the log. */
  readonly detail: string;
  readonly headers: HeaderList;
}

export interface HolderRules {
  readonly checkProof: DpopCheck;
  readonly dpop: DpopConfig['use'];
}

/** Null when it may be used. Throws `ERR_STORE_UNAVAILABLE` when it cannot tell whether a proof came before. */
export function checkHolder(
  head: RequestHead,
  { scheme, token, confirmation }: SentToken & { readonly confirmation: Confirmation | null },
  { checkProof, dpop }: HolderRules,
): MaybePromise<HolderRefusal | null> {
  if (confirmation?.kind === 'dpop') {
    if (dpop === 'never') return dpopUnwanted;
    // Sent as a bearer token it would be good for whoever has stolen it (RFC 9449 section 7.2).
    return scheme === 'DPoP' ? checkProof(head, { jkt: confirmation.jkt, token }) : dpopAsBearer;
  }
  if (scheme === 'DPoP') return notBound;
  if (dpop === 'required') return dpopDemanded;
  if (confirmation === null) return null;
  const { certificateThumbprint } = head.client;
  return isBoundToCertificate(confirmation.thumbprint, certificateThumbprint) ? null : otherCertificate;
}

const refusal = (detail: string): HolderRefusal => ({ error: 'invalid_token', detail, headers: [] });

const dpopAsBearer = refusal('dpop-as-bearer');
const dpopUnwanted = refusal('dpop-unwanted');
const notBound = refusal('dpop-unbound');
const dpopDemanded = refusal('dpop-required');
const otherCertificate = refusal('certificate');
