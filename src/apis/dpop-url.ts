/** How the URL in a DPoP proof and that of the request are compared (RFC 9449 section 4.3, RFC 3986 section 6.2.2). */
import type { RequestHead } from '../core/request-head.ts';

const unreserved = /[A-Za-z0-9\-._~]/;

/** Null when it is no absolute http URL. Query and fragment are left out: they are not compared. */
export function normaliseUrl(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return null;
  return url.origin + respell(url.pathname);
}

/** The spelling that a canonical path has (`doors/canonical-url.ts`), as far as a URL parser leaves it open. */
function respell(path: string): string {
  return path
    .replace(/%[0-9a-f]{2}|["<>[\]^`{|}]/gi, (found) => {
      const byte = found.length === 3 ? Number.parseInt(found.slice(1), 16) : found.charCodeAt(0);
      const character = String.fromCharCode(byte);
      if (unreserved.test(character)) return character;
      return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .replace(/\/{2,}/g, '/');
}

/**
 * Whether `htu` names the request: at the public URL, or at the host that the client named, which the listener has found
 * among those that it answers for (`listen.hosts`). Never a host of the client's choice: a proof that was made for another
 * server could be sent on to this one.
 */
export function namesRequest(
  htu: string,
  head: RequestHead,
  { publicUrl, anyHost }: { readonly publicUrl: URL; readonly anyHost: boolean },
): boolean {
  const named = normaliseUrl(htu);
  if (named === null) return false;
  const { path } = head.url;
  if (named === publicUrl.origin + path) return true;
  return !anyHost && named === `${head.client.scheme}://${head.host}${path}`;
}
