/** How long the tests of a fleet go on: in full where there is time for it, else long enough to see them work. */
const isFull = process.env.CI === 'true' || process.env.SALLYPORT_SOAK === 'full';

/** Milliseconds. */
export function soakTime({ full, short }: { readonly full: number; readonly short: number }): number {
  return isFull ? full : short;
}
