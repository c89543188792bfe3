/**
 * Where a login or a logout may lead: a path on our own origin, or an allow-listed origin. What is emitted is always
 * absolute, so that no browser can read a path as an authority (RFC 9700 section 4.11).
 */

export interface ReturnTo {
  /** The absolute URL to emit; the default one when `value` is null or refused. */
  resolve(value: string | null): string;
  /** The absolute URL, or null when `value` is refused. */
  accept(value: string): string | null;
}

export interface ReturnToConfig {
  /** A local path. */
  readonly default: string;
  /** Origins; `https://*.example.com` stands for exactly one label. */
  readonly allow: readonly string[];
}

/** Characters of a `returnTo`, as it comes and as it is emitted: it has to fit in a cookie beside the login's secrets. */
const maximumLength = 2048;

/** Controls, format characters, every kind of space, lone surrogates, and the backslash that browsers read as `/`. */
const forbidden = /[\p{C}\p{Z}\\]/u;

/** `ownPaths`: the prefix and every endpoint. A login must not lead back to a login, a logout or a callback (RD-019). */
export function createReturnTo(
  publicUrl: URL,
  ownPaths: readonly string[],
  config: ReturnToConfig,
): ReturnTo {
  const allowed = config.allow.map(compileOrigin);
  const fallback = new URL(config.default, publicUrl.origin).href;

  function accept(value: string): string | null {
    if (value.length > maximumLength || forbidden.test(value)) return null;
    const url = value.startsWith('/') ? acceptLocal(value) : acceptForeign(value);
    // Percent-encoding makes one character up to twelve.
    return url === null || url.length > maximumLength ? null : url;
  }

  function acceptLocal(value: string): string | null {
    if (value.startsWith('//')) return null;
    const url = parse(value, publicUrl.origin);
    // `/.//evil.example` is same-origin for the parser and leaves `//evil.example` as the path (RD-012).
    if (url === null || url.origin !== publicUrl.origin || url.pathname.startsWith('//')) return null;
    return isOwnPath(url.pathname, ownPaths) ? null : emit(url);
  }

  function acceptForeign(value: string): string | null {
    if (!/^https?:\/\/[^/]/.test(value)) return null;
    const url = parse(value);
    if (url === null || url.pathname.startsWith('//')) return null;
    // Only what is written the way the parser writes it: no user information, no full-width letters, no `%2e`, no odd
    // IPv4 (RD-014).
    if (!value.startsWith(url.origin) || !/^$|[/?#]/.test(value.charAt(url.origin.length))) return null;
    if (url.origin === publicUrl.origin) return isOwnPath(url.pathname, ownPaths) ? null : emit(url);
    return allowed.some((pattern) => pattern.test(url.origin)) ? emit(url) : null;
  }

  return {
    accept,
    resolve: (value) => (value === null ? null : accept(value)) ?? fallback,
  };
}

const emit = (url: URL) => url.origin + url.pathname + url.search + url.hash;

function parse(value: string, base?: string): URL | null {
  const url = URL.parse(value, base);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') ? url : null;
}

/** `https://*.app.test:8443` → that scheme and port, one label, that parent, and nothing around it (RD-018). */
function compileOrigin(pattern: string): RegExp {
  const origin = pattern.replace(/^(https:.*):443$|^(http:.*):80$/, '$1$2');
  const source = origin.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace('\\*', '[a-z0-9-]+');
  return new RegExp(`^${source}$`);
}

/** Compared as generously as any later decoding could read it: too much is refused rather than too little. */
function isOwnPath(pathname: string, ownPaths: readonly string[]): boolean {
  const decoded = decodeFully(pathname);
  if (decoded === null) return true;
  const flat = decoded.replace(/[\\/]+/g, '/');
  const resolved = URL.parse(flat, 'http://gate.invalid')?.pathname;
  if (resolved === undefined) return true;
  const leadsTo = (path: string, own: string) => path === own || path.startsWith(`${own}/`);
  return ownPaths.some((own) => leadsTo(flat, own) || leadsTo(resolved, own));
}

/** ASCII decoded until it no longer changes; null for broken encoding, or more layers of it than anybody means. */
function decodeFully(pathname: string): string | null {
  if (/%(?![0-9a-f]{2})/i.test(pathname)) return null;
  let path = pathname;
  for (let i = 0; i < 4; i++) {
    const decoded = path.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded === path) return path;
    path = decoded;
  }
  return null;
}
