/** `sallyport convert`, and `check` and `serve` straight from the settings of another proxy. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { parseSource } from '../../../src/config/source.ts';
import { killCliProcesses, runCli, startCli, until } from '../../support/cli.ts';
import { configOf } from '../../support/configs.ts';
import { freePort } from '../../support/free-port.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-convert-'));
after(() => {
  killCliProcesses();
  rmSync(root, { recursive: true });
});
const folder = () => mkdtempSync(join(root, 'case-'));

const env = {
  LISTEN_URL: '127.0.0.1:0',
  PROVIDER_URL: 'http://127.0.0.1:1',
  UPSTREAM_URL: 'http://127.0.0.1:1',
  AUDIENCE: '"https://api.example.com"',
  CLIENT_SECRET: 'a client secret that is long enough',
};

test('convert prints a configuration that is valid, and nothing of a secret', async () => {
  const { code, out, err } = await runCli(['convert', 'ooproxy'], { cwd: folder(), env });
  assert.equal(code, 0, err);
  assert.match(err, /^\d+ notes on what differs/);
  assert.ok(!out.includes(env.CLIENT_SECRET));
  const source = parseSource(out, 'yaml');
  assert.ok(source.ok);
  const config = configOf(parseConfig(source.data, env));
  assert.equal(config.apis.main?.hmacSecret?.reveal(), env.CLIENT_SECRET);
});

test('convert reads settings.toml of the working directory, or the file that is named', async () => {
  const cwd = folder();
  mkdirSync(join(cwd, 'sub'));
  writeFileSync(join(cwd, 'settings.toml'), 'subject = "here"\n');
  writeFileSync(join(cwd, 'sub', 'other.toml'), 'subject = "there"\n');
  const here = await runCli(['convert', 'ooproxy'], { cwd, env });
  assert.match(here.out, /subject: here\n/);
  const there = await runCli(['convert', 'ooproxy', 'sub/other.toml'], { cwd, env });
  assert.match(there.out, /subject: there\n/);
});

test('what cannot be used is told with the setting that it came from, and with exit code 1', async () => {
  const cwd = folder();
  writeFileSync(join(cwd, 'settings.toml'), '\nupstream_url = "ftp://example.com"\n');
  const { UPSTREAM_URL: _, ...rest } = env;
  const cases = [
    [{ ...rest }, /"ftp:\/\/example\.com" {2}\(settings\.toml line 2\)\n {4}is neither http nor https/],
    [
      { ...env, LISTEN_URL: 'everywhere' },
      /listen\.address = "everywhere" {2}\(environment variable LISTEN_URL\)/,
    ],
    [{ ...env, LEEWAY: 'x' }, /LEEWAY {2}\(environment variable LEEWAY\)\n {4}must be a whole number/],
  ] as const;
  for (const [given, expected] of cases) {
    for (const args of [
      ['convert', 'ooproxy'],
      ['check', '--from', 'ooproxy'],
      ['serve', '--from', 'ooproxy'],
    ]) {
      const { code, err } = await runCli(args, { cwd, env: given });
      assert.equal(code, 1, args.join(' '));
      assert.match(err, expected);
    }
  }
});

test('a file that is not there is told', async () => {
  const { code, out, err } = await runCli(['convert', 'ooproxy', 'missing.toml'], { cwd: folder(), env });
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /missing\.toml\)\n {4}cannot be read \(ENOENT\)/);
});

test('wrong usage ends with 2 and a sentence', async () => {
  const cases = [
    [['convert', 'nothing'], /there is no command `nothing`/],
    [['convert', 'ooproxy', 'a', 'b'], /more than one file/],
    [['serve', 'settings.toml'], /named with --config/],
    [['check', '--from', 'nothing'], /known: ooproxy/],
    [['check', '--from', 'ooproxy', '--config', 'x.yaml'], /two configurations/],
    [['check', '--from', 'ooproxy', 'a', 'b'], /more than one file/],
  ] as const;
  for (const [args, expected] of cases) {
    const { code, err } = await runCli(args, { cwd: folder(), env });
    assert.equal(code, 2, args.join(' '));
    assert.match(err, expected);
  }
});

test('check tells whether the gate would start from the settings', async () => {
  const { code, out } = await runCli(['check', '--from', 'ooproxy'], { cwd: folder(), env });
  assert.deepEqual([code, out], [0, 'configuration of ooproxy is valid\n']);
});

test('SALLYPORT_ variables count over what was converted', async () => {
  const { code, err } = await runCli(['check', '--from', 'ooproxy'], {
    cwd: folder(),
    env: { ...env, SALLYPORT_LOG__LEVEL: 'loud' },
  });
  assert.equal(code, 1);
  assert.match(err, /log\.level = "loud" {2}\(SALLYPORT_LOG__LEVEL\)/);
});

/** Status and challenge for a request without a token. */
async function ask(port: number) {
  const sent = request({
    host: '127.0.0.1',
    port,
    path: '/',
    agent: false,
    headers: { host: 'any.example' },
  }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return [response.statusCode, response.headers['www-authenticate']] as const;
}

for (const workers of ['1', '2']) {
  test(`serve runs straight from the settings, writes nothing and asks for a token (${workers} at work)`, async () => {
    const cwd = folder();
    const port = await freePort();
    const cli = startCli(['serve', '--from', 'ooproxy'], {
      cwd,
      env: { ...env, LISTEN_URL: `127.0.0.1:${port}`, NUM_WORKERS: workers },
    });
    await until(() => cli.out().includes('process.started') || cli.err());
    const [status, challenge = ''] = await ask(port);
    assert.equal(status, 401);
    assert.match(challenge, /^Bearer/);
    assert.deepEqual(readdirSync(cwd), []);
    cli.process.kill('SIGTERM');
    assert.equal(await cli.exited, 0);
    assert.deepEqual(readdirSync(cwd), []);
  });
}
