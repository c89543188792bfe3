/**
 * Takes the encryption off a token (JWE, RFC 7516): ID tokens and logout tokens that the provider encrypts to the gate's
 * own key. Encryption proves nothing about who made it, so what comes out is verified like any other token.
 */
import { compactDecrypt } from 'jose';
import type { MaybePromise } from '../core/maybe-promise.ts';
import { type DecryptionKey, readDecryptionKey } from './decryption-keys.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';
import { maxTokenLength, parseTokenJson, type SignedTokenRules } from './signed-token.ts';

/**
 * The signed token inside; one that is not encrypted comes back as it is. Without keys an encrypted one comes back too,
 * for the reader to refuse. Fails with a `Refusal`.
 */
export type DecryptToken = (token: string, name: SignedTokenRules['name']) => MaybePromise<string>;

/** Neither RSA1_5 (Bleichenbacher's oracle) nor `dir` and passwords, for which there is no shared key. */
const rsaAlgorithms: readonly string[] = ['RSA-OAEP', 'RSA-OAEP-256'];
const ecAlgorithms: readonly string[] = ['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW'];
const contentAlgorithms: readonly string[] = [
  'A128GCM',
  'A192GCM',
  'A256GCM',
  'A128CBC-HS256',
  'A192CBC-HS384',
  'A256CBC-HS512',
];

export function createTokenDecryption(config: Pick<ProviderConfig, 'decryptionKeys'>): DecryptToken {
  const keys = config.decryptionKeys
    .map((secret) => readDecryptionKey(secret.reveal()))
    .filter((key) => typeof key !== 'string');
  if (keys.length === 0) return (token) => token;
  return (token, name) => {
    const parts = token.split('.', 6);
    return parts.length === 5 ? decrypt(token, keys, name) : token;
  };
}

async function decrypt(
  token: string,
  keys: readonly DecryptionKey[],
  name: SignedTokenRules['name'],
): Promise<string> {
  if (token.length > maxTokenLength) throw new Refusal(`${name}-too-large`);
  const { alg, enc, kid } = readHeader(token, name);
  const kind = rsaAlgorithms.includes(alg) ? 'rsa' : 'ec';
  const fitting = keys.filter(
    (key) => key.kind === kind && (key.kid === null || kid === null || key.kid === kid),
  );
  for (const { key } of fitting) {
    try {
      const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] };
      const { plaintext } = await compactDecrypt(token, key, options);
      return Buffer.from(plaintext).toString('latin1');
    } catch {
      // Not this key, or not intact. All that goes wrong from here has one word: no oracle (RFC 7516 section 11.5).
    }
  }
  throw new Refusal(`${name}-decryption`);
}

interface Header {
  readonly alg: string;
  readonly enc: string;
  readonly kid: string | null;
}

/** `zip` is refused: a few kilobytes may unfold to gigabytes. */
function readHeader(token: string, name: SignedTokenRules['name']): Header {
  const header = parseTokenJson(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url'), name);
  const { alg, enc, kid } = header;
  if (typeof alg !== 'string' || !(rsaAlgorithms.includes(alg) || ecAlgorithms.includes(alg))) {
    throw new Refusal(`${name}-encryption-algorithm`);
  }
  if (typeof enc !== 'string' || !contentAlgorithms.includes(enc)) {
    throw new Refusal(`${name}-encryption-algorithm`);
  }
  if (['crit', 'zip', 'b64'].some((member) => Object.hasOwn(header, member))) {
    throw new Refusal(`${name}-crit`);
  }
  return { alg, enc, kid: typeof kid === 'string' ? kid : null };
}
