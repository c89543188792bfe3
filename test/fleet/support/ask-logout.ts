/** A provider that tells one node of a logout, server to server. */
import type { RotatingProvider } from '../../support/rotating-provider.ts';
import type { FleetClient, Reply } from './client.ts';

export interface LogoutCall {
  /** Of the node. */
  readonly url: string;
  readonly token: string;
}

export function postLogout(client: FleetClient, { url, token }: LogoutCall): Promise<Reply> {
  return client.ask(`${url}/.auth/backchannel-logout`, {
    method: 'POST',
    body: new URLSearchParams({ logout_token: token }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: '*/*' },
  });
}

/** With a new token. */
export async function logOutAtProvider(
  client: FleetClient,
  url: string,
  {
    provider,
    ...about
  }: { readonly provider: RotatingProvider; readonly sub?: string; readonly sid?: string },
): Promise<Reply> {
  return postLogout(client, { url, token: await provider.logoutToken(about) });
}
