/** What `session.keys` may be, and that whatever it may not be is refused with what to write instead. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import { formatProblems } from '../../../src/config/problem.ts';
import { keysSchema, readRing, revealed } from '../../../src/keys/key-config.ts';
import { complaints, configOf, problemsOf, validConfig } from '../../support/configs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const keys = Array.from({ length: 17 }, () => randomBytes(32));
const texts = keys.map((key) => key.toString('base64'));
const [one = '', two = '', three = ''] = texts;

function ringsOf(value: unknown): { cookies: readonly Buffer[]; tokens: readonly Buffer[] } {
  const config = configOf(parseConfig({ ...validConfig(), session: { keys: value } }));
  const read = (ring: 'cookies' | 'tokens') => {
    const result = readRing((config.session.keys?.[ring] ?? []).map(revealed));
    assert.ok(result.ok);
    return result.keys;
  };
  return { cookies: read('cookies'), tokens: read('tokens') };
}

for (const [title, text, count] of [
  ['with the newline that a file ends in', `${one}\n`, 1],
  ['with blanks around it', ` ${one}\r\n`, 1],
  ['one a line, with blank lines and comments', `# ring\n\n${one} # next\r\n${two}\n# ${three}\n`, 2],
  ['separated by commas, as in a variable', `${one}, ${two},${three},`, 3],
] as const) {
  test(`an entry holds keys ${title}`, () => {
    const expected = keys.slice(0, count);
    assert.deepEqual(ringsOf([text]), { cookies: expected, tokens: expected });
  });
}

test('a list is both rings, and each may have a list of its own', () => {
  assert.deepEqual(ringsOf([one, two]), { cookies: keys.slice(0, 2), tokens: keys.slice(0, 2) });
  assert.deepEqual(ringsOf({ cookies: [one], tokens: [`${two}\n${three}`] }), {
    cookies: keys.slice(0, 1),
    tokens: keys.slice(1, 3),
  });
});

const howTo = 'write 32 random bytes in base64, as `sallyport keys generate` prints them';
const wrong: readonly (readonly [string, unknown, string])[] = [
  ['no key at all', [''], `session.keys[0]: has no key: ${howTo}`],
  ['comments alone', ['# later\n\n'], `session.keys[0]: has no key: ${howTo}`],
  ['a word', ['secret'], `session.keys[0]: is not a key: ${howTo}`],
  ['16 bytes', [one, randomBytes(16).toString('base64')], `session.keys[1]: is not a key: ${howTo}`],
  ['33 bytes', [randomBytes(33).toString('base64')], `session.keys[0]: is not a key: ${howTo}`],
  ['hexadecimal', [keys[0]?.toString('hex')], `session.keys[0]: is not a key: ${howTo}`],
  ['a padding too many', [`${one}=`], `session.keys[0]: is not a key: ${howTo}`],
  ['one bad line', [`${one}\n${two}\nthird`], `session.keys[0]: line 3 is not a key: ${howTo}`],
  [
    'one byte over and over',
    [Buffer.alloc(32).toString('base64')],
    `session.keys[0]: is not random, every byte of the key is the same: ${howTo}`,
  ],
  ['an empty list', [], 'session.keys: is empty: it needs at least one entry'],
  [
    'an empty ring',
    { cookies: [one], tokens: [] },
    'session.keys.tokens: is empty: it needs at least one entry',
  ],
  ['one ring alone', { cookies: [one] }, 'session.keys.tokens: is missing: a list'],
  [
    'a mistyped ring',
    { cookies: [one], tokens: [two], token: [two] },
    'session.keys.token: is not known here',
  ],
  ['text in place of a list', one, 'session.keys: must be a list or a mapping'],
];
for (const [title, value, expected] of wrong) {
  test(`${title} is refused with what to write instead`, () => {
    const found = complaints({ ...validConfig(), session: { keys: value } });
    assert.deepEqual(found, [expected]);
    for (const text of texts) assert.equal(found.join().includes(text), false);
  });
}

test('a key that is there twice, and more than sixteen, are refused by ring', () => {
  const [twice] = complaints({ ...validConfig(), session: { keys: [one, `${two}\n${one}`] } });
  assert.match(twice ?? '', /^session\.keys: has the key [0-9a-f]{16} twice: remove one of them$/);
  const inOne = complaints({
    ...validConfig(),
    session: { keys: { cookies: [`${one},${one}`], tokens: [two] } },
  });
  assert.match(
    inOne.join('|'),
    /^session\.keys\.cookies\[0\]: has the key [0-9a-f]{16} twice: remove one of them$/,
  );
  const many = complaints({
    ...validConfig(),
    session: { keys: [texts.slice(0, 9).join(), texts.slice(9).join()] },
  });
  assert.deepEqual(many, ['session.keys: has 17 keys, and a ring at most 16: remove the oldest']);
  assert.equal(ringsOf([texts.slice(0, 16).join('\n')]).tokens.length, 16);
});

test('a file is remembered with its full path, relative to the configuration file', (context) => {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, 'keys'));
  writeFileSync(join(folder, 'keys/ring'), `${one}\n${two}\n`);
  const file = join(folder, 'sallyport.json');
  writeFileSync(
    file,
    JSON.stringify({ ...validConfig(), session: { keys: [{ file: 'keys/ring' }, three] } }),
  );
  const config = configOf(loadConfig({ file, env: {} }));
  assert.deepEqual(config.session.keys?.tokens.map(revealed), [
    { file: join(folder, 'keys/ring'), text: `${one}\n${two}` },
    { file: null, text: three },
  ]);
  assert.equal(JSON.stringify(config).includes(one), false);
  assert.equal(inspect(config, { depth: 9 }).includes(one), false);
});

test('the environment sets rings: whole, by entry, and by reference', (context) => {
  const file = join(temporaryFolder(context), 'ring');
  writeFileSync(file, `${one}\n${two}\n`);
  const written = (env: Record<string, string>) => {
    const config = configOf(parseConfig(validConfig(), env));
    const { cookies = [], tokens = [] } = config.session.keys ?? {};
    return [cookies.map(revealed), tokens.map(revealed)];
  };
  const fromFile = { file, text: `${one}\n${two}` };
  const literal = (text: string) => ({ file: null, text });
  const both = (...entries: readonly unknown[]) => [entries, entries];
  assert.deepEqual(written({ SALLYPORT_SESSION__KEYS: `${one},${two}` }), both(literal(one), literal(two)));
  assert.deepEqual(written({ SALLYPORT_SESSION__KEYS__0__FILE: file }), both(fromFile));
  assert.deepEqual(
    written({ SALLYPORT_SESSION__KEYS__0__ENV: 'RING', RING: `${one},${two}` }),
    both(literal(`${one},${two}`)),
  );
  const apart = {
    SALLYPORT_SESSION__KEYS__COOKIES__0: three,
    SALLYPORT_SESSION__KEYS__TOKENS__0__FILE: file,
  };
  assert.deepEqual(written(apart), [[literal(three)], [fromFile]]);
});

test('a file that cannot be used is one problem that names option and path, and nothing of its content', (context) => {
  const folder = temporaryFolder(context);
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
  write('empty', '');
  write('large', 'A'.repeat(64 * 1024 + 1));
  write('broken', `${one}\n${two.slice(0, 20)}\n`);
  const reasons = {
    absent: `the file ${folder}/absent cannot be read (ENOENT)`,
    '.': `the file ${folder} is no regular file`,
    empty: `the file ${folder}/empty is empty`,
    large: `the file ${folder}/large is larger than 64 KiB`,
    broken: `the file ${folder}/broken: line 2 is not a key: ${howTo}`,
  };
  for (const [name, reason] of Object.entries(reasons)) {
    const keys = [{ file: join(folder, name) }];
    const problems = problemsOf(parseConfig({ ...validConfig(), session: { keys } }));
    assert.deepEqual(
      problems.map(({ path, reason }) => [path, reason]),
      [['session.keys[0]', reason]],
    );
    assert.equal(formatProblems(problems).includes(one), false);
    assert.equal(formatProblems(problems).includes(two.slice(0, 20)), false);
  }
});

test('a variable that is not set, and a reference of another kind, are one problem each', () => {
  for (const [entry, reason] of [
    [{ env: 'NO_RING' }, 'the environment variable NO_RING is not set'],
    [{ path: '/x' }, 'is neither text nor a reference: write { env: NAME } or { file: path }'],
    [{ file: '' }, 'is neither text nor a reference: write { env: NAME } or { file: path }'],
  ] as const) {
    assert.deepEqual(complaints({ ...validConfig(), session: { keys: [entry] } }), [
      `session.keys[0]: ${reason}`,
    ]);
  }
});

test('does not print a key', () => {
  const parsed = keysSchema.parse([one]);
  for (const text of [inspect(parsed, { depth: 9 }), JSON.stringify(parsed)]) {
    assert.equal(text.includes(one.slice(0, 10)), false);
  }
});
