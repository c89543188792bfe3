/** Catalogue 6, RT-001 to RT-015 and RT-040 to RT-045: one reading of a request target, or a refusal. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { matchingPath } from '../../src/core/matching-path.ts';
import { parseCanonicalUrl } from '../../src/doors/canonical-url.ts';
import { type Carried, get, message, startDoor } from '../unit/doors/door-harness.ts';

const harness = await startDoor();
after(() => harness[Symbol.asyncDispose]());

/** Null is a refusal; a string is the one path that is judged and forwarded. */
const rows: readonly (readonly [id: string, target: string, path: string | null])[] = [
  ['RT-001', '/x/../admin', '/admin'],
  ['RT-001', '/./admin', '/admin'],
  ['RT-001', '/x/./../admin', '/admin'],
  ['RT-001', '/public/../../admin', '/admin'],
  ['RT-001', '/public/%2e%2E/admin', '/admin'],
  ['RT-001', '/public/.%2e/admin/.', '/admin/'],
  ['RT-001', '/..', '/'],
  ['RT-003', '/public/..%2fadmin', null],
  ['RT-003', '/public/%2e%2e%2Fadmin', null],
  ['RT-003', '/public/..%5cadmin', null],
  ['RT-004', '/public/%252e%252e/admin', null],
  ['RT-004', '/public/%25%32%65%25%32%65/admin', null],
  ['RT-004', '/public/%252f..%252fadmin', null],
  ['RT-004', '/public/%255cadmin', null],
  ['RT-004', '/public/%252525', null],
  ['RT-004', '/%2561dmin', null],
  ['RT-004', '/_next/[...slug].js', '/_next/%5B...slug%5D.js'],
  ['RT-004', '/a...b', '/a...b'],
  ['RT-004', '/..foo', '/..foo'],
  ['RT-004', '/foo..', '/foo..'],
  ['RT-004', '/100%25', '/100%25'],
  ['RT-004', '/.well-known/x', '/.well-known/x'],
  ['RT-005', '/public/..;/admin', null],
  ['RT-005', '/public/..;a=b/admin', null],
  ['RT-005', '/public/..%3b/admin', null],
  ['RT-005', '/public/.;/admin', null],
  ['RT-005', '/;/admin', null],
  ['RT-005', '/%3Bx/admin', null],
  ['RT-005', '/admin;x', '/admin;x'],
  ['RT-006', '//admin', '/admin'],
  ['RT-006', '/public//admin', '/public/admin'],
  ['RT-006', '/admin//', '/admin/'],
  ['RT-006', '///admin', '/admin'],
  ['RT-006', '//evil.test/admin', '/evil.test/admin'],
  ['RT-007', '/x\\..\\admin', null],
  ['RT-007', '/public\\..\\admin', null],
  ['RT-007', '/%5cadmin', null],
  ['RT-008', '/ADMIN', '/ADMIN'],
  ['RT-008', '/adm%69n', '/admin'],
  ['RT-008', '/%61dmin', '/admin'],
  ['RT-009', '/admin%00', null],
  ['RT-009', '/public%00/../admin', null],
  ['RT-009', '/admin%09', null],
  ['RT-009', '/admin%0a', null],
  ['RT-009', '/admin%7f', null],
  ['RT-009', '/admin%20', '/admin%20'],
  ['RT-009', '/admin.', '/admin.'],
  ['RT-009', '/admin%2e', '/admin.'],
  ['RT-009', '/admin/.css', '/admin/.css'],
  ['RT-009', '/admin.json', '/admin.json'],
  ['RT-010', '/public/%c0%ae%c0%ae/admin', null],
  ['RT-010', '/public/%e0%80%ae%e0%80%ae/admin', null],
  ['RT-010', '/public/%f0%80%80%ae/admin', null],
  ['RT-010', '/public/%uff0e%uff0e/admin', null],
  ['RT-010', '/public/%ef%bc%8e%ef%bc%8e/admin', null],
  ['RT-010', '/public/%e2%80%a5/admin', null],
  ['RT-010', '/public/..%ef%bc%8fadmin', null],
  ['RT-010', '/public/\u00ef\u00bc\u008e\u00ef\u00bc\u008e/admin', null],
  ['RT-010', '/%ed%a0%80', null],
  ['RT-010', '/caf%c3%a9', '/caf%C3%A9'],
  ['RT-010', '/%e7%a7%81%ef%bc%9f', '/%E7%A7%81%EF%BC%9F'],
  ['RT-012', '/adm%c4%b1n', '/adm%C4%B1n'],
  ['RT-012', '/%e2%84%aa', '/%E2%84%AA'],
  ['RT-013', '/admin/%', null],
  ['RT-013', '/admin/%zz', null],
  ['RT-013', '/%', null],
  ['RT-013', '/%2', null],
  ['RT-013', '/%2 ', null],
  ['RT-014', '?/admin', null],
  ['RT-014', '*', null],
  ['RT-014', '', null],
  ['RT-014', 'admin', null],
  ['RT-014', '/[x]', '/%5Bx%5D'],
  ['RT-014', '/{id}', '/%7Bid%7D'],
  ['RT-014', '/a|b', '/a%7Cb'],
  ['RT-014', '/a%7cb', '/a%7Cb'],
  ['RT-014', '/^`', '/%5E%60'],
  ['RT-014', '/<>"', '/%3C%3E%22'],
  ['RT-043', '/public#/../admin', null],
  ['RT-043', '/admin#/public', null],
  ['RT-043', '/foo?secret#/bar', null],
  ['RT-044', '/public%23/../admin', '/admin'],
  ['RT-044', '/public%3f/../admin', '/admin'],
  ['RT-044', '/public%3fx', '/public%3Fx'],
  ['RT-045', 'http://public.example/admin', null],
  ['RT-045', 'http://h//admin', null],
];

