/**
 * ooproxy's settings as a configuration of the gate: each folder of `ooproxy/` holds what ooproxy was given (`env.json`,
 * `settings.toml`) and what has to come of it (`sallyport.yaml`). `UPDATE_GOLDEN=1` writes the latter anew.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Conversion, ConverterInput } from '../../src/config/convert/converter.ts';
import { ooproxy } from '../../src/config/convert/ooproxy.ts';
import { writeYaml } from '../../src/config/convert/write-yaml.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problem.ts';
import { parseSource } from '../../src/config/source.ts';
import { makeTlsFiles } from '../support/tls-files.ts';

const golden = join(import.meta.dirname, 'ooproxy');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-convert-'));
before(() => {
  using files = makeTlsFiles();
  writeFileSync(join(folder, 'cert.pfx'), files.pfx('-passout', 'pass:hunter2'));
});
after(() => rmSync(folder, { recursive: true }));

function inputOf(name: string): ConverterInput {
  const toml = join(golden, name, 'settings.toml');
  return {
    env: JSON.parse(readFileSync(join(golden, name, 'env.json'), 'utf8')) as Record<string, string>,
    file: existsSync(toml) ? { name: 'settings.toml', text: readFileSync(toml, 'utf8') } : null,
  };
}

function converted(input: ConverterInput): Extract<Conversion, { ok: true }> {
  const result = ooproxy.convert(input);
  return result.ok ? result : assert.fail(formatProblems(result.problems));
}

for (const name of readdirSync(golden)) {
  const expected = join(golden, name, 'sallyport.yaml');
  const input = inputOf(name);

  test(`${name}: the configuration and its notes are as expected`, () => {
    const text = writeYaml(converted(input), 'Converted from ooproxy.');
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, text);
    assert.equal(text, readFileSync(expected, 'utf8'));
  });

  test(`${name}: every note stands there as a comment`, () => {
    const written = readFileSync(expected, 'utf8')
      .replace(/\n *(?:- )?#/g, '')
      .replace(/ +/g, ' ');
    for (const { message } of converted(input).notes) assert.ok(written.includes(message), message);
  });

  test(`${name}: what is written reads back as what was meant`, () => {
    const source = parseSource(readFileSync(expected, 'utf8'), 'yaml');
    assert.ok(source.ok);
    assert.deepEqual(source.data, converted(input).config);
  });

  test(`${name}: the configuration is valid`, () => {
    const text = readFileSync(expected, 'utf8');
    const result = loadConfig({ file: join(folder, 'sallyport.yaml'), text, env: input.env });
    assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems));
    assert.deepEqual(result.config.routes[0]?.authenticate, ['bearer']);
    assert.equal(result.config.session.store, 'memory');
  });
}

const least = {
  LISTEN_URL: '0.0.0.0:8080',
  PROVIDER_URL: 'https://identity.example.com',
  UPSTREAM_URL: 'http://127.0.0.1:3000',
  AUDIENCE: '"https://api.example.com"',
};

function problemsOf(env: Record<string, string | undefined>, toml: string | null = null) {
  const file = toml === null ? null : { name: 'settings.toml', text: toml };
  const result = ooproxy.convert({ env: { ...least, ...env }, file });
  return result.ok ? [] : result.problems.map(({ path, reason, where }) => `${path} (${where}): ${reason}`);
}

const mistakes: readonly [env: Record<string, string | undefined>, toml: string | null, expected: RegExp][] =
  [
    [{ LISTEN_URL: undefined }, null, /^LISTEN_URL \(environment\): is missing/],
    [
      { PROVIDER_URL: undefined },
      'leeway = 1',
      /^PROVIDER_URL \(environment and settings\.toml\): is missing/,
    ],
    [{ UPSTREAM_URL: '' }, null, /^UPSTREAM_URL \(environment variable UPSTREAM_URL\): is empty/],
    [{ AUDIENCE: 'my-api' }, null, /^AUDIENCE \(environment variable AUDIENCE\): must be JSON/],
    [{ AUDIENCE: '[]' }, null, /^AUDIENCE .*must be JSON/],
    [{ AUDIENCE: '["a", 1]' }, null, /^AUDIENCE .*must be JSON/],
    [{ AUDIENCE: undefined }, '\n\naudience = "my-api"', /^AUDIENCE \(settings\.toml line 3\): must be JSON/],
    [{ AUDIENCE: undefined }, 'audience = ["a"]', /^AUDIENCE \(settings\.toml line 1\): must be text/],
    [{ LEEWAY: '-1' }, null, /^LEEWAY .*at least 0/],
    [{ LEEWAY: '3s' }, null, /^LEEWAY .*whole number/],
    [
      {},
      '# all\nnum_workers = 0',
      /^NUM_WORKERS \(settings\.toml line 2\): must be a whole number of at least 1/,
    ],
    [{ KEY_EXPIRY_SECS: '1e3' }, null, /^KEY_EXPIRY_SECS .*whole number/],
    [{ UPSTREAM_TIMEOUT_SECS: '0' }, null, /^UPSTREAM_TIMEOUT_SECS .*at least 1/],
    [{ CLIENT_SECRET: '' }, null, /^CLIENT_SECRET .*is empty/],
    [{ LISTEN_SSL_URL: '0.0.0.0:4443' }, null, /^LISTEN_SSL_URL .*needs CERT_FILE/],
    [{ CERT_FILE: 'cert.pfx' }, null, /^CERT_FILE .*needs LISTEN_SSL_URL/],
    [{}, 'audiance = "x"', /^audiance \(settings\.toml line 1\): is not known here/],
    [{}, '[server]\nleeway = 1', /^server \(settings\.toml line 1\): is not known here/],
    [{}, 'listen_url = "0.0.0.0:8080\'', /^ \(settings\.toml line 1\): is not valid TOML/],
    // What is missing could stand in the file.
    [{ UPSTREAM_URL: undefined }, 'upstream_url = "', /^ \(settings\.toml line 1\): is not valid TOML/],
  ];

for (const [env, toml, expected] of mistakes) {
  test(`a mistake is told with where it stands: ${expected.source}`, () => {
    const problems = problemsOf(env, toml);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] as string, expected);
  });
}

test('every mistake is told at once', () => {
  assert.equal(problemsOf({ LEEWAY: 'x', AUDIENCE: 'x', LISTEN_URL: undefined }).length, 3);
});

test('the environment wins over the file', () => {
  const file = { name: 'settings.toml', text: 'subject = "of the file"\nleeway = 7' };
  const { config, origins } = converted({ env: { ...least, SUBJECT: 'of the environment' }, file });
  const { main } = config.apis as { main: Record<string, unknown> };
  assert.deepEqual([main.subject, main.leeway], ['of the environment', '7s']);
  assert.equal(origins.get('apis.main.subject'), 'environment variable SUBJECT');
  assert.equal(origins.get('apis.main.leeway'), 'settings.toml line 2');
});

test('a secret of the environment is never copied, one of the file is never lost', () => {
  const secret = 'a secret that is long enough to sign with';
  const env = { ...least, CLIENT_SECRET: secret };
  assert.ok(!writeYaml(converted({ env, file: null }), '').includes(secret));
  const file = { name: 'settings.toml', text: `client_secret = "${secret}"` };
  assert.ok(writeYaml(converted({ env: least, file }), '').includes(`hmacSecret: ${secret}`));
});

test('a secret that is too short to sign with is not taken for signatures', () => {
  const { config, notes } = converted({ env: { ...least, CLIENT_SECRET: 'secret' }, file: null });
  const { main } = config.apis as { main: Record<string, unknown> };
  assert.deepEqual(main.algorithms, ['RS256', 'RS384', 'RS512']);
  assert.equal(main.hmacSecret, undefined);
  assert.ok(notes.some(({ about, message }) => about === 'CLIENT_SECRET' && message.startsWith('Left out')));
});

test('no value ends a comment or becomes configuration', () => {
  const text = 'x"\n# y\nroutes: []\u2028z';
  const source = parseSource(
    writeYaml(
      converted({ env: { ...least, SUBJECT: text, AUDIENCE: JSON.stringify(['a', 'b', text]) }, file: null }),
      '',
    ),
    'yaml',
  );
  assert.ok(source.ok);
  const data = source.data as { routes: unknown[]; apis: { main: { subject: string } } };
  assert.equal(data.routes.length, 1);
  assert.equal(data.apis.main.subject, text);
});
