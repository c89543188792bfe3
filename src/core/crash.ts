/** What may be said about an unexpected error: where it happened. Its message stays out, for it may quote a token. */

export interface Crash {
  /** Class of the error, with its code when it has one; causes follow after `<-`. */
  readonly error: string;
  /** At most ten stack frames without the message, joined by `; `. */
  readonly stack: string;
}

/** Describes anything that was thrown, and never throws itself. */
export function describeCrash(thrown: unknown): Crash {
  const names: string[] = [];
  let innermost: unknown = thrown;
  for (
    let error = thrown;
    error !== undefined && error !== null && names.length < 4;
    error = causeOf(error)
  ) {
    names.push(nameOf(error));
    innermost = error;
  }
  return { error: names.join(' <- ') || 'unknown', stack: framesOf(innermost) };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const name = error.constructor.name || 'Error';
  return /^[A-Z][A-Z0-9_]{1,59}$/.test(code) ? `${name} ${code}` : name;
}

function framesOf(error: unknown): string {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return '';
  // The stack repeats the message first, and a message can look like a frame.
  const start = error.stack.indexOf(error.message) + error.message.length;
  const frames = error.stack
    .slice(start)
    .split('\n')
    .filter((line) => /^ {4}at .{1,300}:\d+:\d+\)?$/.test(line));
  return frames
    .slice(0, 10)
    .map((line) => line.trim())
    .join('; ');
}
