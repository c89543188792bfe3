/** What an authenticator found in a request head. A technical failure is none of these: it throws. */
import type { ApiCaller } from './api-caller.ts';
import type { CredentialRefusal } from './credential-refusal.ts';
import type { SetCookies } from './decision.ts';
import type { Session } from './session.ts';

/** What looking for a session gives. */
export type SessionAuthentication =
  /** Nothing was presented. */
  | { readonly kind: 'none' }
  /** A session cookie was presented that is not, or no longer, good. `setCookies` clears it. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly setCookies: SetCookies }
  | { readonly kind: 'session'; readonly session: Session; readonly setCookies: SetCookies };

/** What looking for any credential gives. */
export type Authentication =
  | SessionAuthentication
  /** A token or a key was presented and is good. */
  | { readonly kind: 'caller'; readonly caller: ApiCaller }
  /** A token or a key was presented and is not good. */
  | { readonly kind: 'refused'; readonly refusal: CredentialRefusal };
