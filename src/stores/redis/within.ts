/** A promise with a deadline. */

/**
 * The outcome of `work`, or the failure that `late` makes when there is none after that many milliseconds. What came
 * in time counts even where this process was too busy to look at it: sockets are read once more before time is called.
 */
export function within<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const timer = setTimeout(() => {
      setImmediate(() => {
        if (!settled) reject(late());
      });
    }, milliseconds);
    const settle = (): void => {
      settled = true;
      clearTimeout(timer);
    };
    work.then(
      (value) => {
        settle();
        resolve(value);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
  });
}
