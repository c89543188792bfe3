/** What is legal but deserves a look. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { validConfig } from '../../support/configs.ts';

const key = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');

/** Nothing about it deserves a look. */
const quiet = () => ({
  ...validConfig(),
  listen: { trustedProxies: ['10.0.0.0/8'] },
  session: { keys: [key] },
});

function warnedPaths(data: unknown): readonly string[] {
  const result = parseConfig(data);
  assert.ok(result.ok, JSON.stringify(result));
  return result.warnings.map(({ path }) => path);
}

test('a configuration that leaves nothing to look at warns of nothing', () => {
  assert.deepEqual(warnedPaths(quiet()), []);
});

for (const [title, fields, path] of [
  ['an unsafe switch', { dangerouslyAllowHttpPublicUrl: true }, 'dangerouslyAllowHttpPublicUrl'],
  ...(
    [
      ['store', { url: 'redis://redis.internal:6379' }, 'session.store.redis.url'],
      ['store', { cluster: { nodes: ['10.0.0.1:6379'] } }, 'session.store.redis'],
    ] as const
  ).map(
    ([member, redis, path]) =>
      [`Redis without TLS (${path})`, { session: { [member]: { redis }, keys: [key] } }, path] as const,
  ),
  ['sessions in cookies', { session: { store: 'cookie', keys: [key] } }, 'session.store'],
  [
    'sessions in cookies that can be ended',
    { session: { store: 'cookie', denyList: 'sqlite', keys: [key] } },
    'session.store',
  ],
  ['a memory store', { session: { store: 'memory' } }, 'session.store'],
  ['a generated key', { session: {} }, 'session.keys'],
  ['https without a trusted proxy in front', { listen: {} }, 'listen.trustedProxies'],
  [
    'a proxy list that believes everybody',
    { listen: { trustedProxies: ['0.0.0.0/0'] } },
    'listen.trustedProxies[0]',
  ],
  ['the same for IPv6', { listen: { trustedProxies: ['::/0'] } }, 'listen.trustedProxies[0]'],
  ['an admin listener for everybody', { admin: { address: '0.0.0.0:9901' } }, 'admin.address'],
  [
    'a cluster that no route uses',
    { clusters: { api: { targets: ['http://a'] }, old: { targets: ['http://b'] } } },
    'clusters.old',
  ],
  [
    'onAnonymous on a public route',
    {
      routes: [
        { path: '/**', cluster: 'api', access: 'signed-in' },
        { path: '/p', cluster: 'api', access: 'public', onAnonymous: 'login' },
      ],
    },
    'routes[1].onAnonymous',
  ],
  [
    'a route below the gate’s own prefix',
    {
      routes: [
        { path: '/**', cluster: 'api', access: 'signed-in' },
        { path: '/.auth/**', cluster: 'api', access: 'public' },
      ],
    },
    'routes[1].path',
  ],
] as const) {
  test(`${title} deserves a look`, () => {
    assert.deepEqual(warnedPaths({ ...quiet(), ...fields }), [path]);
  });
}

test('an unsafe switch is found however deep it is', () => {
  const issuer = { issuer: 'http://login.example.com', clientId: 'x', dangerouslyAllowHttpIssuer: true };
  assert.deepEqual(warnedPaths({ ...quiet(), providers: { main: issuer } }), [
    'providers.main.dangerouslyAllowHttpIssuer',
  ]);
});

test('a token for operators that crosses a network in clear deserves a look', () => {
  const sessions = { token: 'x'.repeat(32) };
  const beyond = warnedPaths({ ...quiet(), admin: { address: '10.0.0.1:9901', sessions } });
  assert.deepEqual(beyond, ['admin.address', 'admin.sessions.token']);
  assert.deepEqual(warnedPaths({ ...quiet(), admin: { address: '127.0.0.1:9901', sessions } }), []);
});
