import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Route } from '../../../src/core/route.ts';
import { createRouteTable } from '../../../src/pipeline/route-table.ts';
import { createRoute } from '../../support/heads.ts';

const tableOf = (...paths: readonly string[]) => createRouteTable(paths.map((path) => createRoute({ path })));

function nameOf(table: ReturnType<typeof tableOf>, path: string, method = 'GET'): string {
  const found = table.find(path, method);
  return found.kind === 'match' ? found.match.route.path : found.kind;
}

describe('a route table', () => {
  test('prefers literals to captures and captures to the rest of the path, from the left', () => {
    const table = tableOf('/**', '/a/**', '/a/:id', '/a/b', '/a/*/c', '/a/b/**');
    const expected: Readonly<Record<string, string>> = {
      '/': '/**',
      '/x': '/**',
      '/a': '/a/**',
      '/a/x': '/a/:id',
      '/a/b': '/a/b',
      '/a/x/c': '/a/*/c',
      '/a/b/c': '/a/b/**',
      '/a/x/y': '/a/**',
    };
    for (const [path, route] of Object.entries(expected)) assert.equal(nameOf(table, path), route, path);
  });

  test('`/api/**` covers `/api` and everything below it, at segment borders only (RT-021, RT-022)', () => {
    const table = tableOf('/api/**');
    for (const path of ['/api', '/api/', '/api/x', '/api/x/y'])
      assert.equal(nameOf(table, path), '/api/**', path);
    for (const path of ['/apix', '/api-x', '/', '/ap']) assert.equal(nameOf(table, path), 'none', path);
  });

  test('`*` and `:name` take exactly one segment that is not empty', () => {
    const table = tableOf('/u/:id/posts/*');
    const found = table.find('/u/7/posts/abc', 'GET');
    assert.equal(found.kind === 'match' && found.match.params.id, '7');
    for (const path of ['/u/7/posts', '/u/7/posts/', '/u//posts/1', '/u/7/posts/1/2']) {
      assert.equal(nameOf(table, path), 'none', path);
    }
  });

  test('captures named like members of Object are plain values', () => {
    const found = tableOf('/x/:__proto__/:constructor').find('/x/1/2', 'GET');
    assert.ok(found.kind === 'match');
    assert.deepEqual(Object.entries(found.match.params), [
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
  });

  test('a path that no route covers is none of them', () => {
    assert.equal(nameOf(tableOf('/a'), '/b'), 'none');
    assert.equal(createRouteTable([]).find('/', 'GET').kind, 'none');
  });

  test('RT-015: a path of 4,000 segments is looked up in bounded time', () => {
    const table = tableOf('/**', '/*/*/*/*/*/*/*/*/x', '/a/**');
    assert.equal(nameOf(table, '/a'.repeat(4000)), '/a/**');
  });
});

describe('methods', () => {
  const route = (parts: Partial<Route> & Pick<Route, 'path'>) => createRoute(parts);
  const table = createRouteTable([
    route({ path: '/r', name: 'read', methods: new Set(['GET']), access: 'public' }),
    route({ path: '/r', name: 'write', methods: new Set(['PUT']) }),
    route({ path: '/**', name: 'rest', access: 'public' }),
  ]);

  test('RT-025: only listed methods match, HEAD follows GET, and nothing falls through to a broader pattern', () => {
    const outcome = (method: string) => {
      const found = table.find('/r', method);
      return found.kind === 'match' ? found.match.route.name : found.kind;
    };
    assert.equal(outcome('GET'), 'read');
    assert.equal(outcome('HEAD'), 'read');
    assert.equal(outcome('PUT'), 'write');
    for (const method of ['OPTIONS', 'get', 'QUERY', 'PATCH', 'POST', 'X']) {
      assert.equal(outcome(method), 'method-not-allowed', method);
    }
  });

  test('the refusal names what is allowed', () => {
    assert.deepEqual(table.find('/r', 'POST'), { kind: 'method-not-allowed', allow: ['GET', 'HEAD', 'PUT'] });
  });
});

describe('paths that a lenient application reads as another one', () => {
  const table = createRouteTable([
    createRoute({ path: '/**', access: 'public' }),
    createRoute({ path: '/admin/**' }),
    createRoute({ path: '/exact' }),
  ]);

  const lenient = [
    '/ADMIN',
    '/Admin/x',
    '/admin;x',
    '/admin;.css/users',
    '/admin.',
    '/admin%20',
    '/admin./x',
    '/exact/',
    '/EXACT;a=b/',
  ];
  for (const path of lenient) {
    test(`RT-005, RT-008, RT-009: ${path} is refused where the rules would differ`, () => {
      assert.equal(nameOf(table, path), 'ambiguous');
    });
  }

  test('the same spellings pass where they change nothing', () => {
    for (const path of ['/Orders/AbC', '/a;v=1/b', '/dir/', '/file.', '/a%20b/c']) {
      assert.equal(nameOf(table, path), '/**', path);
    }
    assert.equal(nameOf(table, '/admin/Users;v=2/'), '/admin/**');
  });

  test('RT-008: without a rule for everything, a path in other case is covered by none', () => {
    const strict = tableOf('/admin/**');
    assert.notEqual(nameOf(strict, '/ADMIN'), '/admin/**');
  });

  test('RT-012: no Unicode case folding takes place', () => {
    assert.equal(nameOf(table, '/adm%C4%B1n'), '/**');
  });
});

describe('what the routes of a configuration mean to a lenient application', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['/Admin/**', '/admin'],
    ['/Admin/**', '/aDMIN/x'],
    ['/@admin/**', '/%40admin'],
    ['/@admin/**', '/%2540admin'],
    ['/admin/**', '/admin%3Bx/users'],
    ['/admin/**', '/admin%3F.css'],
    ['/admin/**', '/admin%23/x'],
    ['/admin/**', '/admin%20.%20'],
    ['/admin/**', '/.../admin'],
    ['/admin/**', '/%20/admin'],
    ['/admin/**', '/public/..%20/admin'],
    ['/admin/**', '/public/.%20./ADMIN'],
    ['/my%20files/**', '/my%20Files/x'],
    ['/v1.0./**', '/v1.0/x'],
  ];
  for (const [protectedPath, path] of refused) {
    test(`RT-005, RT-008, RT-009: with ${protectedPath} protected, ${path} is no way round it`, () => {
      const table = createRouteTable([
        createRoute({ path: '/**', access: 'public' }),
        createRoute({ path: protectedPath }),
      ]);
      assert.equal(nameOf(table, path), 'ambiguous');
    });
  }

  test('a path that is spelled as one of two routes is that one, and any other spelling is refused', () => {
    const table = createRouteTable([
      createRoute({ path: '/**', access: 'public' }),
      createRoute({ path: '/Docs/**', access: 'public' }),
      createRoute({ path: '/docs/**' }),
    ]);
    assert.equal(nameOf(table, '/Docs/x'), '/Docs/**');
    assert.equal(nameOf(table, '/docs/x'), '/docs/**');
    assert.equal(nameOf(table, '/DOCS/x'), 'ambiguous');
  });

  test('what is judged more strictly than any reading of it would be is served', () => {
    const table = createRouteTable([
      createRoute({ path: '/**' }),
      createRoute({ path: '/public/**', access: 'public' }),
      createRoute({ path: '/forms/**', csrf: 'header' }),
      createRoute({ path: '/forms/plain/**' }),
    ]);
    assert.equal(nameOf(table, '/Public/Page'), '/**');
    assert.equal(nameOf(table, '/forms/Plain/x'), '/forms/**');
    assert.equal(nameOf(table, '/Forms/x'), 'ambiguous');
  });

  test('captured segments and routes of other methods are read leniently as well', () => {
    const table = createRouteTable([
      createRoute({ path: '/**', access: 'public' }),
      createRoute({ path: '/u/:id/keys', methods: new Set(['GET']) }),
    ]);
    assert.equal(nameOf(table, '/U/7/Keys'), 'ambiguous');
    assert.equal(nameOf(table, '/u/7/keys/', 'POST'), 'ambiguous');
    assert.equal(nameOf(table, '/u/7/other/'), '/**');
  });

  test('RT-015: dots and parameters without end cost time in proportion to their number', () => {
    const table = createRouteTable([createRoute({ path: '/**' }), createRoute({ path: '/Admin/**' })]);
    const fastest = (path: string) =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const started = performance.now();
          table.find(path, 'GET');
          return performance.now() - started;
        }),
      );
    for (const piece of ['.', '%20', '. ', ';', '%25', '/..%20', '%3F']) {
      const path = (length: number) => `/${piece.repeat(length / piece.length)}x`;
      // Eight times as long: a quadratic reading would take 64 times as long.
      assert.ok(fastest(path(64_000)) < 32 * Math.max(fastest(path(8_000)), 0.5), piece);
    }
  });
});
