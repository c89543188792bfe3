/** Writes a token as it goes into a request: as bearer (RFC 6750), or with a proof for each request (RFC 9449). */
import { SallyportError } from '../core/errors.ts';
import type { ProvenRequest, UpstreamToken } from '../core/upstream-token.ts';
import type { OwnGrants, OwnToken } from '../oidc/own-grants.ts';

type Prove = OwnGrants['prove'];

/** A token in two writings, made once, so that the hot path allocates nothing. */
export interface SentToken {
  /** For routes that do not renew after a 401. */
  readonly plain: UpstreamToken;
  readonly renewable: UpstreamToken;
  /** For whom it is (`aud`), as far as that is known. */
  audiences(): readonly string[];
}

/** Without a renewal. */
export function bearerToken(accessToken: string): UpstreamToken {
  return { header: 'authorization', value: `Bearer ${accessToken}`, prove: null, renew: null };
}

/** Without a renewal. Throws `ERR_UPSTREAM_TOKEN` for a token that is bound to a key that is not ours. */
export function toUpstreamToken(
  { accessToken, scheme }: Pick<OwnToken, 'accessToken' | 'scheme'>,
  prove: Prove,
): UpstreamToken {
  if (scheme === 'Bearer') return bearerToken(accessToken);
  if (prove === null) {
    throw new SallyportError('ERR_UPSTREAM_TOKEN', 'a token is bound to a key that the gate does not have', {
      detail: 'dpop-unexpected',
    });
  }
  return {
    header: 'authorization',
    value: `DPoP ${accessToken}`,
    prove: ({ method, url, nonce }: ProvenRequest) => prove({ method, url, nonce, accessToken }),
    renew: null,
  };
}

/** The token itself, without how it is presented. */
export function tokenOf({ value }: UpstreamToken): string {
  return value.slice(value.indexOf(' ') + 1);
}
