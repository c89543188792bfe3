/** Label values with a ceiling: whatever a caller passes, the number of series stays bounded (DL-030). */

/** A function that gives back at most `limit` different values, short ones only; everything else becomes `other`. */
export function createBoundedLabel(limit: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= limit || value.length > 200) return 'other';
    known.add(value);
    return value;
  };
}
