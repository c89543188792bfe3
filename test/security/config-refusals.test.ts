/** A configuration that could be read in two ways, or that opens a hole by accident, starts nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { complaints, configOf, problemsOf, validConfig, withRoute } from '../support/configs.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-refusals-'));
after(() => rmSync(folder, { recursive: true }));

const route = (fields: Record<string, unknown>) => ({
  path: '/x',
  cluster: 'api',
  access: 'public',
  ...fields,
});
const withRoutes = (...routes: readonly unknown[]) => ({ ...validConfig(), routes });

for (const [title, first, second] of [
  ['the same path', { path: '/x' }, { path: '/x' }],
  ['the same prefix', { path: '/x/**' }, { path: '/x/**', access: 'signed-in' }],
  ['a wildcard and a name', { path: '/a/*/b' }, { path: '/a/:id/b' }],
  ['two names', { path: '/:a/**' }, { path: '/:b/**' }],
  ['a method that both list', { methods: ['GET', 'PUT'] }, { methods: ['PUT'] }],
  ['every method and one', {}, { methods: ['DELETE'] }],
  ['HEAD, which follows GET', { methods: ['GET'] }, { methods: ['HEAD'] }],
] as const) {
  test(`RT-020: two routes that both take the same request (${title}) are refused`, () => {
    assert.deepEqual(
      complaints(withRoutes(route(first), route(second))).filter((text) => text.includes('same requests'))
        .length,
      1,
    );
  });
}

for (const [title, first, second] of [
  ['other methods', { methods: ['GET'] }, { methods: ['POST'] }],
  ['a literal and a wildcard', { path: '/a/b' }, { path: '/a/*' }],
  ['an exact path and its prefix', { path: '/a' }, { path: '/a/**' }],
  ['case', { path: '/a' }, { path: '/A' }],
] as const) {
  test(`RT-020: routes that differ in ${title} stand side by side`, () => {
    assert.deepEqual(complaints(withRoutes(route(first), route(second))), []);
  });
}

test('RT-020: a collision is found although both routes have another mistake', () => {
  const both = route({ access: 'publik' });
  assert.ok(complaints(withRoutes(both, both)).some((text) => text.includes('same requests')));
});

for (const path of ['(a+)+$', '^/admin$', '/admin(.*)', '/a.*', '/[^/]+', '/a\nb', '/(?i)admin', '/a|/b']) {
  test(`RT-023, RT-024: the regular expression ${JSON.stringify(path)} is no path`, () => {
    assert.ok(complaints(withRoute({ path })).some((text) => text.startsWith('routes[0].path: ')));
  });
}

test('RT-068: an unknown key is refused wherever it stands', () => {
  for (const data of [
    { ...validConfig(), roels: [] },
    withRoute({ roels: ['admin'] }),
    { ...validConfig(), session: { cookie: { secure: false } } },
    { ...validConfig(), listen: { trustedProxy: ['10.0.0.0/8'] } },
    { ...validConfig(), endpoints: { returnTo: { alow: [] } } },
    { ...validConfig(), clusters: { api: { targets: ['http://a'], rejectUnauthorized: false } } },
    { ...validConfig(), admin: { address: '127.0.0.1:1', password: 'x' } },
    { ...validConfig(), log: { levle: 'info' } },
  ]) {
    assert.equal(complaints(data).filter((text) => text.endsWith('is not known here')).length, 1);
  }
});

