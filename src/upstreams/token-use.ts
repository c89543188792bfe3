/** The token of one exchange as the carrier uses it: proved anew for every request, replaced once at most. */
import { SallyportError } from '../core/errors.ts';
import type { CanonicalUrl } from '../core/request-head.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { Target } from './target.ts';
import { upstreamPath } from './upstream-path.ts';

export interface TokenUse {
  token: UpstreamToken;
  /** The request was sent again with the nonce that the application asked for. */
  nonceTried: boolean;
  /** The token was renewed, or that was tried. */
  renewalTried: boolean;
}

/** Null for what every request of the exchange carries as it is: nothing is left to do for it. */
export function createTokenUse(token: UpstreamToken | null): TokenUse | null {
  if (token === null || (token.prove === null && token.renew === null)) return null;
  return { token, nonceTried: false, renewalTried: false };
}

/** Writes the token; nothing else of that name is left in the head. */
export function writeToken(headers: string[], token: UpstreamToken): void {
  removeField(headers, token.header);
  headers.push(token.header, token.value);
}

/** Another token in place of the one that the head holds. */
export function replaceToken(headers: string[], use: TokenUse, next: UpstreamToken): void {
  if (next === use.token) return;
  removeField(headers, use.token.header);
  writeToken(headers, next);
  use.token = next;
}

/** Methods that ask and change nothing: without a body they may be sent twice. */
export function isRepeatable(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

export function removeField(headers: string[], name: string): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if (headers[i] === name) headers.splice(i, 2);
  }
}

/**
 * The DPoP proof for one request to this very target (RFC 9449 section 4.2), or null for a bearer token. Throws
 * `ERR_UPSTREAM_TOKEN` when the key does not sign.
 */
export function proofFor(
  use: TokenUse | null,
  target: Target,
  request: { readonly method: string; readonly url: CanonicalUrl },
): string | null {
  if (use === null || use.token.prove === null) return null;
  const { origin, basePath } = target.address;
  const url = origin + upstreamPath(basePath, { path: request.url.path, search: '' });
  try {
    return use.token.prove({ method: request.method, url, nonce: target.nonce });
  } catch (cause) {
    throw new SallyportError('ERR_UPSTREAM_TOKEN', 'the proof could not be signed', {
      cause,
      detail: 'dpop-proof',
    });
  }
}
