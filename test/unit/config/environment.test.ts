/** `SALLYPORT_…` variables: the rule that leads from a name to a path. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema.ts';
import { configOf, problemsOf, validConfig } from '../../support/configs.ts';
import { localhostCertificate, localhostKey } from '../../support/localhost-certificate.ts';

interface Row {
  readonly variable: string;
  readonly value: string;
  readonly read: (config: Config) => unknown;
  readonly expected: unknown;
}

const rows: readonly Row[] = [
  {
    variable: 'SALLYPORT_PUBLIC_URL',
    value: 'https://other.example',
    read: (config) => config.publicUrl,
    expected: 'https://other.example',
  },
  {
    variable: 'SALLYPORT_SESSION__IDLE_TIMEOUT',
    value: '45m',
    read: (config) => config.session.idleTimeout,
    expected: 2_700_000,
  },
  {
    variable: 'SALLYPORT_session__idletimeout',
    value: '45m',
    read: (config) => config.session.idleTimeout,
    expected: 2_700_000,
  },
  {
    variable: 'SALLYPORT_SESSION__CACHE_SIZE',
    value: '77',
    read: (config) => config.session.cacheSize,
    expected: 77,
  },
  { variable: 'SALLYPORT_LOG__ACCESS', value: 'false', read: (config) => config.log.access, expected: false },
  {
    variable: 'SALLYPORT_PROVIDERS__MAIN__CLIENT_SECRET',
    value: 'from-environment',
    read: (config) => config.providers.main?.clientSecret?.reveal(),
    expected: 'from-environment',
  },
  {
    variable: 'SALLYPORT_PROVIDERS__MAIN__CLIENT_SECRET__ENV',
    value: 'ELSEWHERE',
    read: (config) => config.providers.main?.clientSecret?.reveal(),
    expected: 'by-reference',
  },
  {
    variable: 'SALLYPORT_ROUTES__0__ON_ANONYMOUS',
    value: 'not-found',
    read: (config) => config.routes[0]?.onAnonymous,
    expected: 'not-found',
  },
  {
    variable: 'SALLYPORT_CLUSTERS__API__TARGETS__0',
    value: 'http://10.0.0.1:1',
    read: (config) => config.clusters.api?.targets[0]?.origin,
    expected: 'http://10.0.0.1:1',
  },
  {
    variable: 'SALLYPORT_CLUSTERS__API__TARGETS',
    value: 'http://a:1, http://b:2',
    read: (config) => config.clusters.api?.targets.map((target) => target.origin),
    expected: ['http://a:1', 'http://b:2'],
  },
  {
    variable: 'SALLYPORT_LISTEN__TRUSTED_PROXIES',
    value: '10.0.0.0/8,fd00::/8',
    read: (config) => config.listen.trustedProxies,
    expected: ['10.0.0.0/8', 'fd00::/8'],
  },
  {
    variable: 'SALLYPORT_ROUTES__0__REQUEST_HEADERS__X_USER',
    value: '{claims.sub}',
    read: (config) => config.routes[0]?.requestHeaders,
    expected: { 'x-user': '{claims.sub}' },
  },
  {
    variable: 'SALLYPORT_ADMIN__ADDRESS',
    value: '[::1]:9901',
    read: (config) => config.admin?.address,
    expected: { host: '::1', port: 9901 },
  },
];

for (const { variable, value, read, expected } of rows) {
  test(`${variable}=${value} is believed over the file`, () => {
    const result = parseConfig(validConfig(), { [variable]: value, ELSEWHERE: 'by-reference' });
    assert.deepEqual(read(configOf(result)), expected);
  });
}

test('a name that the file has is found whatever its separators', () => {
  const data = {
    ...validConfig(),
    clusters: { 'my-Api': { targets: ['http://a'] } },
    routes: [{ path: '/**', cluster: 'my-Api', access: 'public' }],
  };
  const config = configOf(parseConfig(data, { SALLYPORT_CLUSTERS__MY_API__QUEUE: '5' }));
  assert.equal(config.clusters['my-Api']?.queue, 5);
});

test('the environment alone is a configuration', () => {
  const config = configOf(
    parseConfig(
      {},
      {
        SALLYPORT_PUBLIC_URL: 'http://localhost:8080',
        SALLYPORT_PROVIDERS__MAIN__ISSUER: 'https://login.example.com',
        SALLYPORT_PROVIDERS__MAIN__CLIENT_ID: 'app',
        SALLYPORT_CLUSTERS__MY_APP__TARGETS__0: 'http://127.0.0.1:3000',
        SALLYPORT_ROUTES__0__PATH: '/public/**',
        SALLYPORT_ROUTES__0__CLUSTER: 'my-app',
        SALLYPORT_ROUTES__0__ACCESS: 'public',
        SALLYPORT_ROUTES__1__PATH: '/**',
        SALLYPORT_ROUTES__1__CLUSTER: 'my-app',
        SALLYPORT_ROUTES__1__ACCESS: 'signed-in',
        PATH: '/usr/bin',
      },
    ),
  );
  assert.deepEqual(
    config.routes.map(({ path, access }) => [path, access]),
    [
      ['/public/**', 'public'],
      ['/**', 'signed-in'],
    ],
  );
});

const api = { issuers: [{ issuer: 'https://sts.example' }], audience: ['x'] };

test('a list of names is set whole, also where its members may be mappings', () => {
  const config = configOf(
    parseConfig({ ...validConfig(), apis: { orders: api } }, { SALLYPORT_APIS__ORDERS__ISSUERS: 'main' }),
  );
  assert.deepEqual(config.apis.orders?.issuers, ['main']);
});

test('`null` is null where the file may say it', () => {
  const tls = { address: '127.0.0.1:8443', certificate: localhostCertificate, key: localhostKey };
  const config = configOf(
    parseConfig({ ...validConfig(), listen: { tls } }, { SALLYPORT_LISTEN__ADDRESS: 'null' }),
  );
  assert.equal(config.listen.address, null);
});

test('what a variable refers to and is wrong names the variable', () => {
  const [problem] = problemsOf(
    parseConfig(validConfig(), { SALLYPORT_API_KEYS__KEYS__CI__HASH__ENV: 'HASH', HASH: 'hush-hush' }),
  );
  assert.equal(problem?.path, 'apiKeys.keys.ci.hash');
  assert.equal(problem?.where, 'SALLYPORT_API_KEYS__KEYS__CI__HASH__ENV');
  assert.equal(problem?.value, null);
});

for (const [variable, suggestion] of [
  ['SALLYPORT_SESSION_IDLE_TIMEOUT', 'SALLYPORT_SESSION__IDLE_TIMEOUT'],
  ['SALLYPORT_SESSION__IDEL_TIMEOUT', 'SALLYPORT_SESSION__IDLE_TIMEOUT'],
  ['SALLYPORT_PUBLICURLL', 'SALLYPORT_PUBLIC_URL'],
  ['SALLYPORT_SOMETHING_ELSE_ALTOGETHER', null],
  ['SALLYPORT_SESSION', null],
  ['SALLYPORT_ROUTES__X__PATH', null],
  ['SALLYPORT_ROUTES__0____PATH', null],
  ['SALLYPORT_LOG__LEVEL__MORE', 'SALLYPORT_LOG__LEVEL'],
] as const) {
  test(`${variable} hits nothing, which is a problem${suggestion === null ? '' : ' with a suggestion'}`, () => {
    const problems = problemsOf(parseConfig(validConfig(), { [variable]: '1' }));
    assert.equal(problems.length, 1);
    assert.equal(problems[0]?.path, variable);
    assert.equal(problems[0]?.reason, 'hits nothing that the configuration knows');
    if (suggestion !== null) assert.equal(problems[0]?.suggestion, suggestion);
  });
}

test('a gap in a list is a problem', () => {
  const problems = problemsOf(parseConfig(validConfig(), { SALLYPORT_ROUTES__7__PATH: '/x' }));
  assert.match(problems[0]?.reason ?? '', /gap/);
});

test('two variables for one scalar are a problem', () => {
  const env = { SALLYPORT_LOG__LEVEL: 'info', SALLYPORT_log__level: 'warn' };
  assert.match(
    problemsOf(parseConfig(validConfig(), env))[0]?.reason ?? '',
    /sets what SALLYPORT_.* sets too/,
  );
});

test('a wrong value names the variable that it came from, and never shows a secret', () => {
  const wrong = problemsOf(parseConfig(validConfig(), { SALLYPORT_LOG__LEVEL: 'loud' }))[0];
  assert.equal(wrong?.where, 'SALLYPORT_LOG__LEVEL');
  assert.equal(wrong?.value, '"loud"');
  const secret = problemsOf(parseConfig(validConfig(), { SALLYPORT_SESSION__KEYS__0: 'topsecret' }))[0];
  assert.equal(secret?.path, 'session.keys[0]');
  assert.doesNotMatch(JSON.stringify(secret), /topsecret/);
});

for (const name of [
  'SALLYPORT_CONFIG',
  'SALLYPORT_SERVICE_HOST',
  'SALLYPORT_SERVICE_PORT',
  'SALLYPORT_SERVICE_PORT_HTTP',
  'SALLYPORT_PORT',
  'SALLYPORT_PORT_8080_TCP',
  'SALLYPORT_PORT_8080_TCP_ADDR',
]) {
  test(`${name} is no part of the configuration and keeps nothing from starting`, () => {
    assert.ok(parseConfig(validConfig(), { [name]: 'x' }).ok);
  });
}

test('a variable may hold either form of what is a word or a number', () => {
  for (const [written, workers] of [
    ['3', 3],
    ['auto', 'auto'],
  ] as const) {
    assert.equal(configOf(parseConfig(validConfig(), { SALLYPORT_WORKERS: written })).workers, workers);
  }
});
