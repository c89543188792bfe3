/**
 * Looks at files again and again, by content: a mounted secret is swapped by symbolic links above it, of which neither
 * the file's times nor the notifications of the system tell reliably.
 */
import { createHash } from 'node:crypto';
import { rereadSecretFile, type SecretFile } from './read-secret-file.ts';

export type FileContents = ReadonlyMap<string, SecretFile>;

export interface WatchOptions {
  /** Text that each path had when it was read last. */
  readonly known: ReadonlyMap<string, string>;
  /** Told once for each change, of all files together. Must not throw. */
  readonly onChange: (contents: FileContents) => void;
  /** Milliseconds between looks. */
  readonly interval?: number;
}

/**
 * What is new must look the same a moment later (milliseconds): a file written in place may already end in a good line
 * while the others are still on their way, and a ring must not lose a key to that.
 */
const settleTime = 100;

/** Never keeps the process alive. */
export function watchFiles({ known, onChange, interval = 1000 }: WatchOptions): { close(): void } {
  const paths = [...known.keys()];
  let closed = false;
  let told = digestOf(paths.map((path) => known.get(path) as string));
  let candidate: string | null = null;
  let timer: NodeJS.Timeout | null = null;

  const look = async (): Promise<void> => {
    const contents = new Map<string, SecretFile>();
    for (const path of paths) contents.set(path, await rereadSecretFile(path));
    if (closed) return;
    const seen = digestOf([...contents.values()].map((file) => (file.ok ? file.text : file)));
    const isNew = seen !== told;
    const isSettled = seen === candidate;
    candidate = isNew ? seen : null;
    if (isNew && isSettled) {
      told = seen;
      candidate = null;
      onChange(contents);
    }
    lookAgain(isNew && !isSettled ? settleTime : interval);
  };
  const lookAgain = (delay: number): void => {
    timer = setTimeout(() => void look(), delay).unref();
  };
  if (paths.length > 0) lookAgain(interval);
  return {
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** Keys are kept where they are used, not here too. */
function digestOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}
