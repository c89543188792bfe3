/** Puts the gate's proof of who it is into a request to an authorization server (RFC 6749 section 2.3, RFC 7523, RFC 8705). */
import { createHmac, createPublicKey, X509Certificate } from 'node:crypto';
import type { Clock, RandomBytes } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import { type ClientConfig, usesMutualTls } from './client-authentication-config.ts';
import { createJwtSigner, encode, type SignJwt } from './sign-jwt.ts';
import { readSigningKey, type SigningKey } from './signing-key.ts';

/**
 * Adds what is needed to body and headers of one request; a request that is sent again is authenticated again, for an
 * assertion counts once.
 */
export type ClientAuthentication = (body: URLSearchParams, headers: Record<string, string>) => void;

/** Seconds that an assertion may be used: it is used at once. */
const assertionLifetime = 60;

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** `issuer` is the authorization server that an assertion is meant for, and nobody else. */
export function createClientAuthentication(
  config: ClientConfig & { readonly issuer: string },
  deps: { readonly clock: Clock; readonly random: RandomBytes },
): ClientAuthentication {
  const { clientId = '', clientSecret } = config;
  const identified: ClientAuthentication = (body) => body.set('client_id', clientId);
  const method = config.clientAuthentication;
  if (method === 'private_key_jwt') return assertionWith(config, assertionSigner(config), deps);
  if (clientSecret === undefined || usesMutualTls({ clientAuthentication: method })) return identified;
  const secret = clientSecret.reveal();
  if (method === 'client_secret_jwt') return assertionWith(config, sharedKeySigner(secret), deps);
  if (method === 'client_secret_post') {
    return (body) => {
      body.set('client_id', clientId);
      body.set('client_secret', secret);
    };
  }
  const basic = basicCredentials(clientId, secret);
  return (_body, headers) => {
    headers.authorization = basic;
  };
}

/** RFC 6749 section 2.3.1: both parts form-urlencoded before base64, or a `:` in one of them would move to the other. */
function basicCredentials(clientId: string, secret: string): string {
  const encoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${Buffer.from(`${encoded(clientId)}:${encoded(secret)}`).toString('base64')}`;
}

/**
 * RFC 7523 section 3. `aud` is the issuer and never an endpoint: a hostile server whose metadata name the endpoint of
 * an honest one would otherwise collect assertions for that one (RP-043).
 */
function assertionWith(
  { clientId = '', issuer }: ClientConfig & { readonly issuer: string },
  signAssertion: SignJwt,
  { clock, random }: { readonly clock: Clock; readonly random: RandomBytes },
): ClientAuthentication {
  return (body) => {
    const now = Math.floor(clock.now() / 1000);
    const assertion = signAssertion({
      iss: clientId,
      sub: clientId,
      aud: issuer,
      jti: random(16).toString('base64url'),
      iat: now,
      nbf: now,
      exp: now + assertionLifetime,
    });
    body.set('client_id', clientId);
    body.set('client_assertion_type', assertionType);
    body.set('client_assertion', assertion);
  };
}

function assertionSigner(config: ClientConfig): SignJwt {
  const key = clientSigningKey(config);
  if (key === null) throw new SallyportError('ERR_INTERNAL', 'private_key_jwt has no usable clientKey');
  return createJwtSigner(key, { typ: 'JWT', kid: key.kid, ...certificateMember(config, key) });
}

/** Null when there is none. */
export function clientSigningKey({ clientKey, clientKeyAlgorithm }: ClientConfig): SigningKey | null {
  if (clientKey === undefined) return null;
  const read = readSigningKey(clientKey.reveal(), clientKeyAlgorithm);
  return typeof read === 'string' ? null : read;
}

/** `x5t#S256` (RFC 7515 section 4.1.8), by which Entra knows a key, when the certificate is that of the key. */
function certificateMember(
  { clientCertificate }: ClientConfig,
  { key }: SigningKey,
): { 'x5t#S256'?: string } {
  if (clientCertificate === undefined) return {};
  const certificate = new X509Certificate(clientCertificate.certificate);
  if (!certificate.publicKey.equals(createPublicKey(key))) return {};
  return {
    'x5t#S256': Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url'),
  };
}

function sharedKeySigner(secret: string): SignJwt {
  const begin = encode({ alg: 'HS256', typ: 'JWT' });
  return (claims) => {
    const input = `${begin}.${encode(claims)}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
}
