/**
 * What a logout leaves behind while the browser is at the provider: its `state`, so that only the answer to it counts,
 * and where it shall lead. `post_logout_redirect_uri` has to be registered exactly, so the target waits in a short-lived
 * cookie. It is judged again when it is used, so a forged one leads nowhere new (LO-045).
 */
import type { RandomBytes } from '../core/clock.ts';
import type { RequestHead } from '../core/request-head.ts';
import { createCookieReader } from '../sessions/cookie-header.ts';
import { serializeSetCookie } from '../sessions/set-cookie.ts';
import type { OwnCookieNames } from './context.ts';

const maximumAgeSeconds = 300;
/** Of its share of `cookieBudget.others`; a target that does not fit is not remembered. */
const maximumLength = 768;

export interface Remembered {
  readonly state: string;
  /** Unjudged; empty when the logout named none. */
  readonly target: string;
}

export interface AfterLogout {
  /** A new `state`, and the cookie that binds it to this browser. */
  begin(target: string | null): { readonly state: string; readonly setCookie: string };
  /** What this browser was given last, or null. */
  recall(head: RequestHead): Remembered | null;
  clear(): string;
}

export function createAfterLogout(names: OwnCookieNames, random: RandomBytes): AfterLogout {
  const name = `${names.session}-after-logout`;
  const readCookie = createCookieReader(name);
  const write = (value: string, maxAge: number) =>
    serializeSetCookie({ name, value, sameSite: 'lax', secure: names.secure, maxAge });
  return {
    begin(target) {
      const state = random(32).toString('base64url');
      const encoded = Buffer.from(target ?? '').toString('base64url');
      const value = encoded === '' || encoded.length > maximumLength ? state : `${state}.${encoded}`;
      return { state, setCookie: write(value, maximumAgeSeconds) };
    },
    recall(head) {
      const value = readCookie(head.headers);
      if (typeof value !== 'string') return null;
      const [state = '', target = ''] = value.split('.', 2);
      return { state, target: Buffer.from(target, 'base64url').toString() };
    },
    clear: () => write('', 0),
  };
}
