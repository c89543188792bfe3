/** Did our own page send this, or another site? (Cross-site request forgery, RFC 10017; RD-040, RD-044, RD-053.) */
import { headerValues } from '../core/headers.ts';
import type { RequestHead } from '../core/request-head.ts';

/**
 * For what changes state: true only when the browser says that our own origin, or the person directly, sent it.
 * `Sec-Fetch-Site` decides where there is one, then `Origin`. With neither, only the static header `X-CSRF: 1`, which
 * no form of another site can set, will do.
 */
export function isSameOriginAction(head: RequestHead, publicUrl: URL): boolean {
  const sites = headerValues(head.headers, 'sec-fetch-site');
  if (sites.length > 0) return sites.length === 1 && (sites[0] === 'same-origin' || sites[0] === 'none');
  const origins = headerValues(head.headers, 'origin');
  if (origins.length > 0) return origins.length === 1 && origins[0] === publicUrl.origin;
  const tokens = headerValues(head.headers, 'x-csrf');
  return tokens.length === 1 && tokens[0] === '1';
}

/** For what only tells something: false when the browser says that another site, or a sibling host, asks. */
export function mayRead(head: RequestHead, publicUrl: URL): boolean {
  const sites = headerValues(head.headers, 'sec-fetch-site');
  if (sites.some((site) => site !== 'same-origin' && site !== 'none')) return false;
  return headerValues(head.headers, 'origin').every((origin) => origin === publicUrl.origin);
}