test('RT-068: members that reach for the prototype are refused and change nothing', () => {
  for (const text of [
    '{ "__proto__": { "polluted": true } }',
    '{ "clusters": { "__proto__": { "targets": ["http://a"] } } }',
    '{ "routes": [{ "requestHeaders": { "__proto__": "x" } }] }',
    '{ "constructor": { "prototype": { "polluted": true } } }',
  ]) {
    const file = join(folder, 'proto.json');
    const merged = { ...JSON.parse(text) };
    writeFileSync(file, text);
    assert.equal(loadConfig({ file, env: {} }).ok, false);
    const base = validConfig();
    writeFileSync(file, `${JSON.stringify(base).slice(0, -1)},${text.slice(1)}`);
    const own = Object.keys(merged)[0] as string;
    if (own === '__proto__' || own === 'constructor')
      assert.equal(loadConfig({ file, env: {} }).ok, false, text);
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test('RT-068: `__proto__` as the name of a cluster, a provider or a header is refused', () => {
  for (const section of ['clusters', 'providers'] as const) {
    const data = validConfig();
    data[section] = JSON.parse('{ "__proto__": {} }');
    assert.ok(
      complaints(data).some((text) => text.includes('__proto__')),
      section,
    );
  }
  const headers = withRoute({ requestHeaders: JSON.parse('{ "__proto__": "x" }') });
  assert.ok(complaints(headers).some((text) => text.includes('__proto__')));
});

test('RT-068: a key that is there twice is refused in every format', () => {
  for (const [name, text] of [
    ['a.yaml', 'log: { level: info, level: debug }\n'],
    ['a.json', '{ "log": { "level": "info", "level": "debug" } }'],
    ['b.json', '{ "log": { "level": "info", "\\u006cevel": "debug" } }'],
    ['a.toml', '[log]\nlevel = "info"\nlevel = "debug"\n'],
  ] as const) {
    const file = join(folder, name);
    writeFileSync(file, text);
    const problems = problemsOf(loadConfig({ file, env: {} }));
    assert.equal(problems.length, 1, name);
    assert.match(problems[0]?.reason ?? '', /twice|not valid TOML/);
  }
});

test('RT-068: a missing environment variable starts nothing', () => {
  const data = validConfig();
  data.providers = { main: { issuer: 'https://a.example', clientId: 'x', clientSecret: { env: 'NOT_SET' } } };
  assert.deepEqual(complaints(data), [
    'providers.main.clientSecret: the environment variable NOT_SET is not set',
  ]);
});

test('RT-068: an empty list of methods, targets or keys is refused and never means everything', () => {
  assert.deepEqual(complaints(withRoute({ methods: [] })), [
    'routes[0].methods: is empty: it needs at least one entry',
  ]);
  assert.equal(complaints({ ...validConfig(), clusters: { api: { targets: [] } } }).length, 1);
  assert.equal(complaints({ ...validConfig(), session: { keys: [] } }).length, 1);
});

test('RT-067: nothing of a configuration with a problem comes out', () => {
  const result = parseConfig({ ...validConfig(), log: { level: 'loud' } });
  assert.equal(result.ok, false);
  assert.ok(!('config' in result));
});

test('RT-067: hostile shapes are problems and never exceptions', () => {
  const deep = JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`) as unknown;
  for (const value of [
    null,
    0,
    '',
    'x',
    true,
    [],
    {},
    [[]],
    [null],
    [{}],
    { a: null },
    deep,
    new Date(0),
    Number.POSITIVE_INFINITY,
  ]) {
    for (const key of [
      'publicUrl',
      'listen',
      'admin',
      'dataDir',
      'providers',
      'session',
      'endpoints',
      'clusters',
      'routes',
      'log',
    ]) {
      assert.doesNotThrow(
        () => parseConfig({ ...validConfig(), [key]: value }),
        `${key}: ${inspect(value, { depth: 1 })}`,
      );
    }
  }
});

test('RT-067: a YAML file that unfolds without end is refused', () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`,
  );
  const file = join(folder, 'bomb.yaml');
  writeFileSync(file, `a0: &a0 [x, x]\n${levels.join('\n')}\n`);
  assert.match(problemsOf(loadConfig({ file, env: {} }))[0]?.reason ?? '', /aliases/);
});

for (const name of [
  'Host',
  'cookie',
  'Set-Cookie',
  'Authorization',
  'Proxy-Authorization',
  'Connection',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Content-Length',
  'Upgrade',
  'Expect',
  'Forwarded',
  'Via',
  'X-Forwarded-For',
  'X-Forwarded-Anything',
  'Sec-WebSocket-Key',
  ':authority',
  'X_User',
  'X.User',
  'X User',
  'X-Üser',
  'X-User\r\nEvil',
  '',
]) {
  test(`HP-080: no route may set the header ${JSON.stringify(name)}`, () => {
    assert.equal(complaints(withRoute({ requestHeaders: { [name]: 'x' } })).length, 1);
  });
}

test('HP-080: one header under two spellings is refused', () => {
  assert.equal(complaints(withRoute({ requestHeaders: { 'X-User': 'a', 'x-user': 'b' } })).length, 1);
});

for (const [origin, allowed] of [
  ['https://app.example.com', true],
  ['https://app.example.com:8443', true],
  ['https://*.example.com', true],
  ['https://*.example.com:8443', true],
  ['http://localhost:3000', true],
  ['http://127.0.0.1:3000', true],
  ['http://app.example.com', false],
  ['https://*', false],
  ['https://*.*.example.com', false],
  ['https://a*.example.com', false],
  ['https://*example.com', false],
  ['https://app.*.com', false],
  ['https://app.example.com/', false],
  ['https://app.example.com/path', false],
  ['https://user@app.example.com', false],
  ['https://app.example.com?x', false],
  ['//app.example.com', false],
  ['app.example.com', false],
  ['*', false],
  ['null', false],
  ['javascript:alert(1)', false],
] as const) {
  test(`RD-018: ${origin} ${allowed ? 'may' : 'may not'} be on the list of origins to return to`, () => {
    const result = complaints({ ...validConfig(), endpoints: { returnTo: { allow: [origin] } } });
    assert.equal(result.length === 0, allowed, result.join());
  });
}

for (const target of [
  '//evil',
  '/\\evil',
  '/.//evil',
  '/a/..//evil',
  'https://evil',
  '/a\nb',
  '/a b',
  'evil',
  '/x/../y',
]) {
  test(`RD-010: ${JSON.stringify(target)} cannot be the default to return to`, () => {
    assert.equal(complaints({ ...validConfig(), endpoints: { returnTo: { default: target } } }).length, 1);
  });
}

for (const prefix of [
  '',
  '/',
  '/.auth/',
  'auth',
  '//auth',
  '/a/../b',
  '/..',
  '/a b',
  '/a%2f',
  '/a?b',
  '/a;b',
  '/*',
]) {
  test(`endpoints: ${JSON.stringify(prefix)} is no prefix`, () => {
    assert.ok(
      complaints({ ...validConfig(), endpoints: { prefix } }).some((text) =>
        text.startsWith('endpoints.prefix'),
      ),
    );
  });
}

test('a secret shows up in no problem, no log and no copy of the configuration', () => {
  const data = validConfig();
  const config = configOf(parseConfig(data));
  assert.doesNotMatch(
    JSON.stringify(config) + inspect(config, { depth: 10 }) + String(config.providers.main?.clientSecret),
    /hush-hush/,
  );
  const misplaced = problemsOf(
    parseConfig({
      ...data,
      providers: { main: { issuer: 'x', clientId: 'x', clientSecre: 'hush-hush', clientSecret: 7 } },
      keys: ['hush-hush'],
    }),
  );
  assert.ok(misplaced.length >= 3);
  assert.doesNotMatch(JSON.stringify(misplaced), /hush-hush/);
});

const misplaced = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';

for (const [place, config] of [
  ['session.keys', { session: { keys: misplaced } }],
  ['session.keys.tokens', { session: { keys: { cookies: [misplaced], tokens: misplaced } } }],
  ['session.store.redis', { session: { store: { redis: misplaced } } }],
  ['session.store.redis.tls', { session: { store: { redis: { url: 'rediss://a', tls: misplaced } } } }],
  ['session.store', { session: { store: `redis://gate:a/b${misplaced}@redis.internal` } }],
  ['providers.main', { providers: { main: misplaced } }],
  ['admin.sessions', { admin: { address: '127.0.0.1:0', sessions: misplaced } }],
] as const) {
  test(`a secret that was put where \`${place}\` stands is refused without being shown`, () => {
    const problems = problemsOf(parseConfig({ ...validConfig(), ...config }, {}));
    assert.ok(problems.some(({ path }) => path === place));
    assert.ok(!JSON.stringify(problems).includes(misplaced));
  });
}

for (const [place, config, reason] of [
  ['session.store', { session: { store: 'redis' } }, /`cookie` or `\{ redis: … \}`$/],
  ['session.denyList', { session: { store: 'cookie', denyList: 'redis' } }, /`sqlite` or `\{ redis: … \}`$/],
  ['workers', { workers: 'all' }, /^must be `auto` or a number$/],
  ['workers', { workers: 1.5 }, /^must be `auto` or a whole number$/],
  ['session.keys', { session: { keys: { file: '/etc/keys' } } }, /write it in a list/],
] as const) {
  test(`what \`${place}\` may be is told in all its forms (${JSON.stringify(config)})`, () => {
    const problems = problemsOf(parseConfig({ ...validConfig(), ...config }, {}));
    assert.ok(problems.some((problem) => problem.path === place && reason.test(problem.reason)));
  });
}
