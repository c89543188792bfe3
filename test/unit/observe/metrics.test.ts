import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventName } from '../../../src/core/events.ts';
import { metricTable } from '../../../src/observe/metric-table.ts';
import { createMetrics, type MetricsDeps } from '../../../src/observe/metrics.ts';
import { finished, sampleEvents } from '../../support/sample-events.ts';

function metricsWith(deps: Partial<MetricsDeps> = {}) {
  return createMetrics({
    version: '1.2.3',
    sessions: () => 7,
    inFlight: () => 3,
    linesDropped: () => 2,
    ...deps,
  });
}

/** The samples of the exposition, `name{labels}` → value. */
async function samplesOf(metrics: ReturnType<typeof metricsWith>): Promise<Map<string, string>> {
  const lines = (await metrics.expose()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );
}

test('the exposition has every metric of the table and no other, with its help and type', async () => {
  const text = await metricsWith().expose();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => [match[1], match[2]]);
  const table = Object.entries(metricTable).map(([name, { type }]) => [name, type]);
  assert.deepEqual(new Map(types.sort() as [string, string][]), new Map(table.sort() as [string, string][]));
  for (const { help } of Object.values(metricTable)) assert.ok(text.includes(help), help);
});

test('requests count by route, decision and class of status', async () => {
  const metrics = metricsWith();
  for (const status of [200, 204, 404, 101, 99, 999]) {
    metrics.subscriber('request.finished', { ...finished, status });
  }
  metrics.subscriber('request.finished', { ...finished, route: null, decision: 'not-found', status: 404 });
  const samples = await samplesOf(metrics);
  const count = (status: string) =>
    samples.get(`sallyport_requests_total{route="/api/**",decision="forward",status="${status}"}`);
  assert.deepEqual(['1xx', '2xx', '3xx', '4xx', 'other'].map(count), ['1', '2', undefined, '1', '2']);
  assert.equal(samples.get('sallyport_requests_total{route="-",decision="not-found",status="4xx"}'), '1');
  assert.equal(samples.get('sallyport_request_duration_seconds_count{route="/api/**"}'), '6');
  assert.equal(samples.get('sallyport_request_duration_seconds_bucket{le="0.01",route="/api/**"}'), '0');
  assert.equal(samples.get('sallyport_request_duration_seconds_bucket{le="0.025",route="/api/**"}'), '6');
});

test('an answer that a failure made counts under its error code, a failed forward under forward', async () => {
  const metrics = metricsWith();
  const failed = { ...finished, status: 503, error: 'ERR_PROVIDER_UNAVAILABLE' } as const;
  metrics.subscriber('request.finished', { ...failed, decision: 'ECONNREFUSED' });
  metrics.subscriber('request.finished', { ...failed, decision: 'forward' });
  const samples = await samplesOf(metrics);
  for (const decision of ['ERR_PROVIDER_UNAVAILABLE', 'forward']) {
    const name = `sallyport_requests_total{route="/api/**",decision="${decision}",status="5xx"}`;
    assert.equal(samples.get(name), '1', name);
  }
  assert.ok(!(await metrics.expose()).includes('ECONNREFUSED'));
});

test('every other event moves the metric that stands for it', async () => {
  const metrics = metricsWith();
  for (const name of Object.keys(sampleEvents) as EventName[]) metrics.subscriber(name, sampleEvents[name]);
  metrics.subscriber('request.finished', { ...finished, error: 'ERR_UPSTREAM_TIMEOUT', aborted: true });
  metrics.subscriber('session.refresh-failed', { provider: 'main', session: 's', reason: 'timeout' });
  const samples = await samplesOf(metrics);
  for (const name of [
    'sallyport_logins_started_total{provider="main"}',
    'sallyport_logins_total{provider="main",outcome="succeeded"}',
    'sallyport_logins_total{provider="main",outcome="ERR_LOGIN_FAILED"}',
    'sallyport_refreshes_total{provider="main",outcome="refreshed"}',
    'sallyport_refreshes_total{provider="main",outcome="rejected"}',
    'sallyport_refreshes_total{provider="main",outcome="failed"}',
    'sallyport_refresh_duration_seconds_count{provider="main"}',
    'sallyport_sessions_ended_total{reason="logout"}',
    'sallyport_tokens_revoked_total{provider="main",outcome="revoked"}',
    'sallyport_provider_call_duration_seconds_count{provider="main",call="token",outcome="ok"}',
    'sallyport_provider_keys_skipped_total{provider="main"}',
    'sallyport_opened_with_old_key_total{ring="tokens",key="0f1e2d3c4b5a6978"}',
    'sallyport_keys_reload_failed_total{ring="cookies"}',
    'sallyport_store_failures_total{operation="get"}',
    'sallyport_upstream_failures_total{cluster="app",code="ERR_UPSTREAM_UNREACHABLE"}',
    'sallyport_request_errors_total{code="ERR_UPSTREAM_TIMEOUT"}',
    'sallyport_requests_aborted_total',
    'sallyport_request_crashes_total',
    'sallyport_headers_omitted_total{header="x-groups"}',
  ]) {
    assert.equal(samples.get(name), '1', name);
  }
});

test('what is asked at scrape time is asked at each scrape', async () => {
  let sessions = 1;
  const metrics = metricsWith({ sessions: async () => sessions });
  await metrics.expose();
  sessions = 42;
  const samples = await samplesOf(metrics);
  assert.equal(samples.get('sallyport_sessions'), '42');
  assert.equal(samples.get('sallyport_requests_in_flight'), '3');
  assert.equal(samples.get('sallyport_log_lines_dropped_total'), '2');
  assert.equal(samples.get(`sallyport_build_info{version="1.2.3",node="${process.version}"}`), '1');
  for (const name of ['process_resident_memory_bytes', 'process_cpu_user_seconds_total']) {
    assert.ok(Number(samples.get(name)) > 0, name);
  }
});

test('a store that is down takes its gauge out of the scrape and leaves the rest whole', async () => {
  const metrics = metricsWith({
    sessions: () => {
      throw new Error('down');
    },
  });
  const samples = await samplesOf(metrics);
  assert.ok(!samples.has('sallyport_sessions'));
  assert.equal(samples.get('sallyport_requests_in_flight'), '3');
});

test('two sets of metrics live side by side in one process', async () => {
  const [one, two] = [metricsWith(), metricsWith()];
  one.subscriber('request.finished', finished);
  assert.ok((await one.expose()).includes('route="/api/**"'));
  assert.ok(!(await two.expose()).includes('route="/api/**"'));
});
