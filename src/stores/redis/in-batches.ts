/** Many commands, a bounded number of them at a time. */

/** Commands of one operation that wait for replies at once: a tenth of a second for thousands, and room for others. */
const width = 200;

/** The outcomes in the order of the items. After the first failure nothing new begins. */
export async function inBatches<Item, Outcome>(
  items: readonly Item[],
  work: (item: Item) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let start = 0; start < items.length; start += width) {
    outcomes.push(...(await Promise.all(items.slice(start, start + width).map(work))));
  }
  return outcomes;
}

/** The items in groups of at most `size`. */
export function chunks<Item>(items: readonly Item[], size: number): (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
