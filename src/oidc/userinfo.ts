/** Asks the userinfo endpoint (OpenID Connect Core 1.0 section 5.3); the token goes in the Authorization header and nowhere else. */
import { SallyportError } from '../core/errors.ts';
import type { Claims } from '../core/identity.ts';
import { parseUserinfo } from './claims.ts';
import type { DpopClient } from './dpop-client.ts';
import type { ProviderHttp, ProviderResponse } from './provider-http.ts';
import { Refusal } from './refusal.ts';

export interface UserinfoSource {
  readonly http: ProviderHttp;
  /** Null: the access token is a bearer token. */
  readonly dpop: DpopClient | null;
  readonly endpoint: string | undefined;
  /** Whether a login fails without it; otherwise a technical failure leaves the claims of the ID token alone. */
  readonly demanded: boolean;
}

/**
 * Null when it cannot be had and is not demanded. Fails with a `Refusal` when it answers about somebody else or with
 * something that is not claims, demanded or not.
 */
export async function fetchUserinfo(
  { http, dpop, endpoint, demanded }: UserinfoSource,
  person: { readonly accessToken: string; readonly subject: string },
): Promise<Claims | null> {
  if (endpoint === undefined) return missing(demanded, new Refusal('userinfo-unsupported'));
  let response: ProviderResponse;
  try {
    response = await ask({ http, dpop }, endpoint, person.accessToken);
  } catch (error) {
    if (error instanceof SallyportError) return missing(demanded, error);
    throw error;
  }
  if (response.status !== 200) return missing(demanded, new Refusal('userinfo-status'));
  return parseUserinfo(response.text, response.contentType, person.subject);
}

function ask(
  { http, dpop }: Pick<UserinfoSource, 'http' | 'dpop'>,
  url: string,
  accessToken: string,
): Promise<ProviderResponse> {
  const send = (headers: Readonly<Record<string, string>>) =>
    http.call({
      call: 'userinfo',
      url,
      method: 'GET',
      headers: { accept: 'application/json', ...headers },
      body: null,
      timeout: null,
    });
  if (dpop === null) return send({ authorization: `Bearer ${accessToken}` });
  return dpop.send({ to: 'resource-server', method: 'GET', url, accessToken }, (proof) =>
    send({ authorization: `DPoP ${accessToken}`, dpop: proof }),
  );
}

function missing(demanded: boolean, failure: Error): null {
  if (demanded) throw failure;
  return null;
}
