/**
 * Where log lines go: gathered into chunks, written without waiting, and dropped and counted when the other end does
 * not take them (FL-073). A gate that waits for its log can be stopped by whoever stops reading it.
 *
 * A pipe or socket is written through Node's own non-blocking stream: a write to a full pipe on the thread pool
 * would hold a thread for good, and the process could not even exit. A file cannot block like that.
 */
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { destination } from 'pino';

/** Takes chunks of whole lines. */
export interface LogSink {
  /** False when the chunk was dropped. Never throws, never waits. */
  write(chunk: string): boolean;
  /** Resolves when everything is written, or cannot be within `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

export interface LogOutput {
  /** One line with its line feed. */
  write(line: string): void;
  /** Lines dropped since the start. */
  dropped(): number;
  /** Hands what was gathered to the sink; for the end of the process. */
  flush(): void;
  close(deadlineMs: number): Promise<void>;
}

/**
 * Bytes of a chunk, unless one line alone is longer. Several workers write to one pipe: up to `PIPE_BUF` what is written
 * at once stays together (POSIX.1-2017 `write`, pipe(7)).
 */
const chunkBytes = 4096;
/** Milliseconds after which it is handed on however small it is. */
const chunkDelay = 25;
/** Bytes that may wait in the sink. */
export const maxWaiting = 4 * 1024 * 1024;

export function createLogOutput(sink: LogSink): LogOutput {
  let chunk = '';
  let bytes = 0;
  let lines = 0;
  let dropped = 0;
  let timer: NodeJS.Timeout | null = null;
  const flush = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (lines === 0) return;
    const count = lines;
    const text = chunk;
    chunk = '';
    bytes = 0;
    lines = 0;
    if (!taken(sink, text)) dropped += count;
  };
  return {
    write(line) {
      const size = Buffer.byteLength(line);
      if (bytes + size > chunkBytes) flush();
      chunk += line;
      bytes += size;
      lines += 1;
      if (bytes >= chunkBytes) flush();
      else if (timer === null) timer = setTimeout(flush, chunkDelay).unref();
    },
    dropped: () => dropped,
    flush,
    async close(deadlineMs) {
      flush();
      await sink.close(deadlineMs);
    },
  };
}

/** Also called from a timer, where an exception would end the process (FL-075). */
function taken(sink: LogSink, chunk: string): boolean {
  try {
    return sink.write(chunk);
  } catch {
    return false;
  }
}

/** The sink for this process's standard output, whatever it is. */
export function standardOutput(stdout: Writable & { readonly isTTY?: boolean } = process.stdout): LogSink {
  const streams = stdout.isTTY === true || stdout instanceof Socket;
  return streams ? createStreamSink(stdout) : createFileSink(1);
}

/** A sink over a stream that does not block: a pipe, a socket, a terminal. The stream is not ended. */
export function createStreamSink(stream: Writable): LogSink {
  // A reader that has gone (EPIPE) must not bring the gate down: what follows is dropped and counted.
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  const queue = createChunkQueue(stream);
  return {
    write(chunk) {
      if (!stream.writable || queue.length() + chunk.length > maxWaiting) return false;
      queue.add(chunk, ignore);
      return true;
    },
    async close(deadlineMs) {
      if (stream.writable) await within(deadlineMs, (done) => queue.add('', done));
    },
  };
}

/** One chunk at a time: what waits in a stream is written together, and then no longer stays whole. */
function createChunkQueue(stream: Writable) {
  const waiting: { readonly chunk: string; readonly done: () => void }[] = [];
  let length = 0;
  const write = (chunk: string, done: () => void) => {
    stream.write(chunk, () => {
      done();
      const next = waiting.shift();
      if (next === undefined) return;
      length -= next.chunk.length;
      write(next.chunk, next.done);
    });
  };
  return {
    length: () => length + stream.writableLength,
    add(chunk: string, done: () => void): void {
      if (waiting.length === 0 && stream.writableLength === 0) {
        write(chunk, done);
      } else {
        waiting.push({ chunk, done });
        length += chunk.length;
      }
    },
  };
}

/** A sink over an open file descriptor of a file. A full disk drops and counts, and recovers when there is room. */
export function createFileSink(fd: number): LogSink {
  const file = destination({ fd, sync: false, maxLength: maxWaiting, maxWrite: 131_072 });
  let refused = false;
  let failed = false;
  file.on('error', () => {
    failed = true;
  });
  file.on('drain', () => {
    failed = false;
  });
  file.on('drop', () => {
    refused = true;
    // After a failed write the library tries again only when something is written, and a full buffer takes nothing.
    file.write('');
  });
  return {
    write(chunk) {
      refused = false;
      file.write(chunk);
      return !refused;
    },
    async close(deadlineMs) {
      await within(deadlineMs, (done) => {
        if (failed) return done();
        file.once('drain', done).once('error', done);
        file.write('');
      });
      // Without this the library would write again, and wait, while the process exits.
      file.destroy();
    },
  };
}

async function within(deadlineMs: number, start: (done: () => void) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
    start(resolve);
  });
  clearTimeout(timer);
}

function ignore(): void {}
