/**
 * Makes the key ring: AES-256-GCM (NIST SP 800-38D) under keys derived per purpose with HKDF-SHA256 (RFC 5869).
 *
 * A sealed artefact is `version (1) · key id (8) · nonce (12) · ciphertext · tag (16)`. Version, key id and purpose are
 * associated data, so that none of them can be changed and one kind of artefact can never be read as another.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { KeyRing, Opened, Purpose } from './key-ring.ts';

/** Bytes of a key of the ring. */
export const keyLength = 32;

const formatVersion = 1;
const idLength = 8;
const nonceLength = 12;
const tagLength = 16;
const headerLength = 1 + idLength;
const overhead = headerLength + nonceLength + tagLength;
const algorithm = 'aes-256-gcm';
const noSalt = Buffer.alloc(0);

interface RingKey {
  readonly id: string;
  readonly material: Buffer;
  /** Version and key id, as they stand at the front of what this key sealed. */
  readonly header: Buffer;
  /** Keys derived without a secret: a handful, one for each purpose. */
  readonly derived: Map<Purpose, Buffer>;
}

export interface ReplaceableKeyRing extends KeyRing {
  /** All of the new keys from one moment to the next; throws as `createKeyRing` does, and changes nothing then. */
  replace(keys: readonly Buffer[]): void;
}

export interface KeyRingOptions {
  /** Told the id of a key that is not the first, each time it has opened something. */
  readonly onOldUsed?: (id: string) => void;
}

/** The first key seals, all open. Throws when there is no key or one is not 32 bytes long: a misuse. */
export function createKeyRing(
  initial: readonly Buffer[],
  { onOldUsed }: KeyRingOptions = {},
): ReplaceableKeyRing {
  let keys = createRingKeys(initial);
  const find = (sealed: Uint8Array) => keys.all.find(({ header }) => hasHeader(sealed, header));
  return {
    get ids() {
      return keys.ids;
    },
    seal: (purpose, plaintext, secret) => seal(keys.first, purpose, { plaintext, secret: secret ?? null }),
    open(purpose, sealed, secret) {
      const key = find(sealed);
      if (key === undefined || sealed.length < overhead) return null;
      const plaintext = open(key, purpose, { sealed, secret: secret ?? null });
      if (plaintext === null) return null;
      const stale = key !== keys.first;
      if (stale) onOldUsed?.(key.id);
      return { plaintext, stale } satisfies Opened;
    },
    knows: (sealed) => find(sealed) !== undefined,
    replace(next) {
      keys = createRingKeys(next);
    },
  };
}

/** The id that everything sealed with this key carries, in hex. Says nothing about the key. */
export function keyIdOf(material: Buffer): string {
  return deriveId(material).toString('hex');
}

interface RingKeys {
  readonly first: RingKey;
  readonly all: readonly RingKey[];
  readonly ids: readonly string[];
}

function createRingKeys(materials: readonly Buffer[]): RingKeys {
  const all = materials.map(createRingKey);
  const [first] = all;
  if (first === undefined) throw new Error('a key ring needs at least one key');
  return { first, all, ids: Object.freeze(all.map(({ id }) => id)) };
}

function createRingKey(material: Buffer): RingKey {
  if (material.length !== keyLength) throw new Error(`a key must be ${keyLength} bytes long`);
  const id = deriveId(material);
  const header = Buffer.concat([Buffer.from([formatVersion]), id]);
  return { id: id.toString('hex'), material: Buffer.from(material), header, derived: new Map() };
}

function deriveId(material: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', material, noSalt, 'sallyport/key-id', idLength));
}

function seal(
  key: RingKey,
  purpose: Purpose,
  input: { readonly plaintext: Uint8Array; readonly secret: Uint8Array | null },
): Buffer {
  // Random nonces: at most 2^32 artefacts under one derived key (SP 800-38D section 8.3). Session records have a key each.
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv(algorithm, keyFor(key, purpose, input.secret), nonce, {
    authTagLength: tagLength,
  });
  cipher.setAAD(associatedData(key, purpose));
  const ciphertext = cipher.update(input.plaintext);
  return Buffer.concat([key.header, nonce, ciphertext, cipher.final(), cipher.getAuthTag()]);
}

function open(
  key: RingKey,
  purpose: Purpose,
  input: { readonly sealed: Uint8Array; readonly secret: Uint8Array | null },
): Buffer | null {
  const { sealed, secret } = input;
  const tagStart = sealed.length - tagLength;
  const nonceEnd = headerLength + nonceLength;
  try {
    const decipher = createDecipheriv(
      algorithm,
      keyFor(key, purpose, secret),
      sealed.subarray(headerLength, nonceEnd),
      { authTagLength: tagLength },
    );
    decipher.setAAD(associatedData(key, purpose));
    decipher.setAuthTag(sealed.subarray(tagStart));
    return Buffer.concat([decipher.update(sealed.subarray(nonceEnd, tagStart)), decipher.final()]);
  } catch {
    return null;
  }
}

function hasHeader(sealed: Uint8Array, header: Buffer): boolean {
  return header.equals(sealed.subarray(0, headerLength));
}

/** The secret is the salt: without it the derived key cannot be computed even from the ring. */
function keyFor(key: RingKey, purpose: Purpose, secret: Uint8Array | null): Buffer {
  if (secret !== null) return derive(key, purpose, secret);
  const known = key.derived.get(purpose);
  if (known !== undefined) return known;
  const derived = derive(key, purpose, noSalt);
  key.derived.set(purpose, derived);
  return derived;
}

function derive(key: RingKey, purpose: Purpose, salt: Uint8Array): Buffer {
  const kind = salt.length === 0 ? 'plain' : 'with-secret';
  return Buffer.from(hkdfSync('sha256', key.material, salt, `sallyport/${kind}/${purpose}`, keyLength));
}

function associatedData(key: RingKey, purpose: Purpose): Buffer {
  return Buffer.concat([key.header, Buffer.from(purpose, 'utf8')]);
}
