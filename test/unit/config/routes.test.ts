/** The grammar of paths and of header templates, and what routes compile to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/pipeline/compile-routes.ts';
import { parseHeaderTemplate } from '../../../src/pipeline/header-template.ts';
import { parseRoutePattern } from '../../../src/pipeline/route-pattern.ts';
import { complaints, configOf, withRoute } from '../../support/configs.ts';

for (const [path, shape, params] of [
  ['/', '/', []],
  ['/**', '/**', []],
  ['/api', '/api', []],
  ['/api/**', '/api/**', []],
  ['/api/*/items', '/api/*/items', []],
  ['/users/:id/posts/:post_2', '/users/*/posts/*', ['id', 'post_2']],
  ['/a.b/..c/...', '/a.b/..c/...', []],
  ['/caf%C3%A9', '/caf%C3%A9', []],
  ['/a+b/@me/x:y/k=v,w', '/a+b/@me/x:y/k=v,w', []],
  ['/Admin/_next/~me', '/Admin/_next/~me', []],
] as const) {
  test(`${path} is a pattern of the shape ${shape}`, () => {
    const result = parseRoutePattern(path);
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.pattern.shape, shape);
    assert.deepEqual(result.pattern.params, params);
  });
}

for (const [path, reason, suggestion] of [
  ['', 'does not begin with `/`', '/'],
  ['api/**', 'does not begin with `/`', '/api/**'],
  ['^/api', 'does not begin with `/`', '/api'],
  ['//api', 'has an empty segment', '/api'],
  ['/a//b', 'has an empty segment', '/a/b'],
  ['/a/', 'has an empty segment', '/a'],
  ['/a/../b', 'has a dot segment', null],
  ['/./b', 'has a dot segment', null],
  ['/a/**/b', 'has `**` in the middle', null],
  ['/**/**', 'has `**` in the middle', null],
  ['/a*', 'has `*` inside a segment', null],
  ['/a/***', 'has `*` inside a segment', null],
  ['/:', 'captures `:`', ':name'],
  ['/:a-b', 'captures `:a-b`', ':name'],
  ['/:id/x/:id', 'captures the same name twice', null],
  ['/a(b|c)', 'looks like a regular expression', null],
  ['/[a-z]+', 'looks like a regular expression', null],
  ['/{id}', 'looks like a regular expression', null],
  ['/a\\b', 'looks like a regular expression', null],
  ['/a$', 'looks like a regular expression', null],
  ['/a?b=c', 'has a query or a fragment', null],
  ['/a#b', 'has a query or a fragment', null],
  ['/a;b', 'has a `;`', null],
  ['/a%zz', 'has percent-encoding that is not valid', null],
  ['/a%2fb', 'has percent-encoding that is not valid, or hides a separator', null],
  ['/a%5Cb', 'has percent-encoding that is not valid, or hides a separator', null],
  ['/a%00', 'has percent-encoding that is not valid, or hides a separator', null],
  ['/a%252e', 'has percent-encoding that is not valid, or hides a separator', null],
  ['/%61dmin', 'has percent-encoding that is not canonical', '/admin'],
  ['/caf%c3%a9', 'has percent-encoding that is not canonical', '/caf%C3%A9'],
  ['/x/café', 'has percent-encoding that is not canonical', '/x/caf%C3%A9'],
  ['/a b', 'has percent-encoding that is not canonical', '/a%20b'],
] as const) {
  test(`${JSON.stringify(path)} is refused: it ${reason}`, () => {
    const result = parseRoutePattern(path);
    assert.ok(!result.ok);
    assert.ok(result.reason.includes(reason), result.reason);
    assert.equal(result.suggestion, suggestion);
  });
}

test('a header template alternates literals and holes, a literal first', () => {
  const result = parseHeaderTemplate(
    'X-Who',
    'u={claims.sub}; r={claims["https://x/roles"]}{claims.a.b}/{params.id}!',
  );
  assert.ok(result.ok);
  assert.deepEqual(result.template, {
    name: 'x-who',
    literals: ['u=', '; r=', '', '/', '!'],
    holes: [
      { source: 'claims', path: ['sub'], separator: null },
      { source: 'claims', path: ['https://x/roles'], separator: null },
      { source: 'claims', path: ['a', 'b'], separator: null },
      { source: 'params', path: ['id'], separator: null },
    ],
  });
});

for (const [value, reason] of [
  ['{claim.sub}', 'unknown source `claim`'],
  ['{tokens.access}', 'unknown source `tokens`'],
  ['{claims}', 'malformed placeholder'],
  ['{claims.}', 'malformed placeholder'],
  ['{claims.sub', 'malformed placeholder'],
  ['{claims.a b}', 'malformed placeholder'],
  ['{claims["a}', 'malformed placeholder'],
  ['{claims[0]}', 'malformed placeholder'],
  ['{params.a.b}', 'a captured segment has no members'],
  ['{}', 'has a brace that opens no placeholder'],
  ['a } b', 'has a brace that opens no placeholder'],
  ['{{claims.sub}}', 'has a brace that opens no placeholder'],
  ['a\r\nX-Evil: 1', 'has a character that no header value may hold'],
  ['naïve', 'has a character that no header value may hold'],
] as const) {
  test(`the header value ${JSON.stringify(value)} is refused`, () => {
    const complaint = complaints(withRoute({ requestHeaders: { 'X-A': value } }))[0] ?? '';
    assert.ok(complaint.startsWith('routes[0].requestHeaders.X-A: '), complaint);
    assert.ok(complaint.includes(reason), complaint);
  });
}

test('a parameter that the path does not capture is a problem', () => {
  assert.deepEqual(complaints(withRoute({ path: '/:id', requestHeaders: { 'X-A': '{params.di}' } })), [
    'routes[0].requestHeaders.X-A: names `di`, which the path does not capture',
  ]);
});

test('a route compiles to what the pipeline uses', () => {
  const config = configOf(
    parseConfig(
      withRoute({
        path: '/u/:id',
        methods: ['GET', 'POST'],
        bodyLimit: '1MiB',
        requestHeaders: { 'X-Id': '{params.id}' },
      }),
    ),
  );
  const [route] = compileRoutes(config);
  assert.deepEqual(route, {
    name: '/u/:id',
    path: '/u/:id',
    methods: new Set(['GET', 'POST']),
    cluster: 'api',
    access: 'public',
    authenticate: [],
    api: null,
    apiKeys: null,
    scopes: [],
    acrValues: [],
    maxAge: null,
    onAnonymous: 'login',
    upstreamToken: 'none',
    corsOrigins: [],
    retryUnauthorized: false,
    csrf: 'fetch-metadata',
    requestHeaders: [
      { name: 'x-id', literals: ['', ''], holes: [{ source: 'params', path: ['id'], separator: null }] },
    ],
    passAuthorization: false,
    bodyLimit: 1024 ** 2,
  });
  assert.equal(Object.isFrozen(route), true);
});

test('a route without methods takes all of them, and without a limit leaves that of the listener', () => {
  const [route] = compileRoutes(configOf(parseConfig(withRoute({ name: 'all' }))));
  assert.equal(route?.name, 'all');
  assert.equal(route?.methods, null);
  assert.equal(route?.bodyLimit, null);
});

test('a method in lower case is refused, because methods are case-sensitive', () => {
  assert.deepEqual(complaints(withRoute({ methods: ['get'] })), [
    'routes[0].methods[0]: is not a method that a route can take',
  ]);
});
