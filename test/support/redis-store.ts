/** A Redis store as the product makes it, for tests: from configuration as it is written, closed at the end, its events kept. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { createRedisStore } from '../../src/stores/redis/redis-store.ts';
import { redisSchema } from '../../src/stores/redis-config.ts';
import type { Entry, Store } from '../../src/stores/store.ts';

export interface OpenedStore {
  readonly store: Store;
  readonly events: { readonly name: string; readonly event: unknown }[];
}

/** `config` as in a file. */
export function openRedisStore(
  context: TestContext,
  config: unknown,
  clock: Clock = systemClock,
): OpenedStore {
  const events: { name: string; event: unknown }[] = [];
  const emit = (name: string, event: unknown) => void events.push({ name, event });
  const store = createRedisStore(redisSchema.parse(config), { clock, emit });
  context.after(() => store.close());
  return { store, events };
}

export interface Recorder {
  readonly told: string[];
  has(what: string): boolean;
  /** Whether changes are told: the last of `lost` and `regained`. */
  isWhole(): boolean;
  clear(): void;
}

/** Watches `s:` and keeps what is told: keys, `lost`, `regained`. */
export function record(store: Store, prefix = 's:'): Recorder {
  const told: string[] = [];
  let whole = false;
  const state = (now: boolean) => {
    whole = now;
    told.push(now ? 'regained' : 'lost');
  };
  store.watch(prefix, {
    changed: (key) => void told.push(key),
    lost: () => state(false),
    regained: () => state(true),
  });
  return {
    told,
    has: (what) => told.includes(what),
    isWhole: () => whole,
    clear: () => void told.splice(0),
  };
}

/** An entry that lives for a minute. */
export function entry(text: string, options: { readonly label?: string; readonly now?: number } = {}): Entry {
  const { label, now = Date.now() } = options;
  const value = Buffer.from(text);
  return { value, expiresAt: now + 60_000, ...(label === undefined ? {} : { label: Buffer.from(label) }) };
}

export async function textOf(store: Store, key: string): Promise<string | null> {
  const found = await store.get(key);
  return found === null ? null : Buffer.from(found.value).toString('utf8');
}

/** Fails unless it is told as `ERR_STORE_UNAVAILABLE` with one of these details and a time to come back. */
export async function assertUnavailable(work: () => unknown, ...details: readonly string[]): Promise<void> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof SallyportError, `${error}`);
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE');
    assert.ok(details.includes(error.detail ?? ''), `${error.detail} is none of ${details}`);
    assert.ok((error.retryAfter ?? 0) > 0);
    return;
  }
  assert.fail(`was expected to fail with ${details}`);
}

/** Whether it fails with that detail now. */
export async function failsWith(work: () => unknown, detail: string): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    return error instanceof SallyportError && error.detail === detail;
  }
}

/** Whether the store serves reads and writes. */
export async function serves(store: Store): Promise<boolean> {
  try {
    await store.set('s:probe', entry('probe'));
    return (await textOf(store, 's:probe')) === 'probe';
  } catch {
    return false;
  }
}
