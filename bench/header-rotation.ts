/** Headers that are others with each request: a file for wrk, one line for each request, and how far it was read. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface HeaderRotation {
  readonly file: string;
  /** How many lines there are; the first comes after the last. */
  readonly size: number;
  /** Of the line that comes next. */
  position(): number;
  advance(requests: number): void;
}

/** Names and values of one request. */
export type RotatingHeaders = Readonly<Record<string, string>>;

export function createHeaderRotation(
  directory: string,
  name: string,
  requests: readonly RotatingHeaders[],
): HeaderRotation {
  const file = join(directory, `headers-${name}.txt`);
  writeFileSync(file, requests.map((headers) => `${line(headers)}\n`).join(''));
  let at = 0;
  return {
    file,
    size: requests.length,
    position: () => at,
    advance(count) {
      at = (at + count) % requests.length;
    },
  };
}

function line(headers: RotatingHeaders): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\t');
}
