/**
 * The response head for the client: what the application said, without what concerns only the connection to it,
 * without cookies of ours, and never cacheable for others when it was made for one person.
 */
import { corsHeaders } from '../core/cors-headers.ts';
import type { Forward } from '../core/decision.ts';
import type { RequestHead } from '../core/request-head.ts';
import { type IsOwnCookie, setsOwnCookie } from './own-cookies.ts';

/** As undici parses it: names in lower case, a list where a field came more than once. */
export type ParsedHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface ResponseHeadDeps {
  readonly publicUrl: URL;
  readonly isOwnCookie: IsOwnCookie;
}

export interface ResponseFraming {
  /** `Content-Length` is meant for the client: false for 204 and 1xx. */
  readonly contentLength: boolean;
  /** Trailers can follow: the body goes out chunked. */
  readonly trailers: boolean;
}

export type BuildResponseHead = (
  headers: ParsedHeaders,
  forward: Forward,
  head: RequestHead,
  framing: ResponseFraming,
) => string[];

/** Never passed on (RFC 9110 section 7.6.1); the reason phrase is not either (HP-092). */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'x-request-id',
]);

/** Caching instructions to proxies on the way that `Cache-Control` does not bind. */
const sharedCaching: ReadonlySet<string> = new Set([
  'cdn-cache-control',
  'surrogate-control',
  'x-accel-expires',
]);

export function createResponseHead(deps: ResponseHeadDeps): BuildResponseHead {
  const { isOwnCookie } = deps;
  const ownOrigin = deps.publicUrl.origin;

  return (headers, forward, head, framing) => {
    const out: string[] = [];
    const named = connectionNames(headers.connection);
    const personal = isPersonal(forward);
    const ownCookies = forward.setCookies.length > 0;
    // Who brings a token reads challenges, and shares answers with pages of other origins; a cookie comes by itself.
    const byCookie = personal && forward.caller === null;
    const foreignOrigin = byCookie && isForeignOrigin(headers['access-control-allow-origin'], ownOrigin);
    const ownProof = forward.upstreamToken !== null && forward.upstreamToken.prove !== null;
    let saysCors = forward.caller === null || forward.route.corsOrigins.length === 0;
    for (const name of Object.keys(headers)) {
      const value = headers[name] as string | readonly string[];
      if (hopByHop.has(name) || named?.has(name)) continue;
      if (name === 'content-length' && !framing.contentLength) continue;
      if (name === 'trailer' && !framing.trailers) continue;
      if (personal || ownCookies) {
        if (name === 'cache-control' || sharedCaching.has(name)) continue;
        if (ownCookies && (name === 'expires' || name === 'pragma')) continue;
        // RD-062: no other origin may read what was answered to this person's cookie.
        if (foreignOrigin && name.startsWith('access-control-')) continue;
        // RS-082: a browser would answer it with a window that asks for a password.
        if (byCookie && name === 'www-authenticate' && !forward.route.passAuthorization) continue;
      }
      // It was asked of the gate, whose proof it is.
      if (ownProof && name === 'dpop-nonce') continue;
      if (!saysCors && name.startsWith('access-control-')) saysCors = true;
      if (name === 'set-cookie') addForeignCookies(out, value, isOwnCookie);
      else if (typeof value === 'string') out.push(name, value);
      else for (const one of value) out.push(name, one);
    }
    if (ownCookies) {
      out.push('cache-control', 'private, no-store', 'vary', 'Cookie');
      for (const cookie of forward.setCookies) out.push('set-cookie', cookie);
    } else if (personal) {
      out.push('cache-control', privateCacheControl(headers['cache-control']));
    }
    if (!saysCors) addCors(out, corsHeaders(head, forward.route));
    out.push('x-request-id', head.id);
    return out;
  };
}

function addCors(out: string[], headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 1) out.push(headers[i] as string);
}

/** Whether the answer may differ from person to person. */
function isPersonal(forward: Forward): boolean {
  const { route, session } = forward;
  if (route.access !== 'public') return true;
  return session !== null && (route.upstreamToken !== 'none' || route.requestHeaders.length > 0);
}

function isForeignOrigin(value: string | readonly string[] | undefined, own: string): boolean {
  return value !== undefined && value !== own;
}

function addForeignCookies(out: string[], value: string | readonly string[], isOwn: IsOwnCookie): void {
  if (typeof value === 'string') {
    if (!setsOwnCookie(value, isOwn)) out.push('set-cookie', value);
    return;
  }
  for (const one of value) {
    if (!setsOwnCookie(one, isOwn)) out.push('set-cookie', one);
  }
}

/**
 * What the application said about caching, for this person's browser alone (SC-041): without `public` and
 * `s-maxage`, with `private`. Saying nothing would let a shared cache guess (RFC 9111 section 4.2.2).
 */
function privateCacheControl(value: string | readonly string[] | undefined): string {
  if (value === undefined) return 'private';
  const text = typeof value === 'string' ? value : value.join(', ');
  const kept = text
    .split(',')
    .map((directive) => directive.trim())
    .filter(
      (directive) => directive !== '' && !/^(?:public|private|s-maxage|proxy-revalidate)\b/i.test(directive),
    );
  return ['private', ...kept].join(', ');
}

/** Fields that the `Connection` of the application names; null for the ordinary ones. */
function connectionNames(value: string | readonly string[] | undefined): ReadonlySet<string> | null {
  if (value === undefined) return null;
  const text = (typeof value === 'string' ? value : value.join(',')).toLowerCase();
  if (text === 'keep-alive' || text === 'close') return null;
  return new Set(text.split(',').map((name) => name.trim()));
}

/** Fields that no trailer section may bring (RFC 9110 section 6.5.1): framing, routing, cookies, caching, identity. */
const neverTrailers =
  /^(?:content-.*|set-cookie|cache-control|expires|pragma|vary|age|date|location|retry-after|host|authorization|trailer|www-authenticate|dpop-nonce|access-control-.*|strict-transport-security|clear-site-data|etag|last-modified)$/;

/** The trailer fields that go on to the client, as `[name, value]` pairs; null when there are none. */
export function allowedTrailers(trailers: ParsedHeaders): [string, string][] | null {
  const pairs: [string, string][] = [];
  for (const name of Object.keys(trailers)) {
    if (hopByHop.has(name) || neverTrailers.test(name)) continue;
    const value = trailers[name] as string | readonly string[];
    for (const one of typeof value === 'string' ? [value] : value) pairs.push([name, one]);
  }
  return pairs.length === 0 ? null : pairs;
}
