/** What a person may write about a cluster, and what becomes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterSchema } from '../../../src/upstreams/cluster-config.ts';

const accepted: readonly (readonly [string, string, string])[] = [
  ['http://127.0.0.1:3000', 'http://127.0.0.1:3000', ''],
  ['http://127.0.0.1:3000/', 'http://127.0.0.1:3000', ''],
  ['http://app/base', 'http://app', '/base'],
  ['http://app/base/v1/', 'http://app', '/base/v1'],
  ['https://[::1]:8443', 'https://[::1]:8443', ''],
  ['HTTPS://App.Example.COM:443', 'https://app.example.com', ''],
];
for (const [text, origin, basePath] of accepted) {
  test(`${text} is a target`, () => {
    const [target] = clusterSchema.parse({ targets: [text] }).targets;
    assert.equal(target?.origin, origin);
    assert.equal(target?.basePath, basePath);
  });
}

test('an application goes by no audience unless that is said', () => {
  const targets = ['http://app'];
  assert.deepEqual(clusterSchema.parse({ targets }).audiences, []);
  const audiences = ['https://orders.test', 'orders'];
  assert.deepEqual(clusterSchema.parse({ targets, audiences }).audiences, audiences);
  for (const wrong of ['orders', [''], [1], Array(65).fill('a'), ['x'.repeat(2049)]]) {
    assert.equal(clusterSchema.safeParse({ targets, audiences: wrong }).success, false);
  }
});

const refused: readonly (readonly [string, RegExp])[] = [
  ['127.0.0.1:3000', /URL|neither/],
  ['ftp://app', /neither http nor https/],
  ['http://user@app', /user name/],
  ['http://user:secret@app', /user name/],
  ['http://app?x=1', /query/],
  ['http://app/#x', /fragment/],
  ['http://app/a/../b', /base path/],
  ['http://app/a//b', /base path/],
  ['http://app/a%2Fb', /base path/],
  ['http://app/%2e%2e', /base path/],
  ['http://app/{tenant}', /base path/],
  ['http://app/./a', /base path/],
  ['http://app\\evil', /backslash/],
  ['http://', /URL/],
  ['', /URL/],
];
for (const [text, reason] of refused) {
  test(`${JSON.stringify(text)} is no target, and the message says why`, () => {
    const result = clusterSchema.safeParse({ targets: [text] });
    assert.equal(result.success, false);
    assert.match(result.error.issues[0]?.message ?? '', reason);
    assert.deepEqual(result.error.issues[0]?.path, ['targets', 0]);
    assert.equal(result.error.message.includes('secret'), false);
  });
}

test('every limit and every timeout has a value', () => {
  const cluster = clusterSchema.parse({ targets: ['http://app'] });
  assert.deepEqual(cluster.timeouts, {
    connect: 5000,
    responseHead: 30_000,
    idle: 300_000,
    upgraded: 600_000,
    queue: 10_000,
    total: null,
    keepAlive: 4000,
  });
  assert.equal(cluster.connections, 256);
  assert.equal(cluster.limits.responseHead, 16_384);
});

test('unknown keys, no targets and bare numbers are refused', () => {
  for (const bad of [
    { targets: [] },
    {},
    { targets: ['http://app'], conections: 5 },
    { targets: ['http://app'], timeouts: { connect: 5 } },
    { targets: ['http://app'], connections: 0 },
  ]) {
    assert.equal(clusterSchema.safeParse(bad).success, false, JSON.stringify(bad));
  }
});

test("an https address cannot take the client's Host, which would become the TLS name", () => {
  const bad = { targets: ['https://app', 'https://192.0.2.1'], host: 'preserve' };
  const result = clusterSchema.safeParse(bad);
  assert.deepEqual(
    result.error?.issues.map((issue) => issue.path),
    [['targets', 1]],
  );
});
