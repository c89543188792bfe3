/**
 * A bounded map that forgets what nobody asked for lately. Two generations instead of a list of uses: a hit among the
 * recent ones writes nothing, and the older half is dropped at once.
 */

export interface RecentMap<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
}

/** Holds at most `size` values, and at least the `size / 2` that were used last. */
export function createRecentMap<Value>(size: number): RecentMap<Value> {
  const generation = Math.max(1, Math.floor(size / 2));
  let recent = new Map<string, Value>();
  let older = new Map<string, Value>();

  const set = (key: string, value: Value) => {
    if (recent.size >= generation && !recent.has(key)) {
      older = recent;
      recent = new Map();
    }
    recent.set(key, value);
  };

  return {
    get(key) {
      const value = recent.get(key);
      if (value !== undefined) return value;
      const old = older.get(key);
      if (old !== undefined) {
        older.delete(key);
        set(key, old);
      }
      return old;
    },
    set,
  };
}
