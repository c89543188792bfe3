/** A value that is there at once on the hot path and a promise of it everywhere else. */
export type MaybePromise<T> = T | Promise<T>;
