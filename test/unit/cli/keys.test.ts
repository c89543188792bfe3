/** `sallyport keys` as a person calls it: golden outputs, files and their modes, and never a key in what it prints. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../../src/cli/run.ts';
import { createKeyRings } from '../../../src/keys/create-key-rings.ts';
import { parseKey } from '../../../src/keys/parse-keys.ts';
import { runCli } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Keys whose ids are known: 32 bytes each. */
const first = Buffer.from('the first key of the ring, as is').toString('base64');
const second = Buffer.from('the second key of the ring, same').toString('base64');
const ids = { first: '98f7f558a45d1aac', second: '8c6a96cefed351e7' };

async function keys(args: readonly string[], env: Record<string, string> = {}) {
  const written = { out: '', err: '' };
  const code = await run(['keys', ...args], {
    env,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    ask: null,
  });
  return { code, ...written };
}

const ok = (out: string) => ({ code: 0, out, err: '' });
const failed = (err: string) => ({ code: 1, out: '', err });

test('keys alone and with --help lists its commands', async () => {
  const overview = `Usage: sallyport keys <command> [options]

Make, list and rotate the keys that seal sessions.

  generate  Print a new key, or write a new key file
  list      List the keys by id, and what each is for
  rotate    Change the key that seals, step by step

  -h, --help       Help, also for each command
  -v, --version    The version
`;
  assert.deepEqual(await keys(['--help']), ok(overview));
  assert.deepEqual(await keys([]), { code: 2, out: '', err: overview });
  assert.deepEqual(await keys(['rotat']), {
    code: 2,
    out: '',
    err: `sallyport keys: there is no command \`rotat\`\n\n${overview}`,
  });
});

for (const name of ['generate', 'list', 'rotate']) {
  test(`keys ${name} --help says how it is called`, async () => {
    const { code, out } = await keys([name, '--help']);
    assert.equal(code, 0);
    assert.ok(out.startsWith(`Usage: sallyport keys ${name} [options]\n\n`));
    assert.match(out, /-f, --file FILE/);
    assert.equal((await keys([name, '--nope'])).code, 2);
  });
}

test('generate prints a key, another each time', async () => {
  const [one, two] = [await keys(['generate']), await keys(['generate'])];
  for (const { code, out, err } of [one, two]) {
    assert.deepEqual([code, err], [0, '']);
    assert.notEqual(parseKey(out), null);
    assert.match(out, /^\S+\n$/);
  }
  assert.notEqual(one.out, two.out);
});

test('generate --file writes for its user alone, and never over a file', async (context) => {
  const folder = temporaryFolder(context);
  const file = join(folder, 'ring');
  const { code, out } = await keys(['generate', '--file', file]);
  assert.equal(code, 0);
  assert.match(out, new RegExp(`^Wrote ${file} with the key [0-9a-f]{16}\\.\\n$`));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  assert.notEqual(parseKey(text), null);
  assert.deepEqual(
    await keys(['generate', '--file', file]),
    failed(
      `sallyport keys generate: ${file} is there already: name another, or change its keys with \`sallyport keys rotate\`\n`,
    ),
  );
  assert.equal(readFileSync(file, 'utf8'), text);
  assert.deepEqual(readdirSync(folder), ['ring']);
  const nowhere = join(folder, 'none', 'ring');
  assert.deepEqual(
    await keys(['generate', '--file', nowhere]),
    failed(`sallyport keys generate: ${nowhere} cannot be written (ENOENT)\n`),
  );
});

test('list --file shows ids and roles', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  writeFileSync(file, `# ring\n${first}\n${second} # next\n`);
  assert.deepEqual(
    await keys(['list', '--file', file]),
    ok(`KEY               ROLE\n${ids.first}  seals\n${ids.second}  opens (next)\n`),
  );
  writeFileSync(file, `${second}\n${first} # old\n`);
  assert.deepEqual(
    await keys(['list', '-f', file]),
    ok(`KEY               ROLE\n${ids.second}  seals\n${ids.first}  opens (old)\n`),
  );
});

