/** Every kind of problem: where it is, why, and what was probably meant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { formatProblems, type Problem } from '../../../src/config/problem.ts';
import { complaints, configOf, problemsOf, validConfig, withRoute } from '../../support/configs.ts';

interface Row {
  readonly title: string;
  readonly data: unknown;
  readonly problem: Partial<Problem>;
}

const merge = (fields: Record<string, unknown>) => ({ ...validConfig(), ...fields });
const provider = (fields: Record<string, unknown>) =>
  merge({ providers: { main: { issuer: 'https://login.example.com', clientId: 'app', ...fields } } });

const rows: readonly Row[] = [
  {
    title: 'an unknown section',
    data: merge({ sesion: {} }),
    problem: { path: 'sesion', reason: 'is not known here', suggestion: 'session', value: null },
  },
  {
    title: 'an unknown key deep down',
    data: merge({ session: { cookie: { nmae: 'x' } } }),
    problem: { path: 'session.cookie.nmae', suggestion: 'name' },
  },
  {
    title: 'a word that is none of the allowed',
    data: withRoute({ access: 'signedin' }),
    problem: {
      path: 'routes[0].access',
      value: '"signedin"',
      reason: 'must be one of `public`, `signed-in`',
      suggestion: 'signed-in',
    },
  },
  {
    title: 'a route that does not say who may pass',
    data: withRoute({ access: undefined }),
    problem: {
      path: 'routes[0].access',
      reason: 'is missing: say who may pass, `public`, `signed-in`, or `authenticate`',
      suggestion: null,
    },
  },
  {
    title: 'a missing public URL',
    data: merge({ publicUrl: undefined }),
    problem: { path: 'publicUrl', reason: 'is missing', value: null },
  },
  {
    title: 'a mapping where a list belongs',
    data: merge({ routes: { path: '/' } }),
    problem: { path: 'routes', value: 'a mapping', reason: 'must be a list' },
  },
  {
    title: 'text where a number belongs',
    data: merge({ session: { cacheSize: 'many' } }),
    problem: { path: 'session.cacheSize', value: '"many"', reason: 'must be a number' },
  },
  {
    title: 'a number that is too large',
    data: merge({ session: { cacheSize: 2_000_000 } }),
    problem: { path: 'session.cacheSize', value: '2000000', reason: 'must be at most 1000000' },
  },
  {
    title: 'no routes',
    data: merge({ routes: [] }),
    problem: { path: 'routes', value: '[]', reason: 'is empty: it needs at least one entry' },
  },
  {
    title: 'a duration without a unit',
    data: merge({ session: { idleTimeout: '30' } }),
    problem: {
      path: 'session.idleTimeout',
      value: '"30"',
      reason: 'is not a duration: write a whole number and a unit, as 500ms, 30s, 5m, 12h or 7d',
    },
  },
  {
    title: 'a size with an unknown unit',
    data: withRoute({ bodyLimit: '10MB' }),
    problem: { path: 'routes[0].bodyLimit', value: '"10MB"' },
  },
  {
    title: 'a cluster that is not there',
    data: withRoute({ cluster: 'apii' }),
    problem: { path: 'routes[0].cluster', value: '"apii"', reason: 'no cluster `apii`', suggestion: 'api' },
  },
  {
    title: 'a name that cannot stand there',
    data: merge({ clusters: { api: { targets: ['http://a'] }, 'a b': { targets: ['http://a'] } } }),
    problem: { path: 'clusters["a b"]' },
  },
  {
    title: 'two providers',
    data: merge({
      providers: {
        a: { issuer: 'https://a.example', clientId: 'x' },
        b: { issuer: 'https://b.example', clientId: 'x' },
      },
    }),
    problem: { path: 'providers', reason: 'holds 2 providers (a, b): people sign in at exactly one' },
  },
  {
    title: 'a protected route without a provider',
    data: merge({ providers: undefined }),
    problem: { path: 'providers', reason: 'is missing: routes[0] asks for people who are signed in' },
  },
  {
    title: 'an endpoint path that is there twice',
    data: merge({ endpoints: { paths: { me: '/.auth/login' } } }),
    problem: { path: 'endpoints.paths.me', reason: 'is the path of `login` too (/.auth/login)' },
  },
  {
    title: 'metrics on the public listener',
    data: merge({ listen: { address: '127.0.0.1:80' }, admin: { address: '127.0.0.1:80' } }),
    problem: { path: 'admin.address', reason: 'is the address of `listen` too: metrics must not be public' },
  },
  {
    title: 'a route name that is there twice',
    data: merge({
      routes: [
        { name: 'a', path: '/x', cluster: 'api', access: 'public' },
        { name: 'a', path: '/y', cluster: 'api', access: 'public' },
      ],
    }),
    problem: { path: 'routes[1].name', reason: 'is the name of routes[0] too' },
  },
  {
    title: 'plain http beyond loopback',
    data: merge({ publicUrl: 'http://app.example.com' }),
    problem: { path: 'publicUrl', suggestion: 'https://app.example.com' },
  },
  {
    title: 'a public URL with a path',
    data: merge({ publicUrl: 'https://app.example.com/app' }),
    problem: { path: 'publicUrl', reason: 'is more than an origin: write scheme, host and port only' },
  },
  {
    title: 'an issuer over plain http',
    data: provider({ issuer: 'http://login.example.com' }),
    problem: { path: 'providers.main.issuer', value: '"http://login.example.com"' },
  },
  {
    title: 'a token and the client’s own Authorization at once',
    data: withRoute({ passAuthorization: true, upstreamToken: 'access' }),
    problem: { path: 'routes[0].passAuthorization' },
  },
  {
    title: 'HP-072: a claim in the header that carries the assertion of the gate',
    data: withRoute({
      requestHeaders: { 'X-Caller': '{claims.nickname}' },
      upstreamToken: { assertion: { audience: 'app', header: 'x-caller' } },
    }),
    problem: {
      path: 'routes[0].requestHeaders.X-Caller',
      reason: 'is the header of the assertion: an application could take one for the other',
    },
  },
  {
    title: 'a key that is not 32 bytes',
    data: merge({ session: { keys: ['c2hvcnQ='] } }),
    problem: { path: 'session.keys[0]', value: null },
  },
  {
    title: 'a whole that is not a mapping',
    data: ['routes'],
    problem: { path: '', reason: 'must be a mapping' },
  },
  {
    title: 'a duration as a bare number',
    data: merge({ session: { idleTimeout: 30 } }),
    problem: {
      path: 'session.idleTimeout',
      value: '30',
      reason: 'must be text with a unit, as 500ms, 30s, 5m, 12h or 7d',
    },
  },
  {
    title: 'a port alone where an address belongs',
    data: merge({ listen: { address: 8080 } }),
    problem: {
      path: 'listen.address',
      reason: 'must be text: host and port, as 127.0.0.1:8080 or [::1]:8080',
    },
  },
  {
    title: 'a number where text belongs',
    data: provider({ clientId: 12345 }),
    problem: { path: 'providers.main.clientId', reason: 'must be text: put it in quotes' },
  },
  {
    title: 'one word where a list belongs',
    data: withRoute({ access: undefined, authenticate: 'session' }),
    problem: { path: 'routes[0].authenticate', reason: 'must be a list', suggestion: '[session]' },
  },
  {
    title: 'several words where a list belongs',
    data: withRoute({ access: 'signed-in', scopes: 'orders.read orders.write' }),
    problem: { path: 'routes[0].scopes', suggestion: '[orders.read, orders.write]' },
  },
  {
    title: 'one secret where a list of them belongs',
    data: provider({ decryptionKeys: 'hush-hush' }),
    problem: {
      path: 'providers.main.decryptionKeys',
      value: null,
      reason: 'must be a list',
      suggestion: null,
    },
  },
  {
    title: 'an unknown key of a mapping that may be a name as well',
    data: merge({
      apis: { main: { issuers: [{ issuer: 'https://sts.example', jwksUrl: 'x' }], audience: ['x'] } },
    }),
    problem: { path: 'apis.main.issuers[0].jwksUrl', reason: 'is not known here', suggestion: 'jwksUri' },
  },
  {
    title: 'the beginning of a key',
    data: provider({ decryption: ['x'] }),
    problem: { path: 'providers.main.decryption', suggestion: 'decryptionKeys' },
  },
  {
    title: 'a mistyped form of a mapping',
    data: withRoute({ access: 'signed-in', upstreamToken: { exchang: { audience: 'x' } } }),
    problem: {
      path: 'routes[0].upstreamToken.exchang',
      reason: 'is not known here',
      suggestion: 'exchange',
    },
  },
  {
    title: 'two forms of a mapping at once',
    data: withRoute({ access: 'signed-in', upstreamToken: { exchange: { audience: 'x' }, client: {} } }),
    problem: {
      path: 'routes[0].upstreamToken',
      reason: 'must be one of `{ client: … }`, `{ exchange: … }`, `{ assertion: … }`',
    },
  },
  {
    title: 'a mistake within one form of a mapping',
    data: withRoute({ access: 'signed-in', upstreamToken: { assertion: { audiance: 'x', audience: 'x' } } }),
    problem: { path: 'routes[0].upstreamToken.assertion.audiance', suggestion: 'audience' },
  },
  {
    title: 'the name of a form without what it needs',
    data: withRoute({ access: 'signed-in', upstreamToken: 'exchange' }),
    problem: { path: 'routes[0].upstreamToken', suggestion: '{ exchange: … }' },
  },
];

for (const { title, data, problem } of rows) {
  test(`${title} is one problem that says where and why`, () => {
    const problems = problemsOf(parseConfig(data));
    assert.equal(problems.length, 1, JSON.stringify(problems, null, 2));
    for (const [key, expected] of Object.entries(problem)) {
      assert.equal(problems[0]?.[key as keyof Problem], expected);
    }
  });
}

test('all problems are reported at once, whatever section they are in', () => {
  const problems = problemsOf(
    parseConfig({
      publicUrl: 'app',
      sesion: {},
      clusters: { api: { targets: [] } },
      log: { level: 'loud' },
      routes: [
        { path: 'x', cluster: 'apii', access: 'signed-in' },
        { path: '/y', cluster: 'api' },
      ],
    }),
  );
  assert.deepEqual(problems.map(({ path }) => path).sort(), [
    'clusters.api.targets',
    'log.level',
    'providers',
    'publicUrl',
    'routes[0].cluster',
    'routes[0].path',
    'routes[1].access',
    'sesion',
  ]);
});

test('for a terminal, every problem names its place, its value, its reason and a suggestion', () => {
  const text = formatProblems([
    {
      path: 'routes[2].cluster',
      value: '"apii"',
      reason: 'no cluster `apii`',
      suggestion: 'api',
      where: 'a.yaml:3:9',
    },
    { path: '', value: null, reason: 'is not valid JSON', suggestion: null, where: null },
  ]);
  assert.equal(
    text,
    [
      '  routes[2].cluster = "apii"  (a.yaml:3:9)',
      '    no cluster `apii`; did you mean `api`?',
      '  configuration',
      '    is not valid JSON',
    ].join('\n'),
  );
});

test('a long value is shortened and credentials in a URL are left out', () => {
  const long = problemsOf(parseConfig(withRoute({ access: 'x'.repeat(500) })))[0]?.value ?? '';
  assert.ok(long.length <= 80, long);
  const url = problemsOf(
    parseConfig(merge({ publicUrl: 'https://user:hunter2@hunter3@app.example.com' })),
  )[0];
  assert.doesNotMatch(JSON.stringify(url), /hunter/);
});

test('a valid configuration comes out with every default filled in, and cannot be changed', () => {
  const config = configOf(parseConfig(validConfig()));
  assert.equal(config.publicUrl, 'https://app.example.com');
  assert.deepEqual(config.listen.address, { host: '127.0.0.1', port: 8080 });
  assert.equal(config.session.idleTimeout, 1_800_000);
  assert.equal(config.session.absoluteTimeout, 43_200_000);
  assert.equal(config.endpoints.paths.signedOut, '/.auth/signed-out');
  assert.equal(config.routes[0]?.onAnonymous, 'login');
  assert.equal(config.routes[0]?.upstreamToken, 'none');
  assert.equal(config.admin, undefined);
  assert.throws(() => Object.assign(config.session, { store: 'memory' }), TypeError);
  assert.throws(() => (config.routes as unknown[]).push({}), TypeError);
});

for (const [url, origin] of [
  ['https://app.example.com/', 'https://app.example.com'],
  ['HTTPS://App.Example.com:443', 'https://app.example.com'],
  ['https://app.example.com:8443', 'https://app.example.com:8443'],
  ['http://localhost:8080', 'http://localhost:8080'],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['http://[::1]:8080', 'http://[::1]:8080'],
]) {
  test(`the public URL ${url} is the origin ${origin}`, () => {
    assert.equal(configOf(parseConfig(merge({ publicUrl: url }))).publicUrl, origin);
  });
}

for (const url of [
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example',
  'http://0.0.0.0',
  'ftp://x',
  '//x',
]) {
  test(`the public URL ${url} is refused`, () => {
    assert.equal(problemsOf(parseConfig(merge({ publicUrl: url })))[0]?.path, 'publicUrl');
  });
}

test('the loudly named switch allows plain http in the public URL', () => {
  const config = configOf(
    parseConfig(merge({ publicUrl: 'http://app.example.com', dangerouslyAllowHttpPublicUrl: true })),
  );
  assert.equal(config.publicUrl, 'http://app.example.com');
});

test('an endpoint can be renamed below the prefix or moved to a whole path', () => {
  const { endpoints } = configOf(
    parseConfig(
      merge({ endpoints: { prefix: '/_auth', paths: { callback: '/oauth2/callback', me: 'whoami' } } }),
    ),
  );
  assert.equal(endpoints.paths.callback, '/oauth2/callback');
  assert.equal(endpoints.paths.me, '/_auth/whoami');
  assert.equal(endpoints.paths.login, '/_auth/login');
});

test('form_post is refused where browsers would not keep its login cookie', () => {
  const provider = {
    issuer: 'https://op.example.com',
    clientId: 'app',
    clientSecret: 'secret',
    responseMode: 'form_post',
  };
  const over = (publicUrl: string) =>
    complaints({
      ...validConfig(),
      publicUrl,
      dangerouslyAllowHttpPublicUrl: true,
      providers: { main: provider },
    });
  assert.match(
    over('http://app.example.com').join(),
    /^providers\.main\.responseMode: cannot work over plain http/,
  );
  assert.deepEqual(over('https://app.example.com'), []);
  assert.deepEqual(over('http://localhost:8080'), []);
});
