/** Logging and counting never hold up, change or break what they observe. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createEmit } from '../../src/core/events.ts';
import { createAccessLog } from '../../src/observe/access-log.ts';
import { createEventLog } from '../../src/observe/event-log.ts';
import { createCapturedLog } from '../support/captured-log.ts';
import { finished, sampleEvents } from '../support/sample-events.ts';

const crasher = fileURLToPath(new URL('../support/crasher.ts', import.meta.url));
const chatter = fileURLToPath(new URL('../support/chatter.ts', import.meta.url));

/** Starts a process that logs 40 MB, answers `alive` on its other channel, and then closes its log and exits. */
function startChatter(stdout: 'pipe' | number): ChildProcess {
  return spawn(process.execPath, [chatter], { stdio: ['ignore', stdout, 'inherit', 'ipc'] });
}

async function reportOf(child: ChildProcess): Promise<{ dropped: number }> {
  const [report] = (await once(child, 'message', { signal: AbortSignal.timeout(20_000) })) as [
    { dropped: number },
  ];
  return report;
}

test('FL-073: with standard output blocked the process goes on, counts what it drops, and can still exit', async () => {
  const child = startChatter('pipe');
  try {
    // Nobody reads `child.stdout`.
    const { dropped } = await reportOf(child);
    assert.ok(dropped > 0);
    if (child.exitCode === null) await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
    assert.equal(child.exitCode, 0);
  } finally {
    child.kill('SIGKILL');
  }
});

test('FL-073: with the reader of standard output gone the process goes on and exits in order', async () => {
  const child = startChatter('pipe');
  try {
    child.stdout?.destroy();
    const { dropped } = await reportOf(child);
    assert.ok(dropped > 0);
    if (child.exitCode === null) await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
    assert.equal(child.exitCode, 0);
  } finally {
    child.kill('SIGKILL');
  }
});

test('FL-073: with standard output on a full disk the process goes on and exits in order', async (t) => {
  let full: number;
  try {
    full = openSync('/dev/full', 'w');
  } catch {
    return t.skip('this system has no /dev/full');
  }
  const child = startChatter(full);
  try {
    const { dropped } = await reportOf(child);
    assert.ok(dropped > 0);
    if (child.exitCode === null) await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
    assert.equal(child.exitCode, 0);
  } finally {
    child.kill('SIGKILL');
    closeSync(full);
  }
});

test('a reader of standard output gets every line, whole and in order, up to the last one', async () => {
  const child = startChatter('pipe');
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const closed = once(child, 'close', { signal: AbortSignal.timeout(20_000) });
  const { dropped } = await reportOf(child);
  await closed;
  const lines = text.split('\n').slice(0, -1);
  const ids = lines.map((line) => JSON.parse(line).requestId as string);
  assert.equal(ids.at(-1), 'last');
  const numbers = ids.slice(0, -1).map(Number);
  assert.ok(numbers.every((number, i) => i === 0 || number > (numbers[i - 1] as number)));
  assert.equal(numbers.length + dropped, 100_000);
});

for (const kind of ['pipe', 'file'] as const) {
  test(`the last line before a crash reaches a ${kind}`, async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'sallyport-crash-')), 'log');
    const file = openSync(path, 'w');
    const child = spawn(process.execPath, [crasher], {
      stdio: ['ignore', kind === 'pipe' ? 'pipe' : file, 'ignore'],
    });
    let piped = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      piped += chunk;
    });
    await once(child, 'close', { signal: AbortSignal.timeout(20_000) });
    closeSync(file);
    const text = kind === 'pipe' ? piped : readFileSync(path, 'utf8');
    rmSync(dirname(path), { recursive: true });
    assert.equal(child.exitCode, 1);
    assert.match(text, /^\{.*"event":"request\.crashed"\}\n$/);
  });
}

test('FL-075: a log that throws keeps neither the caller nor the other subscribers from going on', async () => {
  const broken = createCapturedLog({
    sink: {
      write() {
        throw new Error('log failure');
      },
      close: async () => {},
    },
  });
  const heard: string[] = [];
  const emit = createEmit([
    createAccessLog(broken.logger),
    createEventLog(broken.logger),
    (name) => {
      heard.push(name);
    },
  ]);
  for (let i = 0; i < 200; i++) {
    emit('request.finished', { ...finished, path: `/${'x'.repeat(500)}` });
    emit('login.succeeded', sampleEvents['login.succeeded']);
  }
  assert.equal(heard.length, 400);
  await broken.logger.close(10);
  assert.equal(broken.logger.dropped(), 400);
});
