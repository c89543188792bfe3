/**
 * Where sealed records live. A store knows keys, bytes and times; it never sees what is inside.
 * Every failure is a `SallyportError` with `ERR_STORE_UNAVAILABLE`: a store never answers "absent" when it cannot tell.
 * One contract suite (`test/contract/store.ts`) runs against every implementation.
 */
import type { MaybePromise } from '../core/maybe-promise.ts';

/** What is written under a key. */
export interface Entry {
  readonly value: Uint8Array;
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
  /** A small part beside the value that can be read without it; at most `largestLabel` bytes. */
  readonly label?: Uint8Array;
}

/** How a record can be found without its key. Given once, with the write that makes the record; gone with the record. */
export interface Tags {
  /** At most 8, ASCII. */
  readonly names: readonly string[];
  /** Unix time in milliseconds from which the tags may be forgotten: no write of the record lets it live longer. */
  readonly until: number;
}

export interface StoredRecord {
  readonly value: Uint8Array;
  readonly label: Uint8Array | null;
  /** Changes with every write of this key and never comes back; of two versions the later one is greater. */
  readonly version: number;
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
}

/** A record without its value, for those who look through many. */
export interface Listed {
  readonly key: string;
  readonly label: Uint8Array | null;
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
}

export interface Page {
  readonly records: readonly Listed[];
  /** Where the next page begins; null: this was the last one. */
  readonly cursor: string | null;
}

/** Told of writes by others. Called between requests, never in the middle of a call to the store. */
export interface StoreWatcher {
  /** Somebody else may have written or deleted this record. May be called too often, and for one's own writes. */
  changed(key: string): void;
  /** From now on changes may be missed: nothing that was read may be used without reading it again. */
  lost(): void;
  /** Changes are told again; what was read before this counts for nothing. */
  regained(): void;
}

export const largestLabel = 2048;

export interface Store {
  /** Waits until the store can be asked. Fails when that takes too long; it may be asked all the same later. */
  ready(): MaybePromise<void>;
  /** The live record, or null when there is none or it has expired. */
  get(key: string): MaybePromise<StoredRecord | null>;
  /** Writes whether or not the key exists. Answers the new version. `tags` only for a key that is new. */
  set(key: string, entry: Entry, tags?: Tags): MaybePromise<number>;
  /** Writes only when there is no live record. The new version, or null: exactly one of many callers gets one. */
  addIfAbsent(key: string, entry: Entry): MaybePromise<number | null>;
  /** Writes only over the live record of that version. The new version, or null: somebody else wrote or deleted. */
  compareAndSwap(key: string, version: number, entry: Entry): MaybePromise<number | null>;
  /** Deletes the record, or only that version of it. True when there was such a live record. */
  delete(key: string, version?: number): MaybePromise<boolean>;
  /** Deletes many at once, thousands too. Answers how many of them were live. */
  deleteAll(keys: readonly string[]): MaybePromise<number>;
  /** The live records that were made with this tag, each once; thousands too. */
  tagged(tag: string): MaybePromise<readonly Listed[]>;
  /**
   * Live records that begin with `prefix`, a page at a time, in no order. What is there all the while is told at least
   * once; `limit` is a wish.
   */
  list(prefix: string, cursor: string | null, limit: number): MaybePromise<Page>;
  /** How many live records begin with `prefix`; for the gauge, so it may be some seconds old. Null: not known cheaply. */
  count(prefix: string): MaybePromise<number | null>;
  /** Removes at most `limit` expired records and answers how many. */
  sweep(limit: number): MaybePromise<number>;
  /** Tells of writes by others to records that begin with `prefix`, within a second, until the store is closed. */
  watch(prefix: string, watcher: StoreWatcher): void;
  close(): MaybePromise<void>;
}
