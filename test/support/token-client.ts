/** Clients that get access tokens at the real provider: machines by themselves, people by the authorization code flow. */
import { createHash, randomBytes } from 'node:crypto';
import type { DpopSender } from './dpop-sender.ts';
import type { RealClient } from './real-provider.ts';
import { everyGrant, machine } from './real-provider-apis.ts';
import { signInAt } from './sign-in-at.ts';

export interface TokenRequest {
  readonly resource: string;
  /** Separated by spaces. */
  readonly scope: string;
  /** Binds the token to this key (RFC 9449). */
  readonly sender?: DpopSender;
  /** More headers, as that of a certificate. */
  readonly headers?: Readonly<Record<string, string>>;
}

export const machineSecret = 'machine-secret-0123456789-0123456789';

/** A client for `machineToken`, with this metadata over its own. */
export function machineClient(
  clientId: string,
  metadata: Readonly<Record<string, unknown>> = {},
): RealClient {
  return { clientId, clientSecret: machineSecret, redirectUris: [], metadata: { ...machine, ...metadata } };
}

const appAddress = 'http://127.0.0.1:9/signed-in';

/** A public client for `personToken`. */
export const appClient: RealClient = {
  clientId: 'phone-app',
  redirectUris: [appAddress],
  metadata: {
    ...everyGrant,
    grant_types: ['authorization_code', 'refresh_token'],
    application_type: 'native',
  },
};

const basic = (clientId: string) => `Basic ${btoa(`${clientId}:${machineSecret}`)}`;

async function post(url: string, headers: Readonly<Record<string, string>>, form: URLSearchParams) {
  const response = await fetch(url, { method: 'POST', headers, body: form });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

function accessToken({ status, text }: { readonly status: number; readonly text: string }): string {
  const { access_token: token } = JSON.parse(text) as { access_token?: string };
  if (token === undefined) throw new Error(`no token, but ${status} ${text}`);
  return token;
}

/** By client credentials. */
export async function machineToken(issuer: string, clientId: string, request: TokenRequest): Promise<string> {
  const { resource, scope, sender, headers = {} } = request;
  const url = `${issuer}/token`;
  const form = new URLSearchParams({ grant_type: 'client_credentials', resource, scope });
  const proof =
    sender === undefined
      ? {}
      : { dpop: sender.prove({ method: 'POST', url, token: '' }, { claims: { ath: undefined } }) };
  return accessToken(await post(url, { ...headers, ...proof, authorization: basic(clientId) }, form));
}

/** Of a person who signs in with `appClient`, at a provider that asks who it is or knows already. */
export async function personToken(
  issuer: string,
  login: string,
  { resource, scope }: Pick<TokenRequest, 'resource' | 'scope'>,
): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const parameters = new URLSearchParams({
    client_id: appClient.clientId,
    response_type: 'code',
    redirect_uri: appAddress,
    scope: `openid ${scope}`,
    resource,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const back = await signInAt(`${issuer}/auth?${parameters}`, { login, clientUrl: appAddress });
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: appClient.clientId,
    redirect_uri: appAddress,
    code: back.searchParams.get('code') ?? '',
    code_verifier: verifier,
    resource,
  });
  return accessToken(await post(`${issuer}/token`, {}, form));
}

/** At the provider, by whom it was issued to. */
export async function revokeToken(issuer: string, clientId: string, token: string): Promise<void> {
  const form = new URLSearchParams({ token });
  const { status } = await post(`${issuer}/token/revocation`, { authorization: basic(clientId) }, form);
  if (status !== 200) throw new Error(`the revocation was answered with ${status}`);
}
