/**
 * The gate's proofs of possession (DPoP, RFC 9449): made in this one place, for the provider's own endpoints and for the
 * applications that get its tokens. It also keeps the nonces that the provider's servers want to see in them.
 */
import { createHash } from 'node:crypto';
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { ProvenRequest } from '../core/upstream-token.ts';
import type { ProviderConfig } from './provider-config.ts';
import type { ProviderResponse } from './provider-http.ts';
import { createJwtSigner } from './sign-jwt.ts';
import { readSigningKey } from './signing-key.ts';
import { parseStrictObject } from './strict-json.ts';

/** A request to the provider that carries a proof. */
export interface ProvenCall {
  /** Nonces of the one kind are never shown to the other, even at one origin (RP-122). */
  readonly to: 'authorization-server' | 'resource-server';
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** What the proof is bound to; null where tokens are asked for. */
  readonly accessToken: string | null;
}

export interface DpopClient {
  /** RFC 7638 thumbprint of the key, for `dpop_jkt` (RFC 9449 section 10). */
  readonly thumbprint: string;
  /** The `DPoP` header for one request to an application. */
  prove(request: ProvenRequest & { readonly accessToken: string | null }): string;
  /** Sends with a proof; once more when the server asks for its nonce, and then takes what comes. */
  send(call: ProvenCall, send: (proof: string) => Promise<ProviderResponse>): Promise<ProviderResponse>;
}

/** Null when the provider's tokens are bearer tokens. */
export function createDpopClient(
  { dpopKey }: Pick<ProviderConfig, 'dpopKey'>,
  deps: { readonly clock: Clock; readonly random: RandomBytes },
): DpopClient | null {
  const key = dpopKey === undefined ? '' : readSigningKey(dpopKey.reveal());
  if (typeof key === 'string') return null;
  const { clock, random } = deps;
  const signProof = createJwtSigner(key, { typ: 'dpop+jwt', jwk: key.publicJwk });
  /** By kind of server and origin; as few as the provider has endpoints. */
  const nonces = new Map<string, string>();

  const prove: DpopClient['prove'] = ({ method, url, nonce, accessToken }) =>
    signProof({
      jti: random(16).toString('base64url'),
      htm: method,
      htu: withoutQuery(url),
      iat: Math.floor(clock.now() / 1000),
      ...(accessToken === null ? {} : { ath: createHash('sha256').update(accessToken).digest('base64url') }),
      ...(nonce === null ? {} : { nonce }),
    });

  return {
    thumbprint: key.thumbprint,
    prove,
    async send(call, send) {
      const server = `${call.to} ${new URL(call.url).origin}`;
      const attempt = async () => {
        const response = await send(prove({ ...call, nonce: nonces.get(server) ?? null }));
        if (response.dpopNonce !== null) nonces.set(server, response.dpopNonce);
        return response;
      };
      const response = await attempt();
      return response.dpopNonce !== null && asksForNonce(call.to, response) ? attempt() : response;
    },
  };
}

/** RFC 9449 section 4.2: `htu` is the target without query and fragment. */
function withoutQuery(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

/** RFC 9449 sections 8 and 9: the authorization server says it in the body, a resource server in the challenge. */
function asksForNonce(to: ProvenCall['to'], { status, text, wwwAuthenticate }: ProviderResponse): boolean {
  if (to === 'resource-server') return status === 401 && /\berror="?use_dpop_nonce\b/i.test(wwwAuthenticate);
  if (status !== 400 && status !== 401) return false;
  try {
    return parseStrictObject(text).error === 'use_dpop_nonce';
  } catch {
    return false;
  }
}
