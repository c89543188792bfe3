/** The known word that a mistyped one most likely stands for. */

/** Null when nothing is near enough to be worth proposing. */
export function didYouMean(word: string, known: Iterable<string>): string | null {
  const limit = Math.min(4, Math.max(1, Math.floor(word.length / 3)));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(fold(word), fold(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best ?? inFull(word, known);
}

/** `cert` → `certificate`: the shortest word that begins like it. */
function inFull(word: string, known: Iterable<string>): string | null {
  const beginning = fold(word);
  if (beginning.length < 3) return null;
  const [first = null] = [...known]
    .filter((candidate) => fold(candidate).startsWith(beginning))
    .sort((a, b) => a.length - b.length);
  return first;
}

/** Case and separators are what people get wrong most: they count for nothing. */
function fold(word: string): string {
  return word.slice(0, 64).toLowerCase().replace(/[_-]/g, '');
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] as number;
}
