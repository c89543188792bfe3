/** The configuration of the Redis store: what is understood, and what is refused with which words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameOf, parseRedisUrl } from '../../../src/stores/redis/redis-url.ts';
import { redisSchema } from '../../../src/stores/redis-config.ts';
import { localhostCertificate } from '../../support/localhost-certificate.ts';

const nodes = ['10.0.0.1:6379', '[::1]:6380'];

test('one server, sentinels and a cluster are understood, with what is not said filled in', () => {
  const one = redisSchema.parse({ url: 'redis://host' });
  assert.equal(one.prefix, 'sallyport:');
  assert.equal(one.timeout, 500);
  assert.equal(one.connectTimeout, 2000);
  const sentinel = redisSchema.parse({ sentinel: { master: 'mymaster', nodes }, tls: {} });
  assert.deepEqual(sentinel.sentinel?.nodes[1], { host: '::1', port: 6380 });
  assert.equal(redisSchema.parse({ cluster: { nodes }, password: 'x' }).cluster?.nodes.length, 2);
});

const refused: readonly (readonly [what: string, config: object, message: RegExp])[] = [
  ['no place', {}, /write `url`, `sentinel` or `cluster`/],
  ['two places', { url: 'redis://host', cluster: { nodes } }, /keep one of `url`, `sentinel` and `cluster`/],
  ['another protocol', { url: 'http://host' }, /url.*write redis:\/\/host:6379/s],
  ['no address', { url: 'host:6379' }, /url.*write redis:\/\/host:6379/s],
  ['a path that is no database', { url: 'redis://host/sessions' }, /url.*number of a database/s],
  ['a query', { url: 'redis://host/0?tls=no' }, /url.*what follows/s],
  ['two users', { url: 'redis://me:x@host', username: 'me', password: 'y' }, /username.*in `url` too/s],
  ['two passwords', { url: 'redis://:x@host', password: 'y' }, /password.*in `url` too/s],
  ['a user without a password', { url: 'redis://host', username: 'me' }, /username.*write `password` too/s],
  [
    'tls on a plain address',
    { url: 'redis://host', tls: { ca: localhostCertificate } },
    /write `rediss:\/\/` in `url`/,
  ],
  ['half a client certificate', { url: 'rediss://host', tls: { key: 'k' } }, /both `certificate` and `key`/],
  ['no nodes', { cluster: { nodes: [] } }, /at least one node/],
  ['a prefix with a space', { url: 'redis://host', prefix: 'a b' }, /prefix.*without spaces/s],
  ['an empty prefix', { url: 'redis://host', prefix: '' }, /prefix/],
  ['no time at all', { url: 'redis://host', timeout: '0ms' }, /timeout.*10ms to 60s/s],
  ['a typing error', { url: 'redis://host', sentinal: {} }, /sentinal/],
];

for (const [what, config, message] of refused) {
  test(`${what} is refused with what to write instead`, () => {
    const outcome = redisSchema.safeParse(config);
    assert.equal(outcome.success, false);
    assert.match(JSON.stringify(outcome.error?.issues), message);
  });
}

test('no refusal quotes a password', () => {
  for (const url of [
    'redis://me:open-sesame@host/x',
    'http://me:open-sesame@host',
    'redis://me:open-sesame%@host',
  ]) {
    const outcome = redisSchema.safeParse({ url });
    assert.equal(outcome.success, false);
    assert.doesNotMatch(JSON.stringify(outcome.error), /sesame/);
  }
});

const addresses: readonly (readonly [text: string, name: string, rest: object])[] = [
  ['redis://host', 'host:6379', { tls: false, username: null, password: null, database: 0 }],
  [
    'rediss://me:p%40ss@host:7000/3',
    'host:7000',
    { tls: true, username: 'me', password: 'p@ss', database: 3 },
  ],
  ['redis://:only@[::1]:7000/', '[::1]:7000', { tls: false, username: null, password: 'only', database: 0 }],
  ['unix:///run/redis.sock', '/run/redis.sock', { tls: false, username: null, password: null, database: 0 }],
];

for (const [text, name, rest] of addresses) {
  test(`the address ${text} is understood`, () => {
    const parsed = parseRedisUrl(text);
    assert.ok(typeof parsed !== 'string', `${parsed}`);
    const { endpoint, ...others } = parsed;
    assert.equal(nameOf(endpoint), name);
    assert.deepEqual(others, rest);
  });
}
