/**
 * A client that sends exact bytes and sees exact bytes, for what no HTTP library would send: broken framing, hidden
 * requests, a peer that stops reading. It judges nothing by itself; `parseResponses` reads answers strictly.
 */
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** One answer as it stood on the wire. */
export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** `[name in lower case, value]` in order of arrival. */
  readonly headers: readonly (readonly [string, string])[];
  /** Decoded from its framing. */
  readonly body: string;
  /** False when the bytes ended before the framing said so. */
  readonly complete: boolean;
  /** First value of the field (lower case), or null. */
  header(name: string): string | null;
  /** Every value of the field (lower case). */
  all(name: string): readonly string[];
}

export interface RawPeer {
  readonly socket: Socket;
  write(bytes: string | Uint8Array): void;
  /** Half-closes: FIN after what was written. */
  end(): void;
  /** Stops and goes on reading from the socket: a slow reader. */
  pause(): void;
  resume(): void;
  /** Everything received so far. */
  received(): Buffer;
  text(): string;
  /** `methods` of the requests in order, so that answers to HEAD are read without a body. */
  responses(methods?: readonly string[]): readonly RawResponse[];
  /** True once the other side has closed or reset the connection. */
  closed(): boolean;
  /** Resolves once `done` holds; rejects, with what was received, after `timeoutMs` (5000). */
  waitFor(done: (peer: RawPeer) => boolean, timeoutMs?: number): Promise<void>;
  waitClosed(timeoutMs?: number): Promise<void>;
  /** Resolves once `count` complete answers (1xx apart) have come. */
  waitResponses(
    count: number,
    methods?: readonly string[],
    timeoutMs?: number,
  ): Promise<readonly RawResponse[]>;
  destroy(): void;
}

export interface RawResult {
  readonly bytes: Buffer;
  readonly text: string;
  readonly responses: readonly RawResponse[];
  /** Whether the server closed the connection. */
  readonly closed: boolean;
}

export interface RawSendOptions {
  readonly host?: string;
  /** Local address to connect from (`127.0.0.2`), for tests about who the peer is. */
  readonly localAddress?: string;
  /** Speaks TLS, with whatever certificate the server shows. */
  readonly tls?: ConnectionOptions;
  /** Methods of the requests in order; only HEAD matters. */
  readonly methods?: readonly string[];
  /** Resolve after this many complete answers; without it, when the server closes. */
  readonly responses?: number;
  /** Half-close after sending. */
  readonly end?: boolean;
  /** Deadline in milliseconds (5000). When it passes the result is what came until then, with `closed: false`. */
  readonly timeoutMs?: number;
}

/** Latin-1, so that every character of a string is one byte on the wire. */
const toBytes = (bytes: string | Uint8Array) =>
  typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);

/** Polls until `done` holds; rejects with `describe()` after the deadline. */
export async function waitUntil(
  done: () => boolean,
  timeoutMs = 5000,
  describe: () => string = () => 'it did not happen in time',
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(describe());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Opens a connection and hands it over; resolves when it is established. */
export async function rawConnect(
  port: number,
  options: Pick<RawSendOptions, 'host' | 'localAddress' | 'tls'> = {},
): Promise<RawPeer> {
  const { tls } = options;
  const at = {
    port,
    host: options.host ?? '127.0.0.1',
    allowHalfOpen: true,
    noDelay: true,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
  };
  const socket = tls === undefined ? connect(at) : connectTls({ rejectUnauthorized: false, ...at, ...tls });
  const chunks: Buffer[] = [];
  let over = false;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that closes hard sends RST: for a test that is a closed connection like any other.
  socket.on('error', () => {
    over = true;
  });
  socket.on('end', () => {
    over = true;
  });
  socket.on('close', () => {
    over = true;
  });
  await new Promise<void>((resolve, reject) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
    socket.once('error', reject);
  });
  const received = () => Buffer.concat(chunks);
  const peer: RawPeer = {
    socket,
    write: (bytes) => void (socket.writable && socket.write(toBytes(bytes))),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    received,
    text: () => received().toString('latin1'),
    responses: (methods) => parseResponses(received(), methods),
    closed: () => over,
    waitFor: (done, timeoutMs) =>
      waitUntil(
        () => done(peer),
        timeoutMs,
        () => `not in time; received:\n${peer.text().slice(0, 2000)}`,
      ),
    waitClosed: (timeoutMs) => peer.waitFor((it) => it.closed(), timeoutMs),
    async waitResponses(count, methods, timeoutMs) {
      const complete = () => finals(peer.responses(methods));
      await peer.waitFor(() => complete().length >= count, timeoutMs);
      return complete();
    },
    destroy: () => void socket.destroy(),
  };
  return peer;
}

