/**
 * Opens a signed token of the provider (JWS, RFC 7515; RFC 8725): the signature always and with the provider's own keys.
 * The claims given on come from the very bytes that were verified. ID, logout and access tokens begin here.
 */
import type { MaybePromise } from '../core/maybe-promise.ts';
import { isBase64url } from './base64url.ts';
import type { ProviderKeys } from './jwks.ts';
import { Refusal } from './refusal.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';
import { isMac, verifyMac, verifySignature } from './verify-signature.ts';

export interface SignedTokenRules {
  /** What it is; begins the words of its refusals. */
  readonly name: 'id-token' | 'logout-token' | 'access-token' | 'introspection' | 'jarm' | 'dpop-proof';
  readonly algorithms: readonly string[];
  /** What `typ` may say, in lower case and without `application/`; it may also be absent. */
  readonly types: readonly string[];
  /** `typ` must be there (RFC 9068 section 2.1, RFC 9701 section 5). */
  readonly typeRequired?: boolean;
  /** Checks HS256, HS384 and HS512, where `algorithms` has them; without it they are refused. Never used for any other. */
  readonly secret?: Uint8Array | null;
  /** Headers that were read and found good by these very rules: all tokens of one key have the same. Bounded. */
  readonly headers?: KnownHeaders;
}

/** By their encoded text. */
export interface KnownHeaders {
  get(header: string): TokenHeader | undefined;
  set(header: string, read: TokenHeader): void;
}

export interface TokenHeader {
  readonly alg: string;
  readonly kid: string | null;
}

export interface KeySource {
  readonly source: Pick<ProviderKeys, 'select'>;
  /** Where the keys are; a function is asked only for a token that can be one. */
  readonly uri: string | (() => MaybePromise<string>);
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
  const { alg, kid, payload, input, signature } = readToken(token, rules);
  if (isMac(alg)) {
    const { secret } = rules;
    if (!secret || !verifyMac(alg, secret, input, signature)) throw new Refusal(`${rules.name}-signature`);
  } else {
    // Awaited only where there is something to wait for: it costs more than the look-up.
    const asked = typeof keys.uri === 'string' ? keys.uri : keys.uri();
    const uri = typeof asked === 'string' ? asked : await asked;
    const found = keys.source.select(uri, { alg, kid });
    const candidates = found instanceof Promise ? await found : found;
    if (!candidates.some((key) => verifySignature(alg, key, input, signature))) {
      throw new Refusal(`${rules.name}-signature`);
    }
  }
  return { alg, claims: parseTokenJson(payload, rules.name) };
}

interface TokenParts extends TokenHeader {
  readonly payload: Buffer;
  /** What was signed. */
  readonly input: string;
  readonly signature: Buffer;
}

function readToken(token: string, rules: SignedTokenRules): TokenParts {
  const { name } = rules;
  if (token.length > maxTokenLength) throw new Refusal(`${name}-too-large`);
  const parts = token.split('.', 6);
  if (parts.length === 5) throw new Refusal(`${name}-encrypted`);
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || !isBase64url(header) || !isBase64url(payload) || !isBase64url(signature)) {
    throw new Refusal(`${name}-malformed`);
  }
  const { alg, kid } = rules.headers?.get(header) ?? readHeader(header, rules);
  return {
    alg,
    kid,
    payload: Buffer.from(payload, 'base64url'),
    input: token.slice(0, -1 - signature.length),
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** `jwk`, `jku`, `x5u` and `x5c` are not even looked at: a token does not bring its own key. */
function readHeader(text: string, rules: SignedTokenRules): TokenHeader {
  const { name } = rules;
  const header = parseTokenJson(Buffer.from(text, 'base64url'), name);
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !rules.algorithms.includes(alg)) throw new Refusal(`${name}-algorithm`);
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw new Refusal(`${name}-crit`);
  // A token of one kind is not one of another kind of the same issuer (RFC 8725 section 3.11).
  const typeFits = typ === undefined ? rules.typeRequired !== true : isType(typ, rules.types);
  if (!typeFits) throw new Refusal(`${name}-type`);
  if (kid !== undefined && typeof kid !== 'string') throw new Refusal('key-id');
  const read: TokenHeader = { alg, kid: kid ?? null };
  rules.headers?.set(text, read);
  return read;
}

function isType(typ: unknown, types: readonly string[]): boolean {
  return typeof typ === 'string' && types.includes(typ.toLowerCase().replace(/^application\//, ''));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One of the JSON parts of a token. Fails with a `Refusal` whose word begins with `name`. */
export function parseTokenJson(bytes: Uint8Array, name: SignedTokenRules['name']): JsonObject {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal(`${name}-malformed`);
  }
  try {
    return parseStrictObject(text);
  } catch (error) {
    throw new Refusal(error instanceof Refusal ? `${name}-${error.reason}` : `${name}-malformed`);
  }
}
