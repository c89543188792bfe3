/** The commands as a person calls them: what they print, what they write, and the exit code. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run } from '../../../src/cli/run.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { runCli } from '../../support/cli.ts';
import { configOf } from '../../support/configs.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
after(() => rmSync(root, { recursive: true }));
const folder = () => mkdtempSync(join(root, 'case-'));
const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const names = ['serve', 'check', 'init', 'schema'];
const minimal = `publicUrl: http://localhost:8080
clusters: { app: { targets: ["http://127.0.0.1:3000"] } }
routes: [{ path: /**, cluster: app, access: public }]
`;

/** In this process: what a command prints and answers. `replies` are what a person types. */
async function call(
  args: readonly string[],
  options: { env?: Record<string, string>; replies?: string[] } = {},
) {
  const written = { out: '', err: '' };
  const questions: string[] = [];
  const { replies } = options;
  const code = await run(args, {
    env: options.env ?? {},
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    ask:
      replies === undefined
        ? null
        : async (question) => {
            questions.push(question);
            return replies.shift() ?? '';
          },
  });
  return { code, questions, ...written };
}

for (const args of [['--help'], ['-h']]) {
  test(`sallyport ${args[0]} lists every command`, async () => {
    const { code, out, err } = await call(args);
    assert.equal(code, 0);
    assert.equal(err, '');
    for (const name of names) assert.match(out, new RegExp(`^ {2}${name} `, 'm'));
  });
}

for (const name of names) {
  test(`sallyport ${name} --help says what it does and which options it takes`, async () => {
    const { code, out } = await call([name, '--help']);
    assert.equal(code, 0);
    assert.ok(out.startsWith(`Usage: sallyport ${name} [options]`));
    assert.match(out, /-h, --help/);
  });

  test(`sallyport ${name} --version is the version of the package`, async () => {
    assert.deepEqual(await call([name, '--version']), {
      code: 0,
      questions: [],
      out: `${version}\n`,
      err: '',
    });
  });

  test(`sallyport ${name} with an unknown option is wrong usage`, async () => {
    const { code, err } = await call([name, '--nope']);
    assert.equal(code, 2);
    assert.match(err, /--nope/);
  });
}

test('no command and an unknown one are wrong usage', async () => {
  assert.equal((await call([])).code, 2);
  const unknown = await call(['sreve']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /no command `sreve`/);
  assert.equal((await call(['constructor'])).code, 2);
});

test('check answers 0 and says so when the configuration is valid', async () => {
  const file = join(folder(), 'a.yaml');
  writeFileSync(file, minimal);
  assert.deepEqual(await call(['check', '--config', file]), {
    code: 0,
    questions: [],
    out: `${file} is valid\n`,
    err: '',
  });
});

test('check prints every problem and answers 1', async () => {
  const file = join(folder(), 'a.yaml');
  writeFileSync(file, minimal.replace('cluster: app', 'cluster: ap').replace('publicUrl', 'publicURL'));
  const { code, out, err } = await call(['check', '-c', file]);
  assert.equal(code, 1);
  assert.equal(out, '');
  assert.match(err, /3 problems/);
  assert.match(err, /a\.yaml:3:23\)\n {4}no cluster `ap`; did you mean `app`\?/);
  assert.match(err, /publicURL {2}\(.*a\.yaml:1:1\)\n {4}is not known here; did you mean `publicUrl`\?/);
  assert.match(err, /publicUrl .*\n {4}is missing/);
});

test('check prints warnings and still answers 0', async () => {
  const file = join(folder(), 'a.yaml');
  writeFileSync(file, `${minimal}admin: { address: "0.0.0.0:9901" }\n`);
  const { code, err } = await call(['check', '--config', file]);
  assert.equal(code, 0);
  assert.match(err, /1 warning\n {2}admin\.address/);
});

test('the file is --config, then SALLYPORT_CONFIG, then ./sallyport.yaml, then the environment alone', async () => {
  const cwd = folder();
  const labelOf = async (args: readonly string[], env: Record<string, string> = {}) =>
    /^(.+) is valid$/m.exec((await runCli(['check', ...args], { cwd, env })).out)?.[1];
  const nothing = await runCli(['check'], { cwd });
  assert.equal(nothing.code, 2);
  assert.match(nothing.err, /there is no configuration/);
  const variables = {
    SALLYPORT_PUBLIC_URL: 'http://localhost:1',
    SALLYPORT_CLUSTERS__APP__TARGETS: 'http://127.0.0.1:3000',
    SALLYPORT_ROUTES__0__PATH: '/**',
    SALLYPORT_ROUTES__0__CLUSTER: 'app',
    SALLYPORT_ROUTES__0__ACCESS: 'public',
  };
  assert.equal(await labelOf([], variables), 'environment');
  for (const name of ['sallyport.yaml', 'named.yaml', 'given.yaml']) writeFileSync(join(cwd, name), minimal);
  assert.equal(await labelOf([]), 'sallyport.yaml');
  assert.equal(await labelOf([], { SALLYPORT_CONFIG: 'named.yaml' }), 'named.yaml');
  assert.equal(await labelOf(['-c', 'given.yaml'], { SALLYPORT_CONFIG: 'named.yaml' }), 'given.yaml');
});

