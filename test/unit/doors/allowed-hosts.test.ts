import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHostCheck } from '../../../src/doors/allowed-hosts.ts';
import { get, message, startDoor } from './door-harness.ts';

const publicUrl = new URL('https://app.test');

test('without `*`, the host of publicUrl and those of the list are served', () => {
  const check = createHostCheck(publicUrl, ['other.test:8443']);
  for (const host of ['app.test', 'APP.test', 'app.test:443'])
    assert.deepEqual(check(host), { host: 'app.test' });
  assert.deepEqual(check('Other.test:8443'), { host: 'other.test:8443' });
  for (const host of ['other.test', 'evil.test', 'app.test:80']) assert.equal(check(host), 'host-unknown');
});

test('with `*`, every host is served in one spelling, and what is no host is refused all the same', () => {
  const check = createHostCheck(publicUrl, ['*']);
  assert.deepEqual(check('app.test'), { host: 'app.test' });
  assert.deepEqual(check('Any.Test:443'), { host: 'any.test' });
  assert.deepEqual(check('10.0.0.1:8080'), { host: '10.0.0.1:8080' });
  assert.deepEqual(check('[::1]:8080'), { host: '[::1]:8080' });
  for (const host of ['', '*', 'a b', 'a@b', 'a/b', 'a:99999', 'a_b', `${'a'.repeat(300)}`])
    assert.equal(check(host), 'host-invalid', host);
});

test('with `*`, requests still need exactly one host', async () => {
  await using harness = await startDoor({ listen: { hosts: ['*'] } });
  const bytes = message('GET /a HTTP/1.1', 'Host: Any.Test');
  const { responses } = await harness.send(bytes, { responses: 1 });
  assert.equal(responses[0]?.status, 200);
  assert.equal(harness.carried[0]?.exchange.head.host, 'any.test');
  assert.equal((await harness.send(get('/a', 'Host: b.test'))).responses[0]?.status, 400);
  assert.equal((await harness.send('GET /a HTTP/1.1\r\n\r\n')).responses[0]?.status, 400);
});
