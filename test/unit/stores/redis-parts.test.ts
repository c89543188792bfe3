/** The small parts of the Redis store: slots, back-off, records as bytes, failures as stable words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionTimeoutError, ErrorReply, SocketClosedUnexpectedlyError } from '@redis/client';
import { backoff } from '../../../src/stores/redis/backoff.ts';
import { hashSlot } from '../../../src/stores/redis/hash-slot.ts';
import { decodeRecord, encodeTail, timeToLive } from '../../../src/stores/redis/record-format.ts';
import { redirection, redisUnavailable } from '../../../src/stores/redis/redis-error.ts';

test('slots are those of the cluster specification', () => {
  assert.equal(hashSlot('123456789'), 0x31c3);
  assert.equal(hashSlot('foo'), 12182);
  assert.equal(hashSlot('{user1000}.following'), hashSlot('user1000'));
  assert.equal(hashSlot('foo{}{bar}'), 8363);
  assert.equal(hashSlot('foo{{bar}}zap'), hashSlot('{bar'));
});

test('FL-009: the back-off doubles up to two seconds, with chance in it', () => {
  const lowest = () => Buffer.from([0, 0]);
  const highest = () => Buffer.from([0xff, 0xff]);
  assert.equal(backoff(1, lowest), 25);
  assert.ok(backoff(1, highest) > 49 && backoff(1, highest) < 50);
  assert.equal(backoff(2, lowest), 50);
  assert.equal(backoff(1000, lowest), 500);
  assert.ok(backoff(1000, highest) < 1000);
});

/** As the server puts it together. */
function stored(version: number, tail: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head[0] = 1;
  head.writeDoubleBE(version, 1);
  return Buffer.concat([head, tail]);
}

test('a record comes back as it was written: label, no label, an empty one', () => {
  for (const label of [undefined, Buffer.alloc(0), Buffer.from('label'), Buffer.alloc(2048, 1)]) {
    const entry = {
      value: Buffer.from('value'),
      expiresAt: 1.5e12,
      ...(label === undefined ? {} : { label }),
    };
    const record = decodeRecord(stored(2 ** 53 - 1, encodeTail(entry)));
    assert.deepEqual(record, {
      value: entry.value,
      label: label ?? null,
      version: 2 ** 53 - 1,
      expiresAt: entry.expiresAt,
    });
  }
  assert.throws(
    () => encodeTail({ value: Buffer.alloc(0), expiresAt: 1, label: Buffer.alloc(2049) }),
    RangeError,
  );
});

test('FL-008: a record that is cut or of another format is nothing of ours, wherever it is cut', () => {
  const whole = stored(7, encodeTail({ value: Buffer.alloc(0), expiresAt: 1, label: Buffer.from('label') }));
  for (let length = 0; length < whole.length; length += 1) {
    assert.equal(decodeRecord(whole.subarray(0, length)).version, 0);
  }
  assert.equal(decodeRecord(whole).version, 7);
  whole[0] = 2;
  assert.equal(decodeRecord(whole).version, 0);
});

test('FL-050: a time to live is a positive whole number, or nothing, whatever the clock says', () => {
  assert.equal(timeToLive(1000, 0), 1000);
  assert.equal(timeToLive(0.2, 0), 1);
  for (const [expiresAt, now] of [
    [0, 0],
    [-5, 0],
    [0, 1e15],
    [Number.NaN, 0],
    [0, Number.NaN],
    [Number.NEGATIVE_INFINITY, 0],
  ] as const) {
    assert.equal(timeToLive(expiresAt, now), 0);
  }
  for (const far of [Number.POSITIVE_INFINITY, Number.MAX_VALUE])
    assert.ok(Number.isSafeInteger(timeToLive(far, 0)));
});

const failures: readonly (readonly [detail: string, error: Error])[] = [
  ['read-only', new ErrorReply("READONLY You can't write against a read only replica.")],
  ['loading', new ErrorReply('LOADING Redis is loading the dataset in memory')],
  ['loading', new ErrorReply('MASTERDOWN Link with MASTER is down')],
  ['cluster-down', new ErrorReply('CLUSTERDOWN The cluster is down')],
  ['cluster-down', new ErrorReply('MOVED 1 10.0.0.1:6379')],
  ['authentication', new ErrorReply('NOAUTH Authentication required.')],
  ['authentication', new ErrorReply('WRONGPASS invalid username-password pair')],
  ['permission', new ErrorReply("NOPERM this user has no permissions to run the 'get' command")],
  ['full', new ErrorReply("OOM command not allowed when used memory > 'maxmemory'.")],
  ['disk', new ErrorReply('MISCONF Redis is configured to save RDB snapshots')],
  ['busy', new ErrorReply('BUSY Redis is busy running a script.')],
  ['refused-command', new ErrorReply('ERR unknown command')],
  ['connect-timeout', new ConnectionTimeoutError()],
  ['closed', new SocketClosedUnexpectedlyError()],
  ['refused', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
  ['name-not-found', Object.assign(new Error('x'), { code: 'ENOTFOUND' })],
  ['tls', Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })],
  ['tls', Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })],
  ['failed', Object.assign(new Error('x'), { code: 'ESOMETHING' })],
];

for (const [detail, error] of failures) {
  const what = 'code' in error ? error.code : `${error.constructor.name} ${error.message.split(' ')[0]}`;
  test(`FL-006: ${what} is told as ${detail}, to be tried again`, () => {
    const told = redisUnavailable(error, { host: 'host', port: 1 });
    assert.equal(told.code, 'ERR_STORE_UNAVAILABLE');
    assert.equal(told.detail, detail);
    assert.ok((told.retryAfter ?? 0) > 0);
  });
}

test('only MOVED and ASK of the server lead elsewhere', () => {
  assert.deepEqual(redirection(new ErrorReply('MOVED 3999 10.0.0.1:6381')), {
    kind: 'MOVED',
    to: '10.0.0.1:6381',
  });
  assert.deepEqual(redirection(new ErrorReply('ASK 3999 :6381')), { kind: 'ASK', to: ':6381' });
  for (const error of [
    new Error('MOVED 3999 10.0.0.1:6381'),
    new ErrorReply('MOVED'),
    new ErrorReply('MOVED x y z'),
  ]) {
    assert.equal(redirection(error), null);
  }
});
