/** What an authenticator found in a request head. A technical failure is neither of these: it throws. */
import type { SetCookies } from './decision.ts';
import type { Session } from './session.ts';

export type Authentication =
  /** Nothing was presented. */
  | { readonly kind: 'none' }
  /** Something was presented that is not, or no longer, good. `setCookies` clears it. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly setCookies: SetCookies }
  | { readonly kind: 'session'; readonly session: Session; readonly setCookies: SetCookies };