for (const [id, target, path] of rows) {
  test(`${id}: the target ${JSON.stringify(target)} is ${path === null ? 'refused' : `read as ${path}`}`, () => {
    const url = parseCanonicalUrl(target);
    assert.deepEqual(typeof url === 'string' ? null : url.path, path);
    // What has been made canonical is canonical: nothing behind the door can make it anything else.
    if (typeof url !== 'string') assert.deepEqual(parseCanonicalUrl(url.path), url);
  });
}

test('RT-001 to RT-045: the listener answers a refused target with 400 and carries the others as they were judged', async () => {
  for (const [id, target, path] of rows) {
    if (target === '' || target.includes(' ')) continue;
    const before = harness.carried.length;
    const { responses } = await harness.send(message(`GET ${target} HTTP/1.1`, 'Host: app.test'), {
      responses: 1,
    });
    assert.equal(responses[0]?.status, path === null ? 400 : 200, `${id} ${target}`);
    assert.equal(harness.carried[before]?.target, path ?? undefined, `${id} ${target}`);
  }
});

test('RT-005: path parameters and encodings that need not be are ignored when a path is matched', () => {
  const matching: readonly (readonly [string, string])[] = [
    ['/admin;x', '/admin'],
    ['/admin;.css', '/admin'],
    ['/admin;a=b/users;c', '/admin/users'],
    ['/admin%3Bx/users', '/admin/users'],
    ['/%40admin', '/@admin'],
    ['/admin%20', '/admin '],
    ['/%5Bx%5D', '/[x]'],
    ['/a%25b', '/a%25b'],
    ['/a%3Fb%23c', '/a%3Fb%23c'],
    ['/caf%C3%A9', '/caf%C3%A9'],
    ['/plain', '/plain'],
  ];
  for (const [path, expected] of matching) assert.equal(matchingPath(path), expected);
});

test('RT-015: long targets cost time in proportion to their length', () => {
  const hostile = [
    '../'.repeat(10_000),
    'a/'.repeat(40_000),
    './'.repeat(40_000),
    '/'.repeat(80_000),
    '%2e%2e/'.repeat(10_000),
    ';/'.repeat(40_000),
    `${'..'.repeat(40_000)};`,
    '%25'.repeat(25_000),
  ];
  for (const path of hostile) {
    const startedAt = performance.now();
    for (let i = 0; i < 10; i++) parseCanonicalUrl(`/${path}`);
    assert.ok(performance.now() - startedAt < 1000, `${path.slice(0, 10)} takes too long`);
  }
});