test('schema prints a JSON schema', async () => {
  const { code, out } = await call(['schema']);
  assert.equal(code, 0);
  assert.equal((JSON.parse(out) as { type: string }).type, 'object');
});

const initFlags = (file: string) => [
  'init',
  '--issuer',
  'https://login.example.com',
  '--client-id',
  'app',
  '--secret-env',
  'APP_SECRET',
  '--upstream',
  'http://127.0.0.1:4000',
  '--public-url',
  'https://app.example.com',
  '--output',
  file,
];

test('what init writes from flags passes the check and says what was asked for', async () => {
  const file = join(folder(), 'sallyport.yaml');
  const { code, out } = await call(initFlags(file));
  assert.equal(code, 0);
  assert.match(out, /https:\/\/app\.example\.com\/\.auth\/callback/);
  assert.equal((await call(['check', '-c', file], { env: { APP_SECRET: 'x' } })).code, 0);
  const config = configOf(loadConfig({ file, env: { APP_SECRET: 'hush' } }));
  assert.equal(config.publicUrl, 'https://app.example.com');
  assert.equal(config.providers.main?.issuer, 'https://login.example.com');
  assert.equal(config.providers.main?.clientId, 'app');
  assert.equal(config.providers.main?.clientSecret?.reveal(), 'hush');
  assert.equal(config.clusters.app?.targets[0]?.origin, 'http://127.0.0.1:4000');
  assert.equal(config.routes[0]?.access, 'signed-in');
  assert.ok((readFileSync(file, 'utf8').match(/^ *#/gm)?.length ?? 0) > 5);
});

test('on a terminal init asks for what no flag gives, and an empty answer means the default', async () => {
  const file = join(folder(), 'asked.yaml');
  const { code, questions } = await call(['init', '-o', file, '--client-id', 'given'], {
    replies: ['http://localhost:9000', '', 'http://127.0.0.1:5000', ''],
  });
  assert.equal(code, 0);
  assert.equal(questions.length, 4);
  const config = configOf(loadConfig({ file, env: { CLIENT_SECRET: 'x' } }));
  assert.equal(config.providers.main?.issuer, 'http://localhost:9000');
  assert.equal(config.providers.main?.clientId, 'given');
  assert.equal(config.publicUrl, 'http://localhost:8080');
  assert.equal(config.listen.address?.port, 8080);
});

test('init without a terminal names the flags that are missing', async () => {
  const { code, err } = await call(['init', '-o', join(folder(), 'x.yaml')]);
  assert.equal(code, 2);
  assert.match(err, /missing --issuer and --client-id/);
});

test('init overwrites only with --force', async () => {
  const file = join(folder(), 'mine.yaml');
  writeFileSync(file, 'mine');
  const refused = await call(initFlags(file));
  assert.equal(refused.code, 1);
  assert.match(refused.err, /--force/);
  assert.equal(readFileSync(file, 'utf8'), 'mine');
  assert.equal((await call([...initFlags(file), '--force'])).code, 0);
  assert.notEqual(readFileSync(file, 'utf8'), 'mine');
});

test('init writes nothing that the gate would not start with', async () => {
  const file = join(folder(), 'bad.yaml');
  for (const [flag, value] of [
    ['--issuer', 'login'],
    ['--public-url', 'http://app.example.com'],
    ['--upstream', 'ftp://127.0.0.1'],
    ['--client-id', ''],
    ['--secret-env', ''],
  ] as const) {
    const args = initFlags(file);
    args[args.indexOf(flag) + 1] = value;
    assert.notEqual((await call(args)).code, 0, flag);
    assert.equal(existsSync(file), false);
  }
});

test('an answer cannot break out of its place in the file', async () => {
  const file = join(folder(), 'quoted.yaml');
  const args = initFlags(file);
  args[args.indexOf('--client-id') + 1] = 'x" }\nroutes: [] # {';
  assert.equal((await call(args)).code, 0);
  const config = configOf(loadConfig({ file, env: { APP_SECRET: 'x' } }));
  assert.equal(config.providers.main?.clientId, 'x" }\nroutes: [] # {');
  assert.equal(config.routes.length, 1);
});

test('a reader that stops early is no error to tell of', async () => {
  const launcher = ['sh', '-c', '"$@" | head -c 1', 'sh'];
  assert.deepEqual(await runCli(['schema'], { cwd: folder(), launcher }), { code: 0, out: '{', err: '' });
});
