/** The cookies that one browser holds for the fleet. */
export interface Jar {
  /** The `Cookie` field. */
  header(): string;
  /** Takes over what an answer sets and clears. */
  take(setCookies: readonly string[]): void;
}

export function createJar(): Jar {
  const cookies = new Map<string, string>();
  return {
    header: () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    take(setCookies) {
      for (const line of setCookies) {
        const [pair = '', ...attributes] = line.split(';');
        const mark = pair.indexOf('=');
        const name = pair.slice(0, mark);
        const isGone = attributes.some((attribute) => attribute.trim().toLowerCase() === 'max-age=0');
        if (isGone) cookies.delete(name);
        else cookies.set(name, pair.slice(mark + 1));
      }
    },
  };
}
