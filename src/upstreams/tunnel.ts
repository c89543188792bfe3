/** Two connections as one after an upgrade: bytes both ways with back-pressure, until one of them ends. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { closeFrame, createFrameTracker, type FrameTracker } from './websocket-frames.ts';

/** Milliseconds that a client has to read a close frame before its connection is destroyed. */
const closeGrace = 1000;

/** Milliseconds that the application has to finish the frame that it is in the middle of. */
const frameGrace = 500;

/** What a page may show or log; it says no more than the code does. */
const reasons = { 1001: 'going away', 1008: 'session ended' } as const;

/** Milliseconds that one side has to take what is still on its way to it after the other has closed. */
const flushGrace = 10_000;

export interface TunnelParts {
  readonly client: Duplex;
  readonly upstream: Duplex;
  /** Frames are tracked so that the end can be said in the protocol. */
  readonly websocket: boolean;
  /** Milliseconds of silence after which both are closed. */
  readonly idleTimeout: number;
  /** Called once, when both are closed. */
  readonly onClosed: (bytes: { readonly in: number; readonly out: number }) => void;
}

export interface Tunnel {
  /** Ends it from the middle: 1008 when the session is over, 1001 when the gate goes away. */
  end(code: 1001 | 1008): void;
}

export function createTunnel(parts: TunnelParts): Tunnel {
  const { client, upstream } = parts;
  const frames = parts.websocket ? createFrameTracker() : null;
  const bytes = { in: 0, out: 0 };
  let open = 2;
  let ending = false;

  connect(client, upstream, (chunk) => {
    bytes.in += chunk.length;
  });
  connect(upstream, client, (chunk) => {
    bytes.out += chunk.length;
    frames?.push(chunk);
  });
  for (const side of [client, upstream]) {
    side.on('error', () => undefined);
    side.on('close', () => {
      if (!ending) finish(other(side));
      open -= 1;
      if (open === 0) parts.onClosed(bytes);
    });
  }
  // Every byte passes both connections, so the silence of one is the silence of both. A reader that has stopped
  // reading is silence as well.
  setIdleTimeout(upstream, parts.idleTimeout, () => end(1001));
  return { end };

  function other(side: Duplex): Duplex {
    return side === client ? upstream : client;
  }

  function end(code: 1001 | 1008): void {
    if (ending) return;
    ending = true;
    upstream.removeAllListeners('data');
    if (frames === null || frames.canClose()) leave(code);
    else finishFrame(frames, code);
  }

  function leave(code: 1001 | 1008): void {
    upstream.removeAllListeners('data').destroy();
    sayGoodbye(client, frames, code);
  }

  /** Lets the frame pass that the application has begun; nothing else passes any longer, in neither direction. */
  function finishFrame(tracker: FrameTracker, code: 1001 | 1008): void {
    client.removeAllListeners('data').on('data', () => undefined);
    client.resume();
    const timer = setTimeout(leave, frameGrace, code).unref();
    upstream.on('data', (chunk: Buffer) => {
      const length = tracker.pushToFrameEnd(chunk);
      bytes.out += length;
      client.write(chunk.subarray(0, length));
      if (!tracker.canClose()) return;
      clearTimeout(timer);
      leave(code);
    });
  }
}

/** A close frame at a frame boundary; in the middle of a frame it would be read as payload. */
function sayGoodbye(client: Duplex, frames: FrameTracker | null, code: 1001 | 1008): void {
  if (frames === null || !frames.canClose() || !client.writable) {
    client.destroy();
    return;
  }
  client.end(closeFrame(code, reasons[code]));
  setTimeout(() => client.destroy(), closeGrace).unref();
}

/** The other side is gone: what it had sent still arrives, then this side closes as well. */
function finish(side: Duplex): void {
  if (side.destroyed) return;
  side.end(() => side.destroy());
  setTimeout(() => side.destroy(), flushGrace).unref();
}

function connect(from: Duplex, to: Duplex, count: (chunk: Buffer) => void): void {
  from.on('data', (chunk: Buffer) => {
    count(chunk);
    if (to.writable && !to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
}

function setIdleTimeout(side: Duplex, milliseconds: number, onIdle: () => void): void {
  (side as Socket).setTimeout(milliseconds, onIdle);
}
