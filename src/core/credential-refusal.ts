/** Why a credential that a request brought, or the lack of one, does not let it pass: ready to be answered. */
import type { HeaderList } from './headers.ts';

/** RFC 6750 section 3.1, RFC 9449 section 7.1 and RFC 9470 section 3. */
export type CredentialError =
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'insufficient_user_authentication';

export interface CredentialRefusal {
  readonly status: 400 | 401 | 403;
  /** Null when nothing was brought: then no error code is told (RFC 6750 section 3). */
  readonly error: CredentialError | null;
  /** `WWW-Authenticate` lines and what goes with them (`DPoP-Nonce`), names in lower case. */
  readonly headers: HeaderList;
  /** Which check refused it, as a stable word for the log (`audience`); never told to the client. */
  readonly detail: string;
}
