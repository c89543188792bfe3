/**
 * Remembers where a logout shall lead while the browser is at the provider. `post_logout_redirect_uri` has to be
 * registered exactly, so the target waits in a short-lived cookie that only the signed-out path ever sees. It is
 * judged again when it is used, so a forged one leads nowhere new (LO-045).
 */
import type { RequestHead } from '../core/request-head.ts';
import { readCookie } from './read-cookie.ts';

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

/** `path`: of the signed-out page. */
export function createAfterLogout(name: string, path: string, secure: boolean): AfterLogout {
  const attributes = `; Path=${path}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return {
    remember(target) {
      const value = Buffer.from(target).toString('base64url');
      return value.length > maximumLength
        ? null
        : `${name}=${value}${attributes}; Max-Age=${maximumAgeSeconds}`;
    },
    recall(head) {
      const value = readCookie(head, name);
      return value === null ? null : Buffer.from(value, 'base64url').toString();
    },
    clear: () => `${name}=${attributes}; Max-Age=0`,
  };
}
