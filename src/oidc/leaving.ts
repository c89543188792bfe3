/** What happens at the provider when a person leaves: the refresh token is revoked and the browser may be sent to say goodbye. */
import { tokenRevocation } from 'openid-client';
import type { Events } from '../core/events.ts';
import type { LibraryClient } from './library-client.ts';
import { translateLibraryError } from './library-errors.ts';
import type { Metadata } from './metadata.ts';
import { Refusal } from './refusal.ts';

/** Milliseconds: a provider that is slow or down must not keep anybody from signing out. */
const leavingTimeout = 3000;

/** Longer URLs are cut off or refused on the way; a hint is worth less than arriving (LO-042). */
const maxUrl = 4096;

/** RFC 7009. Never throws. */
export async function revokeToken(
  metadata: Metadata,
  library: LibraryClient,
  refreshToken: string,
): Promise<Events['token.revoked']['outcome']> {
  if (metadata.revocation_endpoint === undefined) return 'unsupported';
  const inspect = (text: string) => text;
  const client = library(metadata, { call: 'revocation', inspect, timeout: leavingTimeout });
  try {
    await tokenRevocation(client, refreshToken, { token_type_hint: 'refresh_token' });
    return 'revoked';
  } catch (error) {
    const failure = translateLibraryError(error);
    return failure instanceof Refusal && failure.reason === 'unsupported-token-type'
      ? 'unsupported'
      : 'failed';
  }
}

export interface Goodbye {
  readonly clientId: string;
  /** Null leaves the hint out. */
  readonly idToken: string | null;
  readonly postLogoutRedirectUri: string;
  readonly state: string;
}

/** OpenID Connect RP-Initiated Logout 1.0 section 2; null when the provider has no such endpoint. */
export function createEndSessionUrl(metadata: Metadata, goodbye: Goodbye): string | null {
  if (metadata.end_session_endpoint === undefined) return null;
  const url = new URL(metadata.end_session_endpoint);
  url.searchParams.set('client_id', goodbye.clientId);
  url.searchParams.set('post_logout_redirect_uri', goodbye.postLogoutRedirectUri);
  url.searchParams.set('state', goodbye.state);
  const withoutHint = url.href;
  if (goodbye.idToken === null) return withoutHint;
  url.searchParams.set('id_token_hint', goodbye.idToken);
  return url.href.length > maxUrl ? withoutHint : url.href;
}
