/**
 * What the checks of the store contract stand on. To plug a store in, call
 * `testStore(name, place, { time: 'real', shared: true })` where `place(clock, context)` makes an empty place for data
 * (and cleans up with `context.after`) and answers a function that opens a store on it, the second time another store
 * on the same data, as another process would. `shared: false`: there is only one store on it (memory). `time: 'real'`:
 * somebody else's clock decides when records expire; `clock` is the system's then, and checks of exact times are left
 * out. The stores are closed by the suite.
 */
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { MaybePromise } from '../../src/core/maybe-promise.ts';
import type { Entry, Store } from '../../src/stores/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';

export type StorePlace = (clock: Clock, context: TestContext) => MaybePromise<() => MaybePromise<Store>>;

export interface StoreTraits {
  readonly time: 'fake' | 'real';
  /** Several stores can be opened on the same data. */
  readonly shared: boolean;
}

export interface StoreHarness {
  readonly store: Store;
  readonly clock: Clock;
  /** Another store on the same data. */
  another(): Promise<Store>;
  /** Lets time pass: moves the clock, or waits. */
  pass(milliseconds: number): Promise<void>;
  /** An entry with this text that lives for `life` milliseconds; a minute when absent. */
  entry(text: string, life?: number): Entry;
  /** The live text under the key, or null. */
  textOf(key: string): Promise<string | null>;
}

/** Which stores a check is for; absent: for all. */
export interface CheckNeeds {
  readonly time?: 'fake';
  readonly shared?: true;
}

export type Check = (
  title: string,
  body: (harness: StoreHarness) => Promise<void>,
  needs?: CheckNeeds,
) => void;

/** A life (milliseconds) short enough to wait for and long enough to write and read in. */
export const short = 400;
const minute = 60_000;

export function createCheck(name: string, place: StorePlace, traits: StoreTraits): Check {
  return (title, body, needs = {}) => {
    if (needs.time !== undefined && needs.time !== traits.time) return;
    if (needs.shared === true && !traits.shared) return;
    test(`${name}: ${title}`, { timeout: 30_000 }, async (context) => {
      const fake = createFakeClock();
      const clock = traits.time === 'fake' ? fake : systemClock;
      const open = await place(clock, context);
      const opened: Store[] = [];
      const another = async (): Promise<Store> => {
        const store = await open();
        opened.push(store);
        await store.ready();
        return store;
      };
      const store = await another();
      try {
        await body({
          store,
          clock,
          another,
          pass: async (milliseconds) => {
            if (traits.time === 'fake') fake.advance(milliseconds);
            else await wait(milliseconds + 5);
          },
          entry: (text, life = minute) => ({ value: Buffer.from(text), expiresAt: clock.now() + life }),
          textOf: async (key) => {
            const record = await store.get(key);
            return record === null ? null : Buffer.from(record.value).toString('utf8');
          },
        });
      } finally {
        for (const each of opened) await each.close();
      }
    });
  };
}

/** Waits (in real time) until `is` answers true. Answers whether it did. */
export async function eventually(is: () => MaybePromise<boolean>, within = 5000): Promise<boolean> {
  const deadline = performance.now() + within;
  while (!(await is())) {
    if (performance.now() > deadline) return false;
    await wait(10);
  }
  return true;
}
