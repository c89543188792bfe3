/** The names of the gate's own cookies, and which cookies are never anybody else's business. */
import type { RequestHead } from '../core/request-head.ts';
import { cookiesWithPrefix } from './cookie-header.ts';
import type { SessionConfig } from './session-config.ts';

export interface CookieNames {
  readonly session: string;
  /** What the names of login transaction cookies begin with. */
  readonly loginPrefix: string;
  /** Counts sign-ins that lead nowhere. */
  readonly bounce: string;
  /** True on https: cookies are `Secure` and carry the `__Host-` prefix. */
  readonly secure: boolean;
  /**
   * Whether a cookie of this name is, or looks like, one of ours: with any prefix, in any case, with anything behind
   * `-`, `_` or `.`. Such cookies are taken out of what an application gets and of what it sets.
   */
  isOwn(name: string): boolean;
  /** Whether a request brings a session cookie, or pieces of one, good or not. */
  hasSession(head: RequestHead): boolean;
}

/** What follows the name in the pieces of a session in cookies. */
const piece = /^-\d$/;

/** `__Host-` binds a cookie to this very host: no sibling and no plain-http page can set it (RFC 6265bis section 4.1.3). */
export function createCookieNames(config: Pick<SessionConfig, 'cookie'>, publicUrl: URL): CookieNames {
  const secure = publicUrl.protocol === 'https:';
  const base = (secure ? '__Host-' : '') + config.cookie.name;
  const own = new RegExp(
    `^[ \\t]*(?:__(?:host|secure|http|host-http)-)?${config.cookie.name}(?:[-_. \\t]|$)`,
    'i',
  );
  return {
    session: base,
    loginPrefix: `${base}-login-`,
    bounce: `${base}-bounce`,
    secure,
    isOwn: (name) => own.test(name),
    hasSession: ({ headers }) =>
      cookiesWithPrefix(headers, base).some(
        ({ name }) => name === base || piece.test(name.slice(base.length)),
      ),
  };
}