test('list of a file that holds no ring says what is wrong with it, and nothing of what it holds', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  assert.deepEqual(
    await keys(['list', '--file', file]),
    failed(`sallyport keys list: the file ${file} cannot be read (ENOENT)\n`),
  );
  writeFileSync(file, `${first}\n${second.slice(0, 30)}\n`);
  assert.deepEqual(
    await keys(['list', '--file', file]),
    failed(
      `sallyport keys list: the file ${file}: line 2 is not a key: write 32 random bytes in base64, as \`sallyport keys generate\` prints them\n`,
    ),
  );
});

const minimal = `publicUrl: http://localhost:8080
clusters: { app: { targets: ["http://127.0.0.1:3000"] } }
routes: [{ path: /**, cluster: app, access: public }]
`;

test('list --config shows both rings, from wherever their keys come', async (context) => {
  const folder = temporaryFolder(context);
  const config = join(folder, 'sallyport.yaml');
  writeFileSync(join(folder, 'ring'), `${first}\n${second}\n`);
  writeFileSync(
    config,
    `${minimal}session: { keys: { cookies: [{ env: RING }], tokens: [{ file: ring }] } }\n`,
  );
  assert.deepEqual(
    await keys(['list', '--config', config], { RING: second }),
    ok(
      `RING     KEY               ROLE\ncookies  ${ids.second}  seals\ntokens   ${ids.first}  seals\ntokens   ${ids.second}  opens\n`,
    ),
  );
});

test('list --config without keys shows those that the gate has made', async (context) => {
  const folder = temporaryFolder(context);
  const config = join(folder, 'sallyport.yaml');
  writeFileSync(config, minimal);
  const none = 'none yet: the gate makes one when it starts';
  assert.deepEqual(
    await keys(['list', '--config', config]),
    ok(`RING     KEY               ROLE\ncookies  ${none}\ntokens   ${none}\n`),
  );
  const rings = createKeyRings(undefined, {
    dataDir: join(folder, 'data'),
    random: (count) => Buffer.from('another key of thirty-two bytes!').subarray(0, count),
    emit: () => {},
  });
  rings.close();
  const [id] = rings.tokens.ids;
  assert.deepEqual(
    await keys(['list', '--config', config]),
    ok(`RING     KEY               ROLE\ncookies  ${id}  seals\ntokens   ${id}  seals\n`),
  );
});

test('list of a configuration that is not valid prints its problems', async (context) => {
  const config = join(temporaryFolder(context), 'sallyport.yaml');
  writeFileSync(config, `${minimal}session: { keys: [x] }\n`);
  const { code, out, err } = await keys(['list', '--config', config]);
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /session\.keys\[0\].*\n {4}is not a key: write 32 random bytes in base64/);
});

test('rotate goes in three steps and says after each when the next is due', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  writeFileSync(file, `${first}\n`);
  const added = await keys(['rotate', '--file', file]);
  const [, id = ''] = /^Added the key ([0-9a-f]{16})/.exec(added.out) ?? [];
  assert.deepEqual(
    added,
    ok(`Added the key ${id}. It opens; ${ids.first} still seals.

Next: wait until every node has it. Nodes that share this file have it within 5 seconds (event
keys.reloaded in the log); to others, bring the file first. Then:
  sallyport keys rotate --file ${file} --promote
`),
  );
  assert.deepEqual(
    await keys(['rotate', '--file', file, '--promote']),
    ok(`The key ${id} seals now. What was sealed before is still opened.

Next: wait until every node has the file, and then until
sallyport_opened_with_old_key_total stands still on all of them for session.idleTimeout (30m),
or simply for session.absoluteTimeout (12h). Then:
  sallyport keys rotate --file ${file} --drop
`),
  );
  assert.deepEqual(
    await keys(['rotate', '--file', file, '--drop']),
    ok(`Removed ${ids.first}. The key ${id} seals and opens alone.

What was sealed with a removed key is not opened any more: such a session has ended.
`),
  );
  assert.deepEqual(await keys(['list', '--file', file]), ok(`KEY               ROLE\n${id}  seals\n`));
});

