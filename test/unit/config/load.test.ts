/** Files: the three formats, where things stand in them, and what they refer to. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { configOf, problemsOf } from '../../support/configs.ts';
import { localhostCertificate } from '../../support/localhost-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-load-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const yaml = `publicUrl: https://app.example.com
providers:
  main: { issuer: "https://login.example.com", clientId: app, clientSecret: { env: CLIENT_SECRET } }
clusters:
  app: { targets: [ "http://127.0.0.1:3000" ] }
routes:
  - { path: /public/**, cluster: app, access: public }
  - { path: /**, cluster: app, access: signed-in, requestHeaders: { X-User: "{claims.sub}" } }
`;
const json = `{
\t"publicUrl": "https://app.example.com",
\t"providers": {
\t\t"main": { "issuer": "https:\\/\\/login.example.com", "clientId": "app", "clientSecret": { "env": "CLIENT_SECRET" } }
\t},
\t"clusters": { "app": { "targets": ["http://127.0.0.1:3000"] } },
\t"routes": [
\t\t{ "path": "/public/**", "cluster": "app", "access": "public" },
\t\t{ "path": "/**", "cluster": "app", "access": "signed-in", "requestHeaders": { "X-User": "{claims.sub}" } }
\t]
}
`;
const toml = `publicUrl = "https://app.example.com"

[providers.main]
issuer = "https://login.example.com"
clientId = "app"
clientSecret = { env = "CLIENT_SECRET" }

[clusters.app]
targets = ["http://127.0.0.1:3000"]

[[routes]]
path = "/public/**"
cluster = "app"
access = "public"

[[routes]]
path = "/**"
cluster = "app"
access = "signed-in"
requestHeaders = { X-User = "{claims.sub}" }
`;
const env = { CLIENT_SECRET: 'hush' };

test('YAML, JSON and TOML say the same', () => {
  const fromYaml = configOf(loadConfig({ file: write('a.yaml', yaml), env }));
  assert.deepEqual(configOf(loadConfig({ file: write('a.yml', yaml), env })), fromYaml);
  assert.deepEqual(configOf(loadConfig({ file: write('a.json', json), env })), fromYaml);
  assert.deepEqual(configOf(loadConfig({ file: write('a.toml', toml), env })), fromYaml);
  assert.deepEqual(configOf(loadConfig({ file: write('mark.json', `\uFEFF${json}`), env })), fromYaml);
  assert.equal(fromYaml.providers.main?.clientSecret?.reveal(), 'hush');
});

test('a relative data directory belongs to the file, not to the working directory', () => {
  assert.equal(configOf(loadConfig({ file: write('d.yaml', yaml), env })).dataDir, join(folder, 'data'));
});

for (const [name, text, where, reason] of [
  ['twice.yaml', `${yaml}publicUrl: https://other.example\n`, ':9:1', 'has the key `publicUrl` twice'],
  [
    'deep.yaml',
    yaml.replace('access: public', 'access: public, access: public'),
    ':7:55',
    'has the key `access` twice',
  ],
  [
    'twice.json',
    json.replace('"public" }', '"public", "access": "public" }'),
    ':8:65',
    'has the key `access` twice',
  ],
  ['twice.toml', `publicUrl = "https://a"\npublicUrl = "https://b"\n`, ':2:', 'is not valid TOML'],
  ['tab.yaml', 'log:\n\tlevel: info\n', ':2:', 'indented with a tab'],
  ['quote.yaml', 'publicUrl: "https://a\nlog: {}\n', ':', 'lacks a closing quote'],
  ['two.yaml', `${yaml}---\n${yaml}`, ':', 'more than one document'],
  ['alias.yaml', 'publicUrl: *nowhere\n', '', 'names an anchor that is not there'],
  ['comma.json', json.replace('"app",', '"app"'), ':', 'is not valid JSON'],
  ['end.json', '{ "publicUrl": ', ':1:16', 'is not valid JSON'],
  ['comment.json', `// a comment\n${json}`, '', 'is not valid JSON'],
] as const) {
  test(`${name} is refused and the line is named`, () => {
    const [problem] = problemsOf(loadConfig({ file: write(name, text), env }));
    assert.ok(problem?.where?.startsWith(`${join(folder, name)}${where}`), String(problem?.where));
    assert.ok(problem?.reason.includes(reason), String(problem?.reason));
  });
}

test('a syntax error quotes nothing of the file, which may hold secrets', () => {
  const broken = [
    ['s1.json', '{ "clientSecret": "topsecret" "x" }'],
    ['s2.json', '{ "clientSecret": topsecret }'],
    ['s3.yaml', 'clientSecret: "topsecret\n'],
    ['s4.yaml', 'clientSecret: "topsecret" topsecret\n'],
    ['s5.toml', 'clientSecret = "topsecret" topsecret\n'],
  ] as const;
  for (const [name, text] of broken) {
    const problems = problemsOf(loadConfig({ file: write(name, text), env }));
    assert.ok(problems.length > 0, name);
    assert.doesNotMatch(JSON.stringify(problems), /topsecret/);
  }
});

test('every problem names the line and the column in YAML and in JSON', () => {
  const [inYaml] = problemsOf(
    loadConfig({
      file: write('where.yaml', yaml.replace('cluster: app, access: public', 'cluster: ap, access: public')),
      env,
    }),
  );
  assert.equal(inYaml?.where, `${join(folder, 'where.yaml')}:7:25`);
  assert.equal(inYaml?.suggestion, 'app');
  const [inJson] = problemsOf(
    loadConfig({
      file: write(
        'where.json',
        json.replace('"cluster": "app", "access": "public"', '"cluster": "ap", "access": "public"'),
      ),
      env,
    }),
  );
  assert.equal(inJson?.where, `${join(folder, 'where.json')}:8:27`);
});

test('a file that is not there, and one of an unknown kind, are one problem each', () => {
  const missing = problemsOf(loadConfig({ file: join(folder, 'nowhere.yaml'), env }));
  assert.deepEqual(
    missing.map(({ reason }) => reason),
    ['cannot be read (ENOENT)'],
  );
  const unknown = problemsOf(loadConfig({ file: write('a.ini', ''), env }));
  assert.match(unknown[0]?.reason ?? '', /extension/);
  mkdirSync(join(folder, 'folder.yaml'));
  assert.match(problemsOf(loadConfig({ file: join(folder, 'folder.yaml'), env }))[0]?.reason ?? '', /EISDIR/);
});

test('an empty file leaves everything to the environment, and says what is missing', () => {
  const paths = problemsOf(loadConfig({ file: write('empty.yaml', '# nothing\n'), env })).map(
    ({ path }) => path,
  );
  assert.deepEqual(paths, ['publicUrl', 'clusters', 'routes']);
});

const secretAs = (reference: string) => yaml.replace('{ env: CLIENT_SECRET }', reference);

test('a secret from a file is relative to the configuration and loses only its last line break', () => {
  for (const [content, expected] of [
    ['hush\n', 'hush'],
    ['hush\r\n', 'hush'],
    ['hush', 'hush'],
    ['two\nlines\n\n', 'two\nlines\n'],
    [' spaced ', ' spaced '],
  ] as const) {
    write('secret.txt', content);
    const config = configOf(
      loadConfig({ file: write('ref.yaml', secretAs('{ file: secret.txt }')), env: {} }),
    );
    assert.equal(config.providers.main?.clientSecret?.reveal(), expected);
  }
});

for (const [reference, reason] of [
  ['{ env: NOT_SET }', 'the environment variable NOT_SET is not set'],
  ['{ env: EMPTY }', 'the environment variable EMPTY is empty'],
  ['{ env: constructor }', 'the environment variable constructor is not set'],
  ['{ file: nowhere }', `the file ${join(folder, 'nowhere')} cannot be read (ENOENT)`],
  ['{ file: empty-secret }', `the file ${join(folder, 'empty-secret')} is empty`],
  ['{ file: huge }', `the file ${join(folder, 'huge')} is larger than 64 KiB`],
  ['{ file: /dev/zero }', 'the file /dev/zero is no regular file'],
  ['{ en: X }', 'is neither text nor a reference: write { env: NAME } or { file: path }'],
  ['{ env: A, file: b }', 'is neither text nor a reference: write { env: NAME } or { file: path }'],
  ['{ env: 5 }', 'is neither text nor a reference: write { env: NAME } or { file: path }'],
  ['{}', 'is neither text nor a reference: write { env: NAME } or { file: path }'],
] as const) {
  test(`a secret as ${reference} is one problem that names what is missing`, () => {
    write('empty-secret', '\n');
    write('huge', 'x'.repeat(70_000));
    const problems = problemsOf(
      loadConfig({ file: write('dangling.yaml', secretAs(reference)), env: { EMPTY: '' } }),
    );
    assert.deepEqual(
      problems.map(({ path, reason }) => [path, reason]),
      [['providers.main.clientSecret', reason]],
    );
  });
}

test('a reference stands only where a secret is expected', () => {
  const text = yaml.replace('clientId: app', 'clientId: { env: CLIENT_ID }');
  const problems = problemsOf(
    loadConfig({ file: write('misplaced.yaml', text), env: { ...env, CLIENT_ID: 'x' } }),
  );
  assert.deepEqual(
    problems.map(({ path, reason }) => [path, reason]),
    [['providers.main.clientId', 'must be text']],
  );
});

test('keys of the key rings may be references too', () => {
  const [first, second] = ['k1', 'k2'].map((text) => Buffer.alloc(32, text).toString('base64'));
  write('key', `${first}\n`);
  const text = `${yaml}session: { keys: [ { file: key }, { env: OLD_KEY } ] }\n`;
  const config = configOf(loadConfig({ file: write('keys.yaml', text), env: { ...env, OLD_KEY: second } }));
  assert.deepEqual(
    config.session.keys?.tokens.map((each) => each.text.reveal()),
    [first, second],
  );
});

test('certificates may be a reference', () => {
  write('ca.pem', `${localhostCertificate}\n`);
  const text = yaml.replace(
    '"http://127.0.0.1:3000" ]',
    '"https://app.internal" ], tls: { ca: { file: ca.pem } }',
  );
  const config = configOf(loadConfig({ file: write('ca.yaml', text), env }));
  assert.equal(config.clusters.app?.tls.ca, localhostCertificate);
});

test('what is no certificate is refused before anything starts', () => {
  write('none.pem', '-----BEGIN CERTIFICATE-----\n');
  const text = yaml.replace(
    '"http://127.0.0.1:3000" ]',
    '"https://app.internal" ], tls: { ca: { file: none.pem } }',
  );
  const [problem] = problemsOf(loadConfig({ file: write('none.yaml', text), env }));
  assert.match(problem?.reason ?? '', /^holds no certificates/);
});
