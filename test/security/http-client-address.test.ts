/** HP-079 and HP-080: who is believed about who the client is. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Carried, get, type Harness, startDoor } from '../unit/doors/door-harness.ts';

const untrusting = await startDoor();
const trusting = await startDoor({
  listen: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'] },
});
after(async () => {
  await untrusting[Symbol.asyncDispose]();
  await trusting[Symbol.asyncDispose]();
});

async function headThrough(harness: Harness, lines: readonly string[], localAddress = '127.0.0.1') {
  const before = harness.carried.length;
  const result = await harness.send(get('/a', ...lines), { responses: 1, localAddress });
  assert.equal(result.responses[0]?.status, 200, result.text);
  return (harness.carried[before] as Carried).exchange.head;
}

const claims = [
  'X-Forwarded-For: 203.0.113.9',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil.test',
  'X-Forwarded-Port: 1',
  'X-Forwarded-Prefix: /x',
  'X-Forwarded-Uri: /public',
  'X-Forwarded-Method: GET',
  'X-Forwarded-Server: x',
  'X-Real-IP: 203.0.113.9',
  'Forwarded: for=203.0.113.9;proto=https',
];

test('HP-079 HP-080: by default nobody is believed, and what they say goes no further', async () => {
  const head = await headThrough(untrusting, claims);
  assert.deepEqual(head.client, {
    address: '127.0.0.1',
    scheme: 'http',
    certificateThumbprint: null,
  });
  assert.deepEqual(head.headers, ['host', 'app.test']);
});

test('HP-080: a peer outside of the list is not believed, whatever others are', async () => {
  await using narrow = await startDoor({ listen: { trustedProxies: ['127.0.0.2'] } });
  assert.equal((await headThrough(narrow, claims)).client.address, '127.0.0.1');
  assert.deepEqual((await headThrough(narrow, claims, '127.0.0.2')).client, {
    address: '203.0.113.9',
    scheme: 'https',
    certificateThumbprint: null,
  });
});

const walks: readonly (readonly [title: string, lines: readonly string[], address: string])[] = [
  ['no header', [], '127.0.0.1'],
  ['one address', ['X-Forwarded-For: 203.0.113.9'], '203.0.113.9'],
  ['a spoofed first entry', ['X-Forwarded-For: 198.51.100.1, 203.0.113.9'], '203.0.113.9'],
  ['trusted proxies on the right', ['X-Forwarded-For: 203.0.113.9, 10.1.1.1, 10.2.2.2'], '203.0.113.9'],
  ['a spoofed entry that looks trusted', ['X-Forwarded-For: 10.9.9.9, 203.0.113.9, 10.2.2.2'], '203.0.113.9'],
  ['trusted entries alone', ['X-Forwarded-For: 10.9.9.9, 10.2.2.2'], '10.9.9.9'],
  ['two lines', ['X-Forwarded-For: 198.51.100.1', 'X-Forwarded-For: 203.0.113.9'], '203.0.113.9'],
  ['a port', ['X-Forwarded-For: 203.0.113.9:4711'], '203.0.113.9'],
  ['IPv6', ['X-Forwarded-For: 2001:DB9::1'], '2001:db9::1'],
  ['IPv6 with brackets and port', ['X-Forwarded-For: [2001:db9::1]:443'], '2001:db9::1'],
  ['IPv6 in quotes', ['X-Forwarded-For: "[2001:db9::1]:443"'], '2001:db9::1'],
  ['a trusted IPv6 proxy', ['X-Forwarded-For: 203.0.113.9, 2001:db8::5'], '203.0.113.9'],
  ['IPv4-mapped IPv6', ['X-Forwarded-For: 203.0.113.9, ::ffff:10.0.0.1'], '203.0.113.9'],
  ['unknown', ['X-Forwarded-For: 203.0.113.9, unknown'], '127.0.0.1'],
  ['unknown behind a proxy', ['X-Forwarded-For: unknown, 10.0.0.1'], '10.0.0.1'],
  ['an obfuscated identifier', ['X-Forwarded-For: _hidden, 10.0.0.1'], '10.0.0.1'],
  ['empty entries', ['X-Forwarded-For: , ,'], '127.0.0.1'],
  ['garbage', ['X-Forwarded-For: <script>, 999.1.1.1, [::1'], '127.0.0.1'],
  [
    '500 untrusted entries',
    [`X-Forwarded-For: ${Array.from({ length: 500 }, () => '203.0.113.9').join(',')}`],
    '203.0.113.9',
  ],
  [
    '500 trusted entries',
    [`X-Forwarded-For: ${Array.from({ length: 500 }, () => '10.0.0.1').join(',')}`],
    '10.0.0.1',
  ],
  ['Forwarded alone, which is not read', ['Forwarded: for=203.0.113.9'], '127.0.0.1'],
  ['X-Real-IP alone, which is not read', ['X-Real-IP: 203.0.113.9'], '127.0.0.1'],
];

for (const [title, lines, address] of walks) {
  test(`HP-079: from a trusted proxy, ${title}: the client is ${address}`, async () => {
    assert.equal((await headThrough(trusting, lines)).client.address, address);
  });
}

test('HP-080 RT-051: a scheme is http or https, and nothing else is believed', async () => {
  const rows: readonly (readonly [readonly string[], string])[] = [
    [['X-Forwarded-Proto: https'], 'https'],
    [['X-Forwarded-Proto: http'], 'http'],
    [['X-Forwarded-Proto: javascript'], 'http'],
    [['X-Forwarded-Proto: https, http'], 'http'],
    [['X-Forwarded-Proto: HTTPS'], 'http'],
    [['X-Forwarded-Proto: https', 'X-Forwarded-Proto: https'], 'http'],
  ];
  for (const [lines, scheme] of rows)
    assert.equal((await headThrough(trusting, lines)).client.scheme, scheme);
});

test('HP-080 RT-051: X-Forwarded-Host names nothing, not even from a trusted proxy', async () => {
  const head = await headThrough(trusting, ['X-Forwarded-Host: evil.test', 'X-Forwarded-Host: javascript:1']);
  assert.equal(head.host, 'app.test');
});

test('an address that a log names is never more than an address', async () => {
  await headThrough(trusting, ['X-Forwarded-For: \x1b[31m{"level":"info"}']).catch(() => undefined);
  for (const { client } of trusting.finished) assert.match(client, /^[0-9a-f.:]+$/);
});
