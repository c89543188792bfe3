/** Frame boundaries in a byte stream, however it is cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeFrame, createFrameTracker } from '../../../src/upstreams/websocket-frames.ts';

function frame(opcode: number, length: number, masked = false): Buffer {
  const mask = masked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, mask | length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, mask | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([0x80 | opcode, mask | 127, 0, 0, 0, 0]), uint32(length)]);
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), Buffer.alloc(length, 0x88)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

for (const length of [0, 1, 125, 126, 1000, 65_535, 65_536, 100_000]) {
  for (const masked of [false, true]) {
    test(`the end of a frame of ${length} bytes${masked ? ' with a mask' : ''} is found`, () => {
      const bytes = Buffer.concat([frame(2, length, masked), frame(9, 3)]);
      for (const step of [1, 7, 4096, bytes.length]) {
        const tracker = createFrameTracker();
        assert.equal(tracker.canClose(), true);
        const boundaries: number[] = [];
        for (let at = 0; at < bytes.length; at += step) {
          tracker.push(bytes.subarray(at, at + step));
          if (tracker.canClose()) boundaries.push(Math.min(at + step, bytes.length));
        }
        assert.equal(boundaries.at(-1), bytes.length);
        if (step === 1) assert.deepEqual(boundaries, [bytes.length - 5, bytes.length]);
      }
    });
  }
}

test('after a close frame of the application no other one is sent', () => {
  const tracker = createFrameTracker();
  tracker.push(frame(8, 2));
  assert.equal(tracker.canClose(), false);
});

test('a length of 2^64-1 never ends and breaks nothing', () => {
  const tracker = createFrameTracker();
  tracker.push(Buffer.from([0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]));
  tracker.push(Buffer.alloc(100_000));
  assert.equal(tracker.canClose(), false);
});

test('a close frame is as RFC 6455 has it', () => {
  assert.deepEqual(closeFrame(1008, ''), Buffer.from([0x88, 2, 0x03, 0xf0]));
  assert.deepEqual(closeFrame(1001, 'bye'), Buffer.from([0x88, 5, 0x03, 0xe9, 0x62, 0x79, 0x65]));
});