/** Sends exact bytes on a connection of its own and reports what came back; never rejects for a hostile answer. */
export async function rawSend(
  port: number,
  bytes: string | Uint8Array,
  options: RawSendOptions = {},
): Promise<RawResult> {
  const peer = await rawConnect(port, options);
  peer.write(bytes);
  if (options.end) peer.end();
  const wanted = options.responses;
  await peer
    .waitFor(
      () =>
        peer.closed() || (wanted !== undefined && finals(peer.responses(options.methods)).length >= wanted),
      options.timeoutMs,
    )
    .catch(() => undefined);
  const all = peer.received();
  const closed = peer.closed();
  peer.destroy();
  return {
    bytes: all,
    text: all.toString('latin1'),
    responses: parseResponses(all, options.methods),
    closed,
  };
}

const finals = (responses: readonly RawResponse[]) =>
  responses.filter((response) => response.complete && response.status >= 200);

/** Reads every answer in `bytes` by its own framing; throws when they are not HTTP. 1xx answers are included. */
export function parseResponses(bytes: Buffer, methods: readonly string[] = []): readonly RawResponse[] {
  const responses: RawResponse[] = [];
  let offset = 0;
  let answered = 0;
  while (offset < bytes.length) {
    const headEnd = bytes.indexOf('\r\n\r\n', offset, 'latin1');
    if (headEnd < 0) break;
    const head = parseHead(bytes.toString('latin1', offset, headEnd));
    const bodyStart = headEnd + 4;
    const bodyless =
      head.status < 200 || head.status === 204 || head.status === 304 || methods[answered] === 'HEAD';
    const body = bodyless
      ? { text: '', end: bodyStart, complete: true }
      : readFramedBody(bytes, bodyStart, head.headers);
    responses.push({ ...head, body: body.text, complete: body.complete, ...accessors(head.headers) });
    offset = body.end;
    if (head.status >= 200) answered += 1;
    if (head.status === 101) break;
  }
  return responses;
}

type Pairs = readonly (readonly [string, string])[];

function accessors(headers: Pairs) {
  const all = (name: string) => headers.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  return { all, header: (name: string) => all(name)[0] ?? null };
}

function parseHead(text: string): { status: number; reason: string; headers: Pairs } {
  const lines = text.split('\r\n');
  const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(lines[0] as string);
  if (match === null) throw new Error(`not a status line: ${JSON.stringify(lines[0])}`);
  const headers = lines.slice(1).map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`not a header field: ${JSON.stringify(line)}`);
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(match[1]), reason: match[2] ?? '', headers };
}

function readFramedBody(bytes: Buffer, start: number, headers: Pairs) {
  const value = (name: string) => headers.find((pair) => pair[0] === name)?.[1];
  if (value('transfer-encoding') === 'chunked') {
    const decoded = decodeChunked(bytes, start);
    return { text: decoded.body.toString('latin1'), end: decoded.end, complete: decoded.complete };
  }
  const length = value('content-length');
  // Without framing the body lasts until the connection ends, which only the caller can know.
  const end = length === undefined ? bytes.length : start + Number(length);
  return {
    text: bytes.toString('latin1', start, Math.min(end, bytes.length)),
    end: Math.min(end, bytes.length),
    complete: end <= bytes.length,
  };
}

/** Reads a chunked body from `start`; `end` is the offset behind its trailer section. */
export function decodeChunked(bytes: Buffer, start: number) {
  const parts: Buffer[] = [];
  let offset = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', offset, 'latin1');
    if (lineEnd < 0) return { body: Buffer.concat(parts), end: bytes.length, complete: false };
    const size = Number.parseInt(bytes.toString('latin1', offset, lineEnd), 16);
    if (!Number.isSafeInteger(size)) throw new Error('not a chunk size');
    if (size === 0) {
      const empty = bytes.indexOf('\r\n\r\n', lineEnd, 'latin1');
      const end = empty < 0 ? bytes.length : empty + 4;
      return { body: Buffer.concat(parts), end, complete: empty >= 0 };
    }
    const data = lineEnd + 2;
    if (data + size + 2 > bytes.length) {
      parts.push(bytes.subarray(data));
      return { body: Buffer.concat(parts), end: bytes.length, complete: false };
    }
    parts.push(bytes.subarray(data, data + size));
    offset = data + size + 2;
  }
}
