/**
 * A record as one string of Redis: format (1 byte), version and end (f64 each, big-endian), length of the label (u16), label,
 * value. Format and version are put before the rest by the server, in `scripts.ts`.
 */
import { type Entry, largestLabel, type StoredRecord } from '../store.ts';

/** What stands before the label. */
export const headLength = 1 + 8 + 8 + 2;

/** Stands for no label, which is not the same as an empty one. */
const noLabel = 0xffff;

/** No session lives longer; beyond it Redis would count wrong. */
const longest = 100 * 365 * 86_400_000;

/** All but format and version. */
export function encodeTail({ value, expiresAt, label }: Entry): Buffer {
  const labelLength = label?.length ?? 0;
  if (labelLength > largestLabel) throw new RangeError(`a label has at most ${largestLabel} bytes`);
  const tail = Buffer.allocUnsafe(10 + labelLength + value.length);
  tail.writeDoubleBE(Math.floor(expiresAt), 0);
  tail.writeUInt16BE(label === undefined ? noLabel : labelLength, 8);
  if (label !== undefined) tail.set(label, 10);
  tail.set(value, 10 + labelLength);
  return tail;
}

/** Milliseconds to live as a whole number, or 0 for what has expired: Redis refuses what is not positive. */
export function timeToLive(expiresAt: number, now: number): number {
  const left = Math.ceil(expiresAt - now);
  return left > 0 ? Math.min(left, longest) : 0;
}

/**
 * The record. What somebody else wrote under the key (truncated, of another format) comes as version 0 with all its
 * bytes as the value: who reads it will find that it is nothing of theirs, and can delete it.
 */
export function decodeRecord(bytes: Buffer): StoredRecord {
  const head = decodeHead(bytes);
  if (head === null || head.labelEnd > bytes.length)
    return { value: bytes, label: null, version: 0, expiresAt: 0 };
  const { version, expiresAt, labelEnd } = head;
  return { value: bytes.subarray(labelEnd), label: labelOf(bytes, head), version, expiresAt };
}

export interface Head {
  readonly version: number;
  readonly expiresAt: number;
  readonly labelled: boolean;
  /** Where the label ends and the value begins. */
  readonly labelEnd: number;
}

/** Null: nothing of ours, or too little of it. */
export function decodeHead(bytes: Buffer): Head | null {
  if (bytes.length < headLength || bytes[0] !== 1) return null;
  const length = bytes.readUInt16BE(17);
  const labelled = length !== noLabel;
  const labelEnd = headLength + (labelled ? length : 0);
  return { version: bytes.readDoubleBE(1), expiresAt: bytes.readDoubleBE(9), labelled, labelEnd };
}

export function labelOf(bytes: Buffer, { labelled, labelEnd }: Head): Buffer | null {
  return labelled ? bytes.subarray(headLength, labelEnd) : null;
}
