/** What happens at the provider when a person leaves: tokens are revoked and the browser may be sent to say goodbye. */
import { tokenRevocation } from 'openid-client';
import type { Events } from '../core/events.ts';
import type { LibraryClient } from './library-client.ts';
import { translateLibraryError } from './library-errors.ts';
import type { Metadata } from './metadata.ts';
import type { Goodbye, RevocableToken } from './provider.ts';
import { Refusal } from './refusal.ts';

/** Milliseconds: a provider that is slow or down must not keep anybody from signing out. */
const leavingTimeout = 3000;

/**
 * Characters. A longer address may be cut off or refused on the way, and proxies take answers with little more than
 * 4 KB of header fields (LO-042).
 */
const maxUrl = 3000;

/** RFC 7009. Never throws. */
export async function revokeToken(
  metadata: Metadata,
  library: LibraryClient,
  { token, kind }: RevocableToken,
): Promise<Events['token.revoked']['outcome']> {
  if (metadata.revocation_endpoint === undefined) return 'unsupported';
  const inspect = (text: string) => text;
  const client = library(metadata, { call: 'revocation', inspect, timeout: leavingTimeout });
  try {
    await tokenRevocation(client, token, { token_type_hint: kind });
    return 'revoked';
  } catch (error) {
    const failure = translateLibraryError(error);
    return failure instanceof Refusal && failure.reason === 'unsupported-token-type'
      ? 'unsupported'
      : 'failed';
  }
}

export interface Parting {
  readonly clientId: string;
  /** Null leaves the hint out. */
  readonly idToken: string | null;
  readonly postLogoutRedirectUri: string;
  readonly state: string;
}

/** OpenID Connect RP-Initiated Logout 1.0 section 2; null when the provider has no such endpoint. */
export function createGoodbye(metadata: Metadata, parting: Parting): Goodbye | null {
  const action = metadata.end_session_endpoint;
  if (action === undefined) return null;
  const fields: [name: string, value: string][] = [
    ['client_id', parting.clientId],
    ['post_logout_redirect_uri', parting.postLogoutRedirectUri],
    ['state', parting.state],
  ];
  const withoutHint = addFields(action, fields);
  if (parting.idToken === null) return { url: withoutHint, form: null };
  fields.push(['id_token_hint', parting.idToken]);
  const url = addFields(action, fields);
  return url.length <= maxUrl ? { url, form: null } : { url: withoutHint, form: { action, fields } };
}

function addFields(endpoint: string, fields: readonly (readonly [string, string])[]): string {
  const url = new URL(endpoint);
  for (const [name, value] of fields) url.searchParams.set(name, value);
  return url.href;
}
