import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileNetworks, listenSchema } from '../../../src/doors/listen-config.ts';

test('an empty section is the defaults: loopback, nobody trusted, everything bounded', () => {
  assert.deepEqual(listenSchema.parse({}), {
    address: { host: '127.0.0.1', port: 8080 },
    trustedProxies: [],
    hosts: [],
    upgrades: ['websocket'],
    limits: {
      head: 16_384,
      headers: 100,
      url: 8192,
      body: 1024 ** 3,
      bodyRate: 512,
      connections: 10_000,
      requestsPerConnection: 1000,
      pipelined: 32,
    },
    timeouts: { head: 15_000, body: 30_000, keepAlive: 65_000, stall: 30_000, drain: 30_000, notice: 0 },
  });
});

test('unknown keys, networks that are none, hosts that are none and other protocols are refused', () => {
  const refused: readonly object[] = [
    { trustedProxy: [] },
    { limits: { header: 1 } },
    { timeouts: { head: 15 } },
    { timeouts: { notice: '30s' } },
    { timeouts: { notice: '5s', drain: '2s' } },
    ...['10.0.0.0/33', '10.0.0', 'fd00::/129', 'all', '0.0.0.0/0/0', 'fe80::1%eth0/64', '/8', ''].map(
      (network) => ({
        trustedProxies: [network],
      }),
    ),
    ...['https://a.test', 'a.test/', 'a.test:', '*:80', '*.test', ''].map((host) => ({ hosts: [host] })),
    { upgrades: ['h2c'] },
    { limits: { connections: 0 } },
    { address: null },
    { clientCertificateHeader: { name: 'Client-Cert', format: 'rfc9440' } },
    ...['Host', 'Authorization', 'Cookie', 'X-Forwarded-For', 'a_b', ''].map((name) => ({
      trustedProxies: ['::1'],
      clientCertificateHeader: { name, format: 'rfc9440' },
    })),
  ];
  for (const section of refused) {
    assert.equal(listenSchema.safeParse(section).success, false, JSON.stringify(section));
  }
});

test('networks are matched in both families, single addresses among them', () => {
  const list = compileNetworks(['10.0.0.0/8', '192.0.2.1', 'fd00::/8', '::1']);
  for (const address of ['10.1.2.3', '192.0.2.1']) assert.equal(list.check(address, 'ipv4'), true);
  for (const address of ['11.0.0.1', '192.0.2.2']) assert.equal(list.check(address, 'ipv4'), false);
  for (const address of ['fd12::1', '::1']) assert.equal(list.check(address, 'ipv6'), true);
  assert.equal(list.check('::2', 'ipv6'), false);
});
