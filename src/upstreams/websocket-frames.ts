/**
 * Where frames begin and end in a stream of WebSocket bytes (RFC 6455 section 5.2), so that a close frame can be put
 * between two of them. Payloads are only counted, never looked at.
 */

export interface FrameTracker {
  /** Takes the next bytes of the stream. */
  push(chunk: Uint8Array): void;
  /** The same, but stops behind the end of the first frame that ends in it. Answers how many bytes were taken. */
  pushToFrameEnd(chunk: Uint8Array): number;
  /** Whether the bytes so far end where a frame ends, and no close frame was among them. */
  canClose(): boolean;
}

const closeOpcode = 8;

export function createFrameTracker(): FrameTracker {
  /** Bytes of the payload that are still to come. */
  let payload = 0;
  /** The header so far: at most 14 bytes. */
  const header = Buffer.alloc(14);
  let filled = 0;
  let closed = false;

  /** Length of the header as far as it can be told, at least 2. */
  function headerLength(): number {
    if (filled < 2) return 2;
    const length = (header[1] as number) & 0x7f;
    const mask = ((header[1] as number) & 0x80) === 0 ? 0 : 4;
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + mask;
  }

  function payloadLength(): number {
    const length = (header[1] as number) & 0x7f;
    if (length === 126) return header.readUInt16BE(2);
    // Past 2^53 the sum is not exact, and such a frame never ends anyway.
    return length === 127 ? header.readUInt32BE(2) * 2 ** 32 + header.readUInt32BE(6) : length;
  }

  /** Where the frame that is open at `from` ends, or the chunk. */
  function advance(chunk: Uint8Array, from: number): number {
    let offset = from;
    while (offset < chunk.length) {
      if (payload > 0) {
        const step = Math.min(payload, chunk.length - offset);
        payload -= step;
        offset += step;
        if (payload === 0) return offset;
        continue;
      }
      header[filled] = chunk[offset] as number;
      filled += 1;
      offset += 1;
      if (filled < 2 || filled < headerLength()) continue;
      if (((header[0] as number) & 0x0f) === closeOpcode) closed = true;
      payload = payloadLength();
      filled = 0;
      if (payload === 0) return offset;
    }
    return offset;
  }

  return {
    push(chunk) {
      for (let offset = 0; offset < chunk.length; ) offset = advance(chunk, offset);
    },
    pushToFrameEnd: (chunk) => advance(chunk, 0),
    canClose: () => payload === 0 && filled === 0 && !closed,
  };
}

/**
 * An unmasked close frame, as a server sends it (RFC 6455 sections 5.5.1 and 7.4.1). `reason`: ASCII, at most 123
 * characters, so that its length fits into one byte.
 */
export function closeFrame(code: 1001 | 1008, reason: string): Buffer {
  const head = [0x80 | closeOpcode, 2 + reason.length, code >> 8, code & 0xff];
  return Buffer.concat([Buffer.from(head), Buffer.from(reason, 'latin1')]);
}
