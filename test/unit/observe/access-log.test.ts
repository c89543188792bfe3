import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAccessLog } from '../../../src/observe/access-log.ts';
import { createCapturedLog } from '../../support/captured-log.ts';
import { finished, sampleEvents } from '../../support/sample-events.ts';

test('a finished request is one line with what an operator asks for', async () => {
  const log = createCapturedLog();
  createAccessLog(log.logger)('request.finished', finished);
  assert.deepEqual(await log.lines(), [
    {
      level: 'info',
      time: '2030-01-01T00:00:00.000Z',
      event: 'request.finished',
      requestId: 'r-1',
      client: '192.0.2.7',
      method: 'GET',
      path: '/api/items',
      route: '/api/**',
      decision: 'forward',
      status: 200,
      session: 'k3x9Qz1b',
      durationMs: 12.3,
      upstreamMs: 10,
      bytesIn: 0,
      bytesOut: 512,
    },
  ]);
});

test('a failed and broken off request says so, and fields without a value are left out', async () => {
  const log = createCapturedLog();
  createAccessLog(log.logger)('request.finished', {
    ...finished,
    path: null,
    route: null,
    session: null,
    upstreamMs: null,
    error: 'ERR_UPSTREAM_TIMEOUT',
    aborted: true,
  });
  const [line] = await log.lines();
  assert.equal(line?.error, 'ERR_UPSTREAM_TIMEOUT');
  assert.equal(line?.aborted, true);
  for (const name of ['path', 'route', 'session', 'upstreamMs']) assert.ok(!(name in (line ?? {})), name);
});

test('durations are printed with one decimal and are numbers', async () => {
  const log = createCapturedLog();
  const accessLog = createAccessLog(log.logger);
  const durations = [0, 0.04, 0.05, 9.96, 1234.5678];
  for (const durationMs of durations) accessLog('request.finished', { ...finished, durationMs });
  assert.deepEqual(
    (await log.lines()).map((line) => line.durationMs),
    [0, 0, 0.1, 10, 1234.6],
  );
});

test('other events are not in the access log, and nothing is above level info', async () => {
  const log = createCapturedLog();
  createAccessLog(log.logger)('login.succeeded', sampleEvents['login.succeeded']);
  const quiet = createCapturedLog({ level: 'warn' });
  createAccessLog(quiet.logger)('request.finished', finished);
  assert.deepEqual([await log.text(), await quiet.text()], ['', '']);
});

test('on a terminal a request is a readable line', async () => {
  const log = createCapturedLog({ format: 'auto', isTerminal: true });
  createAccessLog(log.logger)('request.finished', finished);
  const text = await log.text();
  assert.match(text, /INFO.*GET \/api\/items → 200 forward 12\.3 ms .*route=\/api\/\*\*/);
  assert.equal(text.trimEnd().split('\n').length, 1);
});

test('the format that was asked for wins over the terminal', async () => {
  const json = createCapturedLog({ format: 'json', isTerminal: true });
  createAccessLog(json.logger)('request.finished', finished);
  assert.equal((await json.lines()).length, 1);
  const pretty = createCapturedLog({ format: 'pretty', isTerminal: false });
  createAccessLog(pretty.logger)('request.finished', finished);
  const text = await pretty.text();
  assert.ok(!text.startsWith('{') && !text.includes('\u001b'), 'readable, and without colours into a file');
});
