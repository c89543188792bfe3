/**
 * Where sealed records live. A store knows keys, bytes and times; it never sees what is inside.
 * Every failure is a `SallyportError` with `ERR_STORE_UNAVAILABLE`: a store never answers "absent" when it cannot tell.
 * One contract suite (`test/contract/store.ts`) runs against every implementation.
 */
import type { MaybePromise } from '../core/maybe-promise.ts';

export interface StoredRecord {
  readonly value: Uint8Array;
  /** Changes with every write of this key; compared, never interpreted. */
  readonly version: number;
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
}

export interface Store {
  /** The live record, or null when there is none or it has expired. */
  get(key: string): MaybePromise<StoredRecord | null>;
  /** Writes whether or not the key exists. Answers the new version. */
  set(key: string, value: Uint8Array, expiresAt: number): MaybePromise<number>;
  /** Writes only when there is no live record. True when it wrote: exactly one of many callers. */
  addIfAbsent(key: string, value: Uint8Array, expiresAt: number): MaybePromise<boolean>;
  /** Writes only over the live record of that version. The new version, or null: somebody else wrote or deleted. */
  compareAndSwap(
    key: string,
    version: number,
    value: Uint8Array,
    expiresAt: number,
  ): MaybePromise<number | null>;
  /** True when there was a live record. */
  delete(key: string): MaybePromise<boolean>;
  /** How many live records begin with `prefix`; for the gauge, so it may be some seconds old. */
  count(prefix: string): MaybePromise<number>;
  /** Removes at most `limit` expired records and answers how many. */
  sweep(limit: number): MaybePromise<number>;
  close(): MaybePromise<void>;
}
