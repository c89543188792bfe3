/** What the operators' listener says of several workers, from what each of them says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Readiness } from '../../../src/admin/admin-server.ts';
import { createMetrics, type MetricsSnapshot } from '../../../src/observe/metrics.ts';
import { createPoolMetrics } from '../../../src/workers/pool-metrics.ts';
import { readPoolReadiness } from '../../../src/workers/pool-readiness.ts';
import { createPoolSessions } from '../../../src/workers/pool-sessions.ts';
import type { Worker } from '../../../src/workers/worker.ts';
import { finished } from '../../support/sample-events.ts';

/** A worker that answers every question with what `answer` gives. */
function workerOf(answer: (name: string, body: unknown) => unknown): Worker {
  return {
    pid: 1,
    ask: async (name, body) => (await answer(name, body)) as never,
    left: new Promise(() => {}),
    ended: new Promise(() => {}),
    kill: () => {},
  };
}

const failing = () => {
  throw new Error('it hangs');
};

const metricsOf = (serves: boolean) =>
  createMetrics({
    version: '1.2.3',
    sessions: () => (serves ? 7 : null),
    inFlight: () => (serves ? 2 : 0),
    linesDropped: () => 1,
    serves,
  });

function sample(text: string, name: string): string | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line?.slice(name.length + 1);
}

const requests = 'sallyport_requests_total{route="/api/**",decision="forward",status="2xx"}';
const plain = (snapshot: MetricsSnapshot) => JSON.parse(JSON.stringify(snapshot)) as MetricsSnapshot;

test('counters and what runs add up, sessions and the build do not', async () => {
  const own = metricsOf(false);
  own.subscriber('worker.ended', { worker: 1, exitCode: 1, signal: null, replacedInMs: 0 });
  const each = [metricsOf(true), metricsOf(true)];
  for (const metrics of each) metrics.subscriber('request.finished', finished);
  const workers = each.map((metrics) => workerOf(async () => plain(await metrics.snapshot())));
  const text = await createPoolMetrics(own, { all: () => workers }).expose();
  for (const [name, value] of [
    [requests, '2'],
    ['sallyport_request_duration_seconds_count{route="/api/**"}', '2'],
    ['sallyport_request_duration_seconds_bucket{le="0.025",route="/api/**"}', '2'],
    ['sallyport_requests_in_flight', '4'],
    ['sallyport_log_lines_dropped_total', '3'],
    ['sallyport_sessions', '7'],
    ['sallyport_workers', '2'],
    ['sallyport_workers_lost_total', '1'],
    [`sallyport_build_info{version="1.2.3",node="${process.version}"}`, '1'],
  ] as const)
    assert.equal(sample(text, name), value, name);
  const start = (await own.snapshot()).find(({ name }) => name === 'process_start_time_seconds');
  assert.equal(Number(sample(text, 'process_start_time_seconds')), start?.values[0]?.value);
});

test('a worker that does not answer counts with what it said last, one that ended keeps its counters', async () => {
  const metrics = metricsOf(true);
  metrics.subscriber('request.finished', finished);
  let answer: () => unknown = async () => plain(await metrics.snapshot());
  const worker = workerOf(() => answer());
  let all: readonly Worker[] = [worker];
  const pool = createPoolMetrics(metricsOf(false), { all: () => all });
  assert.equal(sample(await pool.expose(), requests), '1');
  answer = failing;
  assert.equal(sample(await pool.expose(), requests), '1');
  assert.equal(sample(await pool.expose(), 'sallyport_requests_in_flight'), '2');
  all = [];
  pool.onEnd(worker, { exitCode: null, signal: 'SIGKILL', drained: false, metrics: null });
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const text = await pool.expose();
    assert.equal(sample(text, requests), '1', 'its counters stay');
    assert.equal(sample(text, 'sallyport_requests_in_flight'), '0', 'its gauges go');
  }
});

test('the last word of a worker counts, not what was scraped before', async () => {
  const metrics = metricsOf(true);
  const worker = workerOf(async () => plain(await metrics.snapshot()));
  const pool = createPoolMetrics(metricsOf(false), { all: () => [] });
  metrics.subscriber('request.finished', finished);
  metrics.subscriber('request.finished', finished);
  const last = plain(await metrics.snapshot());
  pool.onEnd(worker, { exitCode: 0, signal: null, drained: true, metrics: last });
  assert.equal(sample(await pool.expose(), requests), '2');
});

const ready: Readiness = { ready: true, checks: { state: 'serving', store: 'ok' } };
const storeDown: Readiness = { ready: false, checks: { state: 'serving', store: 'down' } };

const readinessRows: readonly (readonly [string, readonly (() => unknown)[], Readiness])[] = [
  [
    'all are ready',
    [() => ready, () => ready],
    { ready: true, checks: { state: 'serving', store: 'ok', workers: '2 of 2' } },
  ],
  [
    'one is not ready',
    [() => ready, () => storeDown],
    { ready: false, checks: { state: 'serving', store: 'down', workers: '2 of 2' } },
  ],
  [
    'one does not answer',
    [() => ready, failing],
    { ready: false, checks: { state: 'silent', store: 'ok', workers: '2 of 2' } },
  ],
  [
    'one is being replaced',
    [() => ready],
    { ready: true, checks: { state: 'serving', store: 'ok', workers: '1 of 2' } },
  ],
  ['none serves', [], { ready: false, checks: { workers: '0 of 2' } }],
];

for (const [what, answers, expected] of readinessRows) {
  test(`readiness when ${what}`, async () => {
    const workers = answers.map((answer) => workerOf(() => answer()));
    assert.deepEqual(await readPoolReadiness({ serving: () => workers }, 2), expected);
  });
}

test('sessions are asked of a worker that serves, and without one the store is not available', async () => {
  const asked: unknown[] = [];
  const worker = workerOf((name, body) => {
    if (name !== 'readiness') asked.push([name, body]);
    return name === 'sessions.end' ? 3 : null;
  });
  let serving: readonly Worker[] = [worker];
  const sessions = createPoolSessions({ serving: () => serving }, () => 'all');
  assert.equal(sessions.abilities, 'all');
  assert.equal(await sessions.end({ subject: 'alice' }, { reason: 'operator' }), 3);
  assert.equal(await sessions.find('x'), null);
  assert.deepEqual(asked, [
    ['sessions.end', { filter: { subject: 'alice' }, options: { reason: 'operator' } }],
    ['sessions.find', 'x'],
  ]);
  serving = [];
  await assert.rejects(sessions.list({}), { code: 'ERR_STORE_UNAVAILABLE' });
  serving = [workerOf(failing)];
  await assert.rejects(sessions.list({}), { code: 'ERR_STORE_UNAVAILABLE' });
});

test('a worker that hangs keeps nobody from ending sessions', async () => {
  const hung = workerOf(() => new Promise(() => {}));
  const alive = workerOf((name) => (name === 'sessions.end' ? 2 : null));
  const sessions = createPoolSessions({ serving: () => [hung, alive] }, () => 'all');
  assert.equal(await sessions.end({}, { reason: 'operator' }), 2);
});
