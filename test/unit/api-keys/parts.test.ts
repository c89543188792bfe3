/** The parts of API keys: the hash, the line before the hashing, and the section of the configuration. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { apiKeysSchema, parseExpiry } from '../../../src/api-keys/api-key-config.ts';
import { createHashingLine } from '../../../src/api-keys/hashing-line.ts';
import { hashApiKey, matches, mayMatch, parseKeyHash } from '../../../src/api-keys/key-hash.ts';
import { generateApiKey, nameInKey } from '../../../src/api-keys/key-text.ts';
import { systemRandom } from '../../../src/core/clock.ts';
import { SallyportError } from '../../../src/core/errors.ts';
import { cheapHash, makeKey, wrongKey } from '../../support/api-keys-fixture.ts';

test('a key has its name and 256 bits', () => {
  const key = generateApiKey('ci', (count) => Buffer.alloc(count, 255));
  assert.equal(key, `sp_ci_${'_'.repeat(42)}8`);
  assert.equal(nameInKey(key), 'ci');
  assert.equal(new Set(Array.from({ length: 100 }, () => makeKey('ci'))).size, 100);
});

test('a hash that was made is read again and fits its key alone', async () => {
  const key = makeKey('ci');
  const text = await hashApiKey(key, systemRandom);
  assert.match(text, /^scrypt\$32768\$8\$1\$/);
  assert.ok(!text.includes(key.slice(-43)));
  const hash = parseKeyHash(text) ?? assert.fail('is no hash');
  assert.equal(mayMatch(key, hash), true);
  assert.equal(await matches(key, hash), true);
  assert.equal(mayMatch(wrongKey(key), hash), false);
  assert.equal(await matches(wrongKey(key), hash), false);
});

const good = cheapHash(makeKey('ci')).split('$');
const changed = (index: number, part: string) => good.with(index, part).join('$');

test('a hash that is too cheap to be safe, too dear for strangers, or none, is refused', () => {
  assert.ok(parseKeyHash(good.join('$')) !== null);
  const wrong = {
    'another function': changed(0, 'bcrypt'),
    'N is too small': changed(1, '8192'),
    'N is no power of two': changed(1, '20000'),
    'N is nothing': changed(1, '0'),
    'more than 128 MiB': changed(1, '262144'),
    'more than 128 MiB by r': changed(2, '99'),
    'r is too small': changed(2, '1'),
    'p is nothing': changed(3, '0'),
    'p is too large': changed(3, '9'),
    'a short salt': changed(4, 'abc'),
    'a short check': changed(5, 'abc'),
    'a short hash': changed(6, 'abc'),
    'a part too many': `${good.join('$')}$`,
    nothing: '',
  };
  for (const [about, text] of Object.entries(wrong)) assert.equal(parseKeyHash(text), null, about);
});

test('the line lets some in at a time, and refuses when too many wait', async () => {
  const line = createHashingLine({ atOnce: 2, waiting: 1 });
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const begun: number[] = [];
  const done = gates.map(({ promise }, index) =>
    line.run(async () => {
      begun.push(index);
      await promise;
    }),
  );
  await turn();
  assert.deepEqual(begun, [0, 1]);
  await assert.rejects(
    line.run(async () => {}),
    (error) => error instanceof SallyportError && error.status === 503 && error.retryAfter === 1,
  );
  gates[1]?.reject(new Error('a failure gives its place back'));
  await assert.rejects(done[1] as Promise<void>);
  await turn();
  assert.deepEqual(begun, [0, 1, 2]);
  gates[0]?.resolve();
  gates[2]?.resolve();
  await Promise.all([done[0], done[2]]);
  assert.equal(await line.run(async () => 'free again'), 'free again');
});

test('an expiry is a date of the calendar, or a time with an offset', () => {
  assert.equal(parseExpiry('2030-02-01'), Date.UTC(2030, 1, 1));
  assert.equal(parseExpiry('2030-02-01T12:00:00+02:00'), Date.UTC(2030, 1, 1, 10));
  for (const text of ['2030-02-30', '2030-02-01T12:00:00', 'tomorrow', '', '1']) {
    assert.equal(parseExpiry(text), null, text);
  }
});

test('the section refuses what could never work', () => {
  const hash = cheapHash(makeKey('ci'));
  const sections: Record<string, Record<string, unknown>> = {
    'a header that means something else': { header: 'Authorization' },
    'a header that is none': { header: 'X Key' },
    'a name that cannot stand in a key': { keys: { 'a b': { hash } } },
    'a key without a hash': { keys: { ci: {} } },
    'a hash that is none': { keys: { ci: { hash: 'secret' } } },
    'a claim that is the name': { keys: { ci: { hash, claims: { sub: 'root' } } } },
    'two scopes in one': { keys: { ci: { hash, scopes: ['a b'] } } },
    'a member that is not known': { keys: { ci: { hash, scope: [] } } },
  };
  for (const [about, section] of Object.entries(sections)) {
    assert.equal(apiKeysSchema.safeParse(section).success, false, about);
  }
  assert.equal(apiKeysSchema.parse({}).header, 'X-Api-Key');
  assert.equal(apiKeysSchema.parse({ keys: { ci: { hash } } }).keys.ci?.expires, null);
});
