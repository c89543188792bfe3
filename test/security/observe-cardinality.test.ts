/** DL-030: what a client sends cannot make the number of time series grow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../src/core/errors.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { finished } from '../support/sample-events.ts';

function createQuietMetrics() {
  return createMetrics({ version: '0', sessions: () => 0, inFlight: () => 0, linesDropped: () => 0 });
}

async function seriesOf(metrics: ReturnType<typeof createQuietMetrics>): Promise<number> {
  return (await metrics.expose()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

test('DL-030: 10,000 paths, methods, clients, sessions and request ids make no series of their own', async () => {
  const metrics = createQuietMetrics();
  metrics.subscriber('request.finished', finished);
  const before = await seriesOf(metrics);
  for (let i = 0; i < 10_000; i++) {
    metrics.subscriber('request.finished', {
      ...finished,
      path: `/api/${i}`,
      method: `M${i}`,
      client: `198.51.100.${i}`,
      session: `s${i}`,
      requestId: `r${i}`,
    });
  }
  assert.equal(await seriesOf(metrics), before);
  assert.ok(!(await metrics.expose()).includes('/api/77'));
});

test('DL-030: words that ought to be bounded and are not end up under "other"', async () => {
  const metrics = createQuietMetrics();
  for (let i = 0; i < 10_000; i++) {
    const name = `n${i}`;
    metrics.subscriber('request.finished', { ...finished, decision: name });
    metrics.subscriber('key.skipped', { provider: name, reason: name });
    metrics.subscriber('store.failed', { operation: name, reason: name });
    metrics.subscriber('upstream.failed', {
      requestId: name,
      cluster: name,
      code: 'ERR_UPSTREAM_TIMEOUT' as ErrorCode,
      cause: name,
    });
    metrics.subscriber('provider.called', { provider: name, call: 'token', outcome: 'ok', durationMs: 1 });
  }
  assert.ok((await seriesOf(metrics)) < 5000, `${await seriesOf(metrics)}`);
  const text = await metrics.expose();
  assert.match(text, /decision="other",status="2xx"} 9\d{3}/);
  assert.match(text, /sallyport_store_failures_total\{operation="other"} 9\d{3}/);
});

test('DL-030: a label value with a quote or a line feed cannot forge a sample', async () => {
  const metrics = createQuietMetrics();
  metrics.subscriber('request.finished', {
    ...finished,
    route: 'x"} 1\nsallyport_forged 1\n',
    decision: 'y".z\\',
  });
  const text = await metrics.expose();
  assert.ok(!/^sallyport_forged/m.test(text));
});
