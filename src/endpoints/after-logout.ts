/**
 * Remembers where a logout shall lead while the browser is at the provider. `post_logout_redirect_uri` has to be
 * registered exactly, so the target waits in a short-lived cookie. It is judged again when it is used, so a forged one
 * leads nowhere new (LO-045).
 */
import type { RequestHead } from '../core/request-head.ts';
import { createCookieReader } from '../sessions/cookie-header.ts';
import { serializeSetCookie } from '../sessions/set-cookie.ts';
import type { OwnCookieNames } from './context.ts';

const maximumAgeSeconds = 300;
/** Browsers drop a cookie over 4096 bytes; a target that does not fit is not remembered. */
const maximumLength = 3500;

export interface AfterLogout {
  /** The cookie, or null when the target is too long for one. */
  remember(target: string): string | null;
  /** What was remembered, unjudged. */
  recall(head: RequestHead): string | null;
  clear(): string;
}

export function createAfterLogout(names: OwnCookieNames): AfterLogout {
  const name = `${names.session}-after-logout`;
  const readCookie = createCookieReader(name);
  const write = (value: string, maxAge: number) =>
    serializeSetCookie({ name, value, sameSite: 'lax', secure: names.secure, maxAge });
  return {
    remember(target) {
      const value = Buffer.from(target).toString('base64url');
      return value.length > maximumLength ? null : write(value, maximumAgeSeconds);
    },
    recall(head) {
      const value = readCookie(head.headers);
      return typeof value === 'string' ? Buffer.from(value, 'base64url').toString() : null;
    },
    clear: () => write('', 0),
  };
}
