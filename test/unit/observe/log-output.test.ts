import assert from 'node:assert/strict';
import { openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  createFileSink,
  createLogOutput,
  createStreamSink,
  type LogSink,
  maxWaiting,
} from '../../../src/observe/log-output.ts';

function recorder(accept = true): LogSink & { readonly chunks: string[] } {
  const chunks: string[] = [];
  return {
    chunks,
    write(chunk) {
      chunks.push(chunk);
      return accept;
    },
    close: async () => {},
  };
}

test('lines are gathered into chunks and handed on soon, however few', async () => {
  const sink = recorder();
  const output = createLogOutput(sink);
  output.write('one\n');
  output.write('two\n');
  assert.deepEqual(sink.chunks, []);
  for (let i = 0; i < 200 && sink.chunks.length === 0; i++) await wait(5);
  assert.deepEqual(sink.chunks, ['one\ntwo\n']);
});

test('chunks are whole lines of at most 4096 bytes, so that several processes can share a pipe', () => {
  const sink = recorder();
  const output = createLogOutput(sink);
  const lines = Array.from({ length: 200 }, (_, index) => `${index} ${'ü'.repeat((index * 37) % 900)}\n`);
  lines.push(`${'x'.repeat(9000)}\n`, 'the last one\n');
  for (const line of lines) output.write(line);
  output.flush();
  assert.equal(sink.chunks.join(''), lines.join(''));
  for (const chunk of sink.chunks) {
    assert.ok(chunk.endsWith('\n'));
    assert.ok(Buffer.byteLength(chunk) <= 4096 || chunk.split('\n').length === 2, `${chunk.length}`);
  }
});

test('chunks that wait for a slow reader are written one by one, never joined', async () => {
  const written: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      written.push(chunk);
      setTimeout(done, 1);
    },
    writev() {
      throw new Error('joined');
    },
  });
  const sink = createStreamSink(stream);
  for (const chunk of ['a\n', 'b\n', 'c\n', 'd\n']) assert.equal(sink.write(chunk), true);
  await sink.close(1000);
  assert.deepEqual(
    written.filter((chunk) => chunk !== ''),
    ['a\n', 'b\n', 'c\n', 'd\n'],
  );
});

test('a large chunk does not wait for the timer', () => {
  const sink = recorder();
  const output = createLogOutput(sink);
  for (let i = 0; i < 200; i++) output.write(`${'x'.repeat(99)}\n`);
  assert.ok(sink.chunks.length >= 1);
});

test('lines that the sink refuses are counted one by one', () => {
  const output = createLogOutput(recorder(false));
  for (let i = 0; i < 5; i++) output.write('line\n');
  output.flush();
  assert.equal(output.dropped(), 5);
});

test('FL-073: a stream that takes nothing holds a bounded amount and never makes a writer wait', async () => {
  const stuck = new Writable({ write() {} });
  const sink = createStreamSink(stuck);
  const chunk = 'x'.repeat(16_384);
  let refused = 0;
  for (let i = 0; i < 1000; i++) if (!sink.write(chunk)) refused += 1;
  assert.ok(refused > 0);
  assert.ok(stuck.writableLength <= maxWaiting);
  await sink.close(20);
});

test('FL-073: a reader that has gone is dropped output, not an exception', async () => {
  const broken = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }));
    },
  });
  const sink = createStreamSink(broken);
  sink.write('first\n');
  await wait(5);
  assert.equal(sink.write('second\n'), false);
  await sink.close(20);
});

test('a file gets everything in order before the log is closed', async () => {
  const path = join(tmpdir(), `sallyport-log-${process.pid}-${Math.random().toString(36).slice(2)}`);
  const fd = openSync(path, 'w');
  const sink = createFileSink(fd);
  const lines = Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat(400)}\n`);
  for (const line of lines) assert.ok(sink.write(line));
  await sink.close(5000);
  assert.equal(readFileSync(path, 'utf8'), lines.join(''));
  rmSync(path);
});

test('FL-073: a full disk drops lines, throws nothing and does not hold up the end', async (t) => {
  let fd: number;
  try {
    fd = openSync('/dev/full', 'w');
  } catch {
    return t.skip('this system has no /dev/full');
  }
  const sink = createFileSink(fd);
  let refused = 0;
  for (let i = 0; i < 1000; i++) if (!sink.write('x'.repeat(16_384))) refused += 1;
  await wait(20);
  assert.equal(sink.write('x'.repeat(16_384)), false);
  assert.ok(refused > 0);
  await sink.close(200);
});