test('RT-040: the query is carried byte for byte', async () => {
  const queries = [
    '?',
    '??',
    '?a=1&a=2&b',
    '?b&a=%2F%2f',
    '?a+b=c%20d;e',
    '?%zz',
    '?/../admin',
    '?"<>[]{}|^`\\',
    `?${'q'.repeat(8000)}`,
  ];
  for (const query of queries) {
    const before = harness.carried.length;
    const { responses } = await harness.send(get(`/a/../b${query}`), { responses: 1 });
    assert.equal(responses[0]?.status, 200, query);
    assert.equal((harness.carried[before] as Carried).target, `/b${query}`);
  }
});

test('RT-041: a query says nothing about the path', () => {
  for (const target of ['/admin?x=/public/', '/admin?/public', '/admin?/../public']) {
    const url = parseCanonicalUrl(target);
    assert.equal(typeof url === 'string' ? null : url.path, '/admin');
  }
});

/** What applications do to a path before they look at it, all at once and in the order most dangerous to us. */
function resolveLeniently(path: string): string {
  const decoded = decodeURIComponent(path).replaceAll('\\', '/').toLowerCase();
  const kept: string[] = [];
  for (const segment of decoded.split('/').map((text) => text.replace(/;.*$/s, ''))) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

const isUnder = (path: string, prefix: string) => path === prefix || path.startsWith(`${prefix}/`);

const piece = fc.constantFrom(
  ...[
    '/',
    '//',
    '.',
    '..',
    '../',
    './',
    ';',
    '..;',
    ';a=b',
    '\\',
    '%',
    '%2',
    '#',
    '?',
    '*',
    '|',
    '[',
    '}',
    '~',
    ':',
    '@',
  ],
  ...[
    'admin',
    'ADMIN',
    'Admin',
    'adm',
    'in',
    'public',
    '/public/',
    '/admin/',
    'x',
    '.css',
    '%61dmin',
    '%41DMIN',
    'adm%69n',
  ],
  ...[
    '%2e',
    '%2E',
    '%2e%2e',
    '%2f',
    '%2F',
    '%5c',
    '%5C',
    '%3b',
    '%3B',
    '%00',
    '%0a',
    '%20',
    '%25',
    '%252e',
    '%252f',
    '%2525',
  ],
  ...[
    '%23',
    '%3f',
    '%c0%ae',
    '%e0%80%ae',
    '%ef%bc%8e',
    '%ef%bc%8f',
    '%c4%b1',
    '%ff',
    '%uff0e',
    '\u00e9',
    ' ',
    '\t',
    '%40',
    '%7e',
  ],
);
const anyTarget = fc.oneof(
  { weight: 6, arbitrary: fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`) },
  { weight: 2, arbitrary: fc.array(piece, { maxLength: 8 }).map((pieces) => `/public/${pieces.join('')}`) },
  { weight: 1, arbitrary: fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')) },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }).map((text) => `/${text}`) },
);

test('RT-001 to RT-045: no generated target is under /admin to an application and outside of it to a route', () => {
  let passed = 0;
  fc.assert(
    fc.property(anyTarget, (target) => {
      const url = parseCanonicalUrl(target);
      if (typeof url === 'string') return;
      passed += 1;
      assert.match(url.path, /^\/[\x21-\x7e]*$/);
      assert.doesNotMatch(url.path, /\\|#|\?|\/\/|\/\.{1,2}(?:\/|$)|%(?![0-9A-F]{2})|%(?:00|2F|5C|2E)/);
      assert.deepEqual(parseCanonicalUrl(url.path + url.search), url);
      const judged = matchingPath(url.path);
      const resolved = resolveLeniently(url.path);
      if (isUnder(resolved, '/admin'))
        assert.ok(isUnder(judged.toLowerCase(), '/admin'), `${target} → ${judged}`);
      if (isUnder(judged, '/public')) assert.ok(isUnder(resolved, '/public'), `${target} → ${resolved}`);
    }),
    { numRuns: 10_000 },
  );
  assert.ok(passed > 1000, `only ${passed} of the targets were not refused`);
});

test('RT-001 to RT-045: every target is read in bounded time and without a throw, whatever its characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      parseCanonicalUrl(text);
      parseCanonicalUrl(`/${text}`);
    }),
    { numRuns: 10_000 },
  );
});
