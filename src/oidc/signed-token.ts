/**
 * Opens a signed token of the provider (JWS, RFC 7515; RFC 8725): the signature always and with the provider's own keys.
 * The claims given on come from the very bytes that were verified. ID tokens, logout tokens and
 * signed answers begin here.
 */
import { type CryptoKey, compactVerify } from 'jose';
import type { ProviderKeys } from './jwks.ts';
import { Refusal } from './refusal.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';

export interface SignedTokenRules {
  /** What it is; begins the words of its refusals. */
  readonly name: 'id-token' | 'logout-token' | 'jarm';
  readonly algorithms: readonly string[];
  /** What `typ` may say, in lower case and without `application/`; it may also be absent. */
  readonly types: readonly string[];
}

export interface KeySource {
  readonly source: ProviderKeys;
  readonly uri: string;
}

export interface OpenedToken {
  readonly alg: string;
  readonly claims: JsonObject;
}

/** Seconds by which the provider's clock may differ. */
export const clockTolerance = 30;

/** Characters of any token that is looked at. */
export const maxTokenLength = 100_000;

/** Fails with a `Refusal` that names the check, or with `ERR_PROVIDER_UNAVAILABLE` when there are no keys to check with. */
export async function openSignedToken(
  token: string,
  keys: KeySource,
  rules: SignedTokenRules,
): Promise<OpenedToken> {
  const { alg, kid } = readHeader(token, rules);
  const candidates = await keys.source.select(keys.uri, { alg, kid });
  const payload = await verifySignature(token, alg, candidates);
  if (payload === null) throw new Refusal(`${rules.name}-signature`);
  return { alg, claims: parseTokenJson(payload, rules.name) };
}

/** `jwk`, `jku`, `x5u` and `x5c` are not even looked at: a token does not bring its own key. */
function readHeader(token: string, rules: SignedTokenRules): { alg: string; kid: string | null } {
  const { name } = rules;
  if (token.length > maxTokenLength) throw new Refusal(`${name}-too-large`);
  const parts = token.split('.');
  if (parts.length === 5) throw new Refusal(`${name}-encrypted`);
  // Also refuses padding and white space, which some libraries forgive: one token has one spelling.
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
    throw new Refusal(`${name}-malformed`);
  }
  const header = parseTokenJson(Buffer.from(parts[0] as string, 'base64url'), name);
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !rules.algorithms.includes(alg)) throw new Refusal(`${name}-algorithm`);
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw new Refusal(`${name}-crit`);
  // A token of one kind is not one of another kind of the same issuer (RFC 8725 section 3.11).
  if (typ !== undefined && !isType(typ, rules.types)) throw new Refusal(`${name}-type`);
  if (kid !== undefined && typeof kid !== 'string') throw new Refusal('key-id');
  return { alg, kid: kid ?? null };
}

function isType(typ: unknown, types: readonly string[]): boolean {
  return typeof typ === 'string' && types.includes(typ.toLowerCase().replace(/^application\//, ''));
}

/** Null when none of the keys made it. */
async function verifySignature(
  token: string,
  alg: string,
  candidates: readonly CryptoKey[],
): Promise<Uint8Array | null> {
  for (const key of candidates) {
    try {
      return (await compactVerify(token, key, { algorithms: [alg] })).payload;
    } catch {
      // Not this key. The library throws plain TypeErrors for odd keys as well, so nothing is told from the error.
    }
  }
  return null;
}

/** One of the JSON parts of a token. Fails with a `Refusal` whose word begins with `name`. */
export function parseTokenJson(bytes: Uint8Array, name: SignedTokenRules['name']): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal(`${name}-malformed`);
  }
  try {
    return parseStrictObject(text);
  } catch (error) {
    throw new Refusal(error instanceof Refusal ? `${name}-${error.reason}` : `${name}-malformed`);
  }
}
