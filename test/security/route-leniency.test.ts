/**
 * No spelling of a protected path comes to the application under a looser rule, whatever the application makes of it:
 * applications ignore case, strip parameters, decode, trim and merge, in any combination.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCanonicalUrl } from '../../src/doors/canonical-url.ts';
import { createRouteTable } from '../../src/pipeline/route-table.ts';
import { createRoute } from '../support/heads.ts';

type Reader = (path: string) => string;

const perSegment = (change: Reader) => (path: string) => path.split('/').map(change).join('/');

const decodeAscii: Reader = (path) =>
  path.replace(/%([2-7][0-9A-F])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

function resolveDots(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** In the order in which servers are known to apply them. */
const habits: readonly Reader[] = [
  decodeAscii,
  decodeAscii,
  (path) => path.replace(/[?#].*$/, ''),
  perSegment((segment) => segment.replace(/;.*$/, '')),
  perSegment((segment) => segment.trim()),
  perSegment((segment) => (/^\.{1,2}$/.test(segment) ? segment : segment.replace(/[. ]+$/, ''))),
  resolveDots,
  (path) => path.toLowerCase(),
];

const application = fc.subarray([...habits.keys()]).map(
  (chosen): Reader =>
    (path) =>
      chosen.reduce((seen, at) => (habits[at] as Reader)(seen), path),
);

const protectedPath = fc.constantFrom('/admin', '/Admin', '/@admin', '/a.b', '/ADMIN/Users', '/x/:id/Secret');

const piece = fc.constantFrom(
  ...['admin', 'Admin', 'ADMIN', 'adm', 'in', '@', 'users', 'a', 'b', 'x', '7', 'secret', 'public'],
  ...['/', '/', '/', '.', '..', ';', ';a=b', '%20', '%2540', '%40', '%3B', '%3b', '%3F', '%23', '%2e', '%41'],
  ...['%61', '%64', '%25', '%2520'],
);

const target = fc.oneof(
  fc.array(piece, { maxLength: 9 }).map((pieces) => `/${pieces.join('')}`),
  fc.tuple(protectedPath, fc.array(piece, { maxLength: 4 })).map(([path, pieces]) => path + pieces.join('')),
  fc
    .tuple(fc.array(piece, { maxLength: 4 }), protectedPath)
    .map(([pieces, path]) => `/${pieces.join('')}${path}`),
);

/** Whether the application, having read the path its way, serves what the pattern protects. */
function isServed(read: Reader, seen: string, pattern: string): boolean {
  const fold: Reader = (text) => (read('/A') === '/a' ? text.toLowerCase() : text);
  const wanted = pattern.split('/');
  const found = seen.split('/');
  return wanted.every((segment, i) => segment.startsWith(':') || fold(segment) === found[i]);
}

test('RT-005, RT-008, RT-009, RT-020: no spelling of a protected path reaches an application under a public route', () => {
  let served = 0;
  fc.assert(
    fc.property(protectedPath, application, target, (pattern, read, raw) => {
      const url = parseCanonicalUrl(raw);
      if (typeof url === 'string') return;
      const table = createRouteTable([
        createRoute({ path: '/**', access: 'public' }),
        createRoute({ path: '/public/**', access: 'public' }),
        createRoute({ path: `${pattern}/**` }),
      ]);
      const seen = read(url.path);
      if (!isServed(read, seen, pattern)) return;
      served += 1;
      const found = table.find(url.path, 'GET');
      const access = found.kind === 'match' ? found.match.route.access : 'refused';
      assert.notEqual(access, 'public', `${raw} → ${url.path} is read as ${seen}`);
    }),
    { numRuns: 20_000 },
  );
  assert.ok(served > 1000, `only ${served} of the targets were served as a protected path`);
});
