/**
 * What `decide` may see of a request: its head, already canonical. A door makes one for every request; nothing
 * behind the door looks at the raw request again to decide.
 */
import { type HeaderList, headerValue } from './headers.ts';

/**
 * The one URL that is matched, authorised and forwarded. `path` begins with `/`, holds no dot segments, no empty
 * inner segments, no encoded separators and only valid percent-encoding; `search` is `''` or the raw query with its `?`.
 */
export interface CanonicalUrl {
  readonly path: string;
  readonly search: string;
}

/** Who is at the other end, after trusted proxies have been believed. */
export interface Client {
  /** IPv4 or IPv6 address without port or brackets. */
  readonly address: string;
  readonly scheme: 'http' | 'https';
  /**
   * `x5t#S256` of the certificate that the client proved to hold (RFC 8705 section 3.1), here or at a trusted proxy;
   * null without one.
   */
  readonly certificateThumbprint: string | null;
}

export interface RequestHead {
  /** Request id: unique in this process, safe to log and to show. */
  readonly id: string;
  /** The method as sent; case matters (RFC 9110 section 9.1). */
  readonly method: string;
  readonly url: CanonicalUrl;
  /** The authority that the client named: lower case, without the scheme's default port. */
  readonly host: string;
  readonly headers: HeaderList;
  readonly client: Client;
  /** The protocol of an accepted upgrade (`websocket`), or null for a plain request. */
  readonly upgrade: string | null;
}

/** The first value of a request's field `name` (lower case), or null. */
export function requestHeader(head: RequestHead, name: string): string | null {
  return headerValue(head.headers, name);
}

/** Reads the whole request body as text. Rejects with `ERR_BODY_TOO_LARGE` past `limit` bytes. */
export type ReadBody = (limit: number) => Promise<string>;
