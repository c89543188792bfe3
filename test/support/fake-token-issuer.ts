/** Token issuers without a network: real keys, real signatures, and a count of every time somebody is asked. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type CompactJWSHeaderParameters, CompactSign } from 'jose';
import type { ProviderKeys } from '../../src/oidc/jwks.ts';
import { createKeySet } from '../../src/oidc/key-set.ts';
import { Refusal } from '../../src/oidc/refusal.ts';
import { openSignedToken } from '../../src/oidc/signed-token.ts';
import type { JsonObject } from '../../src/oidc/strict-json.ts';
import type { TokenIssuer } from '../../src/oidc/token-issuer.ts';

export interface FakeTokenIssuer extends TokenIssuer {
  /** How often it was asked to verify, and how often about a token. */
  readonly asked: { open: number; introspect: number };
  /** Answers introspections from now on; throw what should fail. */
  answerWith(answer: (token: string) => JsonObject | null | Promise<JsonObject | null>): void;
  /** Until when a verified token is trusted. Unix time in milliseconds. */
  trustUntil(time: number): void;
  /** Forgets its key: what it signed is no longer good. */
  withdrawKey(): void;
}

export interface FakeIssuerOptions {
  readonly name?: string;
  readonly issuer?: string;
  readonly canIntrospect?: boolean;
  /** Private key; that of `testKeys.ec` without it. */
  readonly key?: KeyObject;
}

/** Made once: RSA keys take their time. */
export const testKeys = {
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  otherEc: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
} as const;

export function createFakeTokenIssuer(options: FakeIssuerOptions = {}): FakeTokenIssuer {
  const { name = 'main', issuer = 'https://login.test', canIntrospect = false, key = testKeys.ec } = options;
  const asked = { open: 0, introspect: 0 };
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  let keys = createKeySet([{ ...jwk, kid: `${name}-key` }], () => {});
  let trustedUntil = Number.POSITIVE_INFINITY;
  let answer: (token: string) => JsonObject | null | Promise<JsonObject | null> = () => null;
  const source: ProviderKeys = {
    ready: async () => {},
    select: (_uri, hint) => {
      const found = keys.select(hint);
      if (found.length === 0) throw new Refusal('key-unknown');
      return found;
    },
    trustedUntil: () => trustedUntil,
    close: () => {},
  };
  return {
    name,
    issuer,
    canIntrospect,
    asked,
    async open(token, rules) {
      asked.open += 1;
      return { ...(await openSignedToken(token, { source, uri: '' }, rules)), trustedUntil };
    },
    async introspect(token) {
      asked.introspect += 1;
      return answer(token);
    },
    answerWith(given) {
      answer = given;
    },
    trustUntil(time) {
      trustedUntil = time;
    },
    withdrawKey() {
      keys = createKeySet([], () => {});
    },
    close: async () => {},
  };
}

export interface SignOptions {
  readonly key?: KeyObject | Uint8Array;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A JWT of these claims; members that are undefined are left out. `header` overrides `{ alg: 'ES256', typ: 'at+jwt' }`. */
export function signAccessToken(
  claims: Readonly<Record<string, unknown>> | string,
  options: SignOptions = {},
): Promise<string> {
  const { key = testKeys.ec, header = {} } = options;
  const text = typeof claims === 'string' ? claims : JSON.stringify(claims);
  const all = { alg: 'ES256', typ: 'at+jwt', ...header };
  const defined = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return new CompactSign(Buffer.from(text))
    .setProtectedHeader(defined as unknown as CompactJWSHeaderParameters)
    .sign(key);
}
