/** Writes `Set-Cookie` values (RFC 6265bis section 4.1): always `HttpOnly`, always for the whole host and no other. */

export interface CookieToSet {
  readonly name: string;
  /** Empty to clear it. */
  readonly value: string;
  readonly sameSite: 'lax' | 'strict' | 'none';
  readonly secure: boolean;
  /** Seconds; 0 clears the cookie; null: until the browser is closed. */
  readonly maxAge: number | null;
}

const sameSiteWords = { lax: 'Lax', strict: 'Strict', none: 'None' } as const;
/** Browsers ignore what is longer. */
const longest = 4096;

/** Throws when name or value could not be sent as they are, or are too long to be kept: a misuse. */
export function serializeSetCookie(cookie: CookieToSet): string {
  if (!/^[A-Za-z0-9_-]+$/.test(cookie.name) || !/^[A-Za-z0-9._-]*$/.test(cookie.value)) {
    throw new Error('a cookie with characters that do not belong in one');
  }
  if (cookie.name.length + cookie.value.length > longest) throw new Error('a cookie too long to be kept');
  const age = cookie.maxAge === null ? '' : `; Max-Age=${Math.max(0, Math.floor(cookie.maxAge))}`;
  // Browsers refuse `SameSite=None` without `Secure`, and take `Secure` over http from loopback.
  const secure = cookie.secure || cookie.sameSite === 'none' ? '; Secure' : '';
  const site = sameSiteWords[cookie.sameSite];
  return `${cookie.name}=${cookie.value}; Path=/; HttpOnly${secure}; SameSite=${site}${age}`;
}
