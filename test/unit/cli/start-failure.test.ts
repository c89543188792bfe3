import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultLine } from '../../../src/cli/guard-process.ts';
import { describeStartFailure } from '../../../src/cli/start-failure.ts';
import { SallyportError } from '../../../src/core/errors.ts';

const system = (fields: Record<string, unknown>) => Object.assign(new Error('internals'), fields);

for (const [title, error, expected] of [
  [
    'a port that is taken',
    system({ code: 'EADDRINUSE', syscall: 'listen', address: '127.0.0.1', port: 80 }),
    /^cannot listen on 127\.0\.0\.1:80: another process/,
  ],
  [
    'a port that needs rights',
    system({ code: 'EACCES', syscall: 'listen', address: '::', port: 80 }),
    /^cannot listen on \[::\]:80: this user may not/,
  ],
  [
    'an address of another machine',
    system({ code: 'EADDRNOTAVAIL', syscall: 'listen', address: '192.0.2.1', port: 80 }),
    /does not have the address$/,
  ],
  [
    'a folder without rights',
    system({ code: 'EACCES', path: '/data' }),
    /^cannot use \/data: this user may not/,
  ],
  ['a read-only disk', system({ code: 'EROFS', path: '/data' }), /read-only$/],
  ['a full disk', system({ code: 'ENOSPC', path: '/data' }), /disk is full$/],
  ['a damaged database', system({ errcode: 11 }), /is damaged/],
  ['a file that is no database', system({ errcode: 26 }), /is not a database/],
  ['a database on a full disk', system({ errcode: 13 }), /the disk is full$/],
  ['an extended result code', system({ errcode: 266 }), /the disk fails/],
  [
    'an operational failure',
    new SallyportError('ERR_STORE_UNAVAILABLE', 'the store\nis away'),
    /^cannot start: the store is away \(ERR_STORE_UNAVAILABLE\)$/,
  ],
  [
    'an operational failure with a cause that says more',
    new SallyportError('ERR_STORE_UNAVAILABLE', 'x', { cause: system({ code: 'ENOTDIR', path: '/a/b' }) }),
    /^cannot use \/a\/b: a part of the path is not a directory$/,
  ],
  ['anything else', new Error('odd\nthing'), /^cannot start: odd thing$/],
  ['what is no error', 'x', /^cannot start: unexpected error$/],
] as const) {
  test(`${title} is one sentence without a stack`, () => {
    const sentence = describeStartFailure(error);
    assert.match(sentence, expected);
    assert.ok(!sentence.includes('\n'));
  });
}

test('FL-072: a failure that nobody caught is logged with its place and without its message', () => {
  const error = Object.assign(new TypeError('the token eyJ.secret'), { code: 'ERR_X' });
  const line = faultLine('unhandled rejection', error);
  assert.equal(line.split('\n').length, 2);
  const logged = JSON.parse(line) as Record<string, unknown>;
  assert.equal(logged.code, 'ERR_INTERNAL');
  assert.equal(logged.error, 'TypeError');
  assert.equal(logged.cause, 'ERR_X');
  assert.ok((logged.stack as string[])[0]?.includes('start-failure.test.ts'));
  assert.doesNotMatch(line, /secret/);
  assert.doesNotMatch(faultLine('unhandled rejection', 'secret'), /secret/);
});
