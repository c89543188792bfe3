/**
 * A session as it lies in cookies: JSON with its tokens packed behind it, compressed but for what has to stay apart,
 * sealed under `rings.cookies` and under the name and the count of the writing, as base64url. Opened bytes are ours, and are checked member by member
 * all the same: they may be of another release (SC-052, FL-042).
 */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { KeyRing } from '../../keys/key-ring.ts';
import { readMembers, type SessionRecord } from '../session-record.ts';
import type { Cut } from './pieces.ts';
import { type PackedTokens, packTokens, unpackTokens } from './token-packing.ts';

/** Everything that is known of a session: there is nothing but the cookies. */
export interface SealedSession {
  /** 256 random bits in base64url; its digest is the key by which the session is known and can be refused. */
  readonly id: string;
  /** How often its tokens were renewed: of two cookies of one session the one with more is the newer. */
  readonly turn: number;
  /** Unix time in milliseconds: when the login was begun, which a logout is compared with (LO-024). */
  readonly startedAt: number;
  /** `iat` of the ID token of the sign-in (seconds), or null. Renewed ones do not count: a logout may be older. */
  readonly issuedAt: number | null;
  /** Unix time in milliseconds: when it ends whatever the configuration says by then. */
  readonly endsAt: number;
  readonly record: SessionRecord;
}

export type OpenedSession =
  | { readonly kind: 'opened'; readonly session: SealedSession; readonly stale: boolean }
  /** Not this writing, not a session cookie, or damaged: it cannot be told which. */
  | { readonly kind: 'sealed' }
  /** Under a key that is retired, or that another node has already. */
  | { readonly kind: 'unknown-key' }
  /** Made by a release that is newer than this one. */
  | { readonly kind: 'newer' }
  /** Ours, and not a session. */
  | { readonly kind: 'malformed' };

const formatVersion = 1;
/** What a cookie may grow to when it is opened: far more than fits into one, and no bomb. */
const largestPlain = 256 * 1024;
const lengthBytes = 4;
const apartLengthBytes = 2;
const brotli = {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 5,
    [constants.BROTLI_PARAM_LGWIN]: 16,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
  },
};

/** Compressed and not yet sealed: how long the sealed text will be is known from here on. */
export function encodeSession(session: SealedSession): Buffer {
  const { record, ...names } = session;
  const { tokens, ...members } = record;
  const { accessToken, refreshToken, idToken, ...rest } = tokens;
  const packed = packTokens([idToken, accessToken, ...(refreshToken === null ? [] : [refreshToken])]);
  const text = JSON.stringify({
    v: formatVersion,
    names,
    record: members,
    tokens: rest,
    parts: packed.parts,
  });
  const json = Buffer.from(text, 'utf8');
  const head = Buffer.alloc(lengthBytes);
  head.writeUInt32BE(json.length);
  const compressed = brotliCompressSync(Buffer.concat([head, json, packed.bytes]), brotli);
  return Buffer.concat([apartLength(packed.apart), packed.apart, compressed]);
}

/** Of what is far too long for any cookie it is not the length: nobody opens it, as it does not fit. */
function apartLength({ length }: Buffer): Buffer {
  const head = Buffer.alloc(apartLengthBytes);
  head.writeUInt16BE(Math.min(length, 0xffff));
  return head;
}

/** Characters of the text that `sealSession` makes of these bytes: what the key ring adds is always the same. */
export function sealedLength(encoded: Uint8Array): number {
  return Math.ceil(((encoded.length + sealOverhead) * 4) / 3);
}

/** Version, key id, nonce and tag of the key ring. */
const sealOverhead = 37;

export function sealSession(encoded: Uint8Array, cut: Cut, keyRing: KeyRing): string {
  return keyRing.seal('session-cookie', encoded, saltOf(cut)).toString('base64url');
}

/** Never throws. */
export function openSession(content: string, cut: Cut, keyRing: KeyRing): OpenedSession {
  const sealed = Buffer.from(content, 'base64url');
  // Several texts decode to the same bytes; one of them is ours.
  if (sealed.toString('base64url') !== content) return { kind: 'sealed' };
  const opened = keyRing.open('session-cookie', sealed, saltOf(cut));
  if (opened === null) return { kind: keyRing.knows(sealed) ? 'sealed' : 'unknown-key' };
  const decoded = decodeSession(opened.plaintext);
  return typeof decoded === 'string'
    ? { kind: decoded }
    : { kind: 'opened', session: decoded, stale: opened.stale };
}

/** The session that `encodeSession` made these bytes of, or why there is none. Never throws. */
export function decodeSession(encoded: Uint8Array): SealedSession | 'newer' | 'malformed' {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  if (bytes.length < apartLengthBytes) return 'malformed';
  const compressedAt = apartLengthBytes + bytes.readUInt16BE();
  const apart = bytes.subarray(apartLengthBytes, compressedAt);
  const plain = decompress(bytes.subarray(compressedAt));
  if (plain === null || plain.length < lengthBytes) return 'malformed';
  const bytesAt = lengthBytes + plain.readUInt32BE();
  const value = parseJson(plain.toString('utf8', lengthBytes, bytesAt));
  if (!isObject(value)) return 'malformed';
  if (typeof value.v === 'number' && value.v > formatVersion) return 'newer';
  return readSession(value, { bytes: plain.subarray(bytesAt), apart }) ?? 'malformed';
}

function saltOf({ write, count }: Cut): Buffer {
  return Buffer.from(`${write}.${count}`, 'utf8');
}

function decompress(encoded: Uint8Array): Buffer | null {
  try {
    return brotliDecompressSync(encoded, { maxOutputLength: largestPlain });
  } catch {
    return null;
  }
}

function readSession(
  value: Readonly<Record<string, unknown>>,
  { bytes, apart }: Pick<PackedTokens, 'bytes' | 'apart'>,
): SealedSession | null {
  const tokens = unpackTokens(value.parts, bytes, apart);
  if (tokens === null || tokens.length < 2 || tokens.length > 3) return null;
  if (value.v !== formatVersion || !isObject(value.names) || !isObject(value.record)) return null;
  if (!isObject(value.tokens)) return null;
  const [idToken, accessToken, refreshToken = null] = tokens;
  const all = { ...value.tokens, idToken, accessToken, refreshToken };
  const record = readMembers({ ...value.record, tokens: all });
  const { id, turn, startedAt, issuedAt, endsAt } = value.names;
  if (record === null || typeof id !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(id)) return null;
  if (!isCount(turn) || !isTime(startedAt) || !isTime(endsAt)) return null;
  if (!(issuedAt === null || isTime(issuedAt))) return null;
  return { id, turn, startedAt, issuedAt, endsAt, record };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