test('rotate refuses the wrong step and leaves the file as it is', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  const rows: readonly (readonly [string, readonly string[], string])[] = [
    [`${first}\n`, ['--promote'], 'no key is marked `# next`: add one by calling rotate without --promote'],
    [`${first}\n`, ['--drop'], 'has one key only: there is nothing to remove'],
    [`${first}\n${second} # next\n`, [], `the key ${ids.second} is waiting already: use it with --promote`],
    [
      `${first}\n${second} # next\n`,
      ['--drop'],
      `the key ${ids.second} does not seal yet: use it with --promote first`,
    ],
  ];
  for (const [text, args, reason] of rows) {
    writeFileSync(file, text);
    assert.deepEqual(
      await keys(['rotate', '--file', file, ...args]),
      failed(`sallyport keys rotate: the file ${file}: ${reason}; nothing was changed\n`),
    );
    assert.equal(readFileSync(file, 'utf8'), text);
  }
  assert.equal((await keys(['rotate'])).code, 2);
  assert.equal((await keys(['rotate', '--file', file, '--promote', '--drop'])).code, 2);
  const none = join(file, '..', 'none');
  assert.deepEqual(
    await keys(['rotate', '--file', none]),
    failed(
      `sallyport keys rotate: there is no file ${none}: make one with \`sallyport keys generate --file\`; nothing was changed\n`,
    ),
  );
});

test('rotate keeps mode and owner, follows a link, and leaves nothing beside the file', async (context) => {
  const folder = temporaryFolder(context);
  const [file, link] = [join(folder, 'ring'), join(folder, 'link')];
  writeFileSync(file, `${first}\n`);
  chmodSync(file, 0o640);
  symlinkSync('ring', link);
  const before = statSync(file);
  assert.equal((await keys(['rotate', '--file', link])).code, 0);
  const after = statSync(file);
  assert.deepEqual([after.mode, after.uid, after.gid], [before.mode, before.uid, before.gid]);
  assert.notEqual(after.ino, before.ino);
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.deepEqual(readdirSync(folder).sort(), ['link', 'ring']);
});

test('rotate waits for nobody: while another one is at work it changes nothing and says so', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  writeFileSync(file, `${first}\n`);
  writeFileSync(`${file}.lock`, '');
  const { code, err } = await keys(['rotate', '--file', file]);
  assert.equal(code, 1);
  assert.match(err, /ring\.lock is there: another rotate is at work; when none is, delete that file/);
  assert.equal(readFileSync(file, 'utf8'), `${first}\n`);
  assert.ok(existsSync(`${file}.lock`));
});

test('of rotate calls at the same time one adds its key, and none is lost', async (context) => {
  const cwd = temporaryFolder(context);
  const file = join(cwd, 'ring');
  writeFileSync(file, `${first}\n`);
  const results = await Promise.all(
    Array.from({ length: 6 }, () => runCli(['keys', 'rotate', '--file', file], { cwd })),
  );
  const added = results.filter(({ code }) => code === 0);
  assert.equal(added.length, 1);
  for (const { code, err } of results) {
    if (code !== 0) assert.match(err, /another rotate is at work|is waiting already/);
  }
  const [, id = ''] = /^Added the key ([0-9a-f]{16})/.exec(added[0]?.out ?? '') ?? [];
  assert.deepEqual(
    await keys(['list', '--file', file]),
    ok(`KEY               ROLE\n${ids.first}  seals\n${id}  opens (next)\n`),
  );
  assert.deepEqual(readdirSync(cwd), ['ring']);
});

test('no output but that of generate ever holds a key', async (context) => {
  const file = join(temporaryFolder(context), 'ring');
  writeFileSync(file, `${first}\n`);
  const seen: string[] = [];
  for (const args of [
    ['rotate'],
    ['list'],
    ['rotate'],
    ['rotate', '--promote'],
    ['list'],
    ['rotate', '--drop'],
    ['list'],
  ]) {
    const { out, err } = await keys([...args, '--file', file]);
    seen.push(out, err, readFileSync(file, 'utf8'));
    const held = seen.filter((_, index) => index % 3 === 2).flatMap((text) => text.match(/\S{43}=/g) ?? []);
    for (const key of held)
      for (const text of [out, err]) assert.equal(text.includes(key.slice(0, 12)), false);
  }
});
