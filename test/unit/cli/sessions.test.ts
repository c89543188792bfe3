/** `sallyport sessions`: what it prints, what it ends, and what it refuses to end by accident. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Command, CommandGroup, Terminal } from '../../../src/cli/command.ts';
import { run } from '../../../src/cli/run.ts';
import { createSessionsCommands } from '../../../src/cli/sessions.ts';
import type { Config } from '../../../src/config/schema.ts';
import { SallyportError } from '../../../src/core/errors.ts';
import { createFakeDirectory, type FakeDirectoryOptions, summaryOf } from '../../support/fake-directory.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-sessions-'));
after(() => rmSync(root, { recursive: true }));

const dataDir = join(root, 'data');
mkdirSync(dataDir);
for (const file of ['sessions.db', 'tokens.key']) writeFileSync(join(dataDir, file), '');

function configFile(session: string): string {
  const file = join(root, `${Buffer.from(session).toString('hex').slice(0, 60)}.yaml`);
  writeFileSync(
    file,
    `publicUrl: https://app.example.com
clusters: { app: { targets: ["http://127.0.0.1:3000"] } }
routes: [{ path: /**, cluster: app, access: public }]
session: ${session}
dataDir: ${dataDir}
`,
  );
  return file;
}

/** A configuration whose `dataDir` is not there. */
function emptyFolder() {
  const folder = join(root, 'empty');
  const config = join(root, 'empty.yaml');
  const text = readFileSync(sqlite, 'utf8').replace(`dataDir: ${dataDir}`, `dataDir: ${folder}`);
  writeFileSync(config, text);
  return { config, folder };
}

const sqlite = configFile('{ store: sqlite }');
const sessions = [
  summaryOf('a'),
  summaryOf('b', { subject: 'bob', name: null, provider: 'other', userAgent: null }),
];

interface CallOptions extends FakeDirectoryOptions {
  readonly config?: string;
  /** What a person types; nobody is there when absent. */
  readonly reply?: string;
  readonly options?: Readonly<Record<string, string | boolean>>;
}

/** A terminal that keeps what is written, and where a person types `reply`; nobody is there without one. */
function createRecorder(reply?: string, env: Readonly<Record<string, string>> = {}) {
  let [out, err, questions] = ['', '', 0];
  const terminal: Terminal = {
    env,
    out(text) {
      out += text;
    },
    err(text) {
      err += text;
    },
    ask:
      reply === undefined
        ? null
        : async () => {
            questions += 1;
            return reply;
          },
  };
  return { terminal, out: () => out, err: () => err, questions: () => questions };
}

/** One command over a fake directory. */
async function call(name: string, operands: readonly string[], setup: CallOptions = {}) {
  const directory = createFakeDirectory({ sessions, ...setup });
  const written = createRecorder(setup.reply);
  const state = { opened: 0, closed: 0 };
  const group = createSessionsCommands(async (_config: Config) => {
    state.opened += 1;
    return {
      directory,
      async close() {
        state.closed += 1;
      },
    };
  });
  const command = (await (group as CommandGroup).commands[name]?.load()) as Command;
  const code = await command.run(
    { config: setup.config ?? sqlite, ...setup.options },
    written.terminal,
    operands,
  );
  assert.equal(state.opened, state.closed, 'what was opened is closed');
  const { out, err, questions } = written;
  return { code, directory, out: out(), err: err(), questions: questions(), ...state };
}

test('list is a table of who, where from, and since when', async () => {
  const { code, out } = await call('list', []);
  assert.equal(code, 0);
  assert.equal(
    out,
    `ID        WHO                        PROVIDER  SINCE                 LAST SEEN             ADDRESS    CLIENT
aaaaaaaa  alice@example.com (alice)  main      2026-01-02T03:04:05Z  2026-01-02T04:00:00Z  192.0.2.7  Mozilla/5.0 (X11; Linux x86_64)
bbbbbbbb  bob                        other     2026-01-02T03:04:05Z  2026-01-02T04:00:00Z  192.0.2.7  -
`,
  );
});

test('list --json is an object a line', async () => {
  const { out } = await call('list', [], { options: { json: true, sub: 'bob' } });
  assert.deepEqual(JSON.parse(out), {
    ...sessions[1],
    createdAt: '2026-01-02T03:04:05Z',
    lastSeenAt: '2026-01-02T04:00:00Z',
    expiresAt: '2026-01-02T12:00:00Z',
  });
});

test('list of more than a page has its heads once and everybody', async () => {
  const many = Array.from({ length: 1201 }, (_, i) => summaryOf('m', { logId: `s${i}` }));
  const { out } = await call('list', [], { sessions: many });
  const lines = out.trimEnd().split('\n');
  assert.equal(lines.length, 1202);
  assert.equal(lines.filter((line) => line.startsWith('ID')).length, 1);
  assert.match(lines.at(-1) as string, /^s1200 /);
});

test('list of nothing says so, and as JSON is nothing', async () => {
  assert.deepEqual(await pick(call('list', [], { options: { sub: 'carol' } })), [0, '', 'no sessions\n']);
  assert.deepEqual(await pick(call('list', [], { options: { sub: 'carol', json: true } })), [0, '', '']);
});

async function pick(called: ReturnType<typeof call>) {
  const { code, out, err } = await called;
  return [code, out, err];
}

test('show tells everything, by the short id or the whole one', async () => {
  const expected = `id         ${'a'.repeat(43)}
in logs    aaaaaaaa
name       alice@example.com
subject    alice
provider   main
issuer     https://login.example.com
sid        sid-a
since      2026-01-02T03:04:05Z
last seen  2026-01-02T04:00:00Z
ends       2026-01-02T12:00:00Z
address    192.0.2.7
client     Mozilla/5.0 (X11; Linux x86_64)
`;
  for (const id of ['aaaaaaaa', 'a'.repeat(43)]) assert.equal((await call('show', [id])).out, expected);
  const json = JSON.parse((await call('show', ['aaaaaaaa'], { options: { json: true } })).out);
  assert.equal(json.subject, 'alice');
});

test('show without an id, with two, or with an unknown one', async () => {
  assert.equal((await call('show', [])).code, 2);
  assert.equal((await call('show', ['a', 'b'])).code, 2);
  assert.deepEqual(await pick(call('show', ['zzz'])), [
    1,
    '',
    'sallyport sessions show: there is no such session\n',
  ]);
});

const hostile: readonly (readonly [string, string, string])[] = [
  ['a colour', '\u001b[31mred', '\\u{1b}[31mred'],
  ['the title of the window', '\u001b]0;owned\u0007', '\\u{1b}]0;owned\\u{7}'],
  ['a C1 control', '\u009b2J', '\\u{9b}2J'],
  ['a new line', 'x\r\nbbbbbbbb  admin', 'x\\u{d}\\u{a}bbbbbbbb  admin'],
  ['another direction', 'user\u202egpj', 'user\\u{202e}gpj'],
  ['nothing to see', 'al\u200bice', 'al\\u{200b}ice'],
  ['half a character', 'x\ud800y', 'x\\u{d800}y'],
  ['what looks like an escape', 'x\\u{1b}', 'x\\\\u{1b}'],
];

for (const [what, text, shown] of hostile) {
  test(`${what} in a name or a user agent does nothing to the terminal`, async () => {
    const session = summaryOf('a', {
      name: text,
      userAgent: text,
      subject: text,
      provider: text,
      address: text,
    });
    for (const [name, operands] of [
      ['list', []],
      ['show', ['aaaaaaaa']],
    ] as const) {
      const { out } = await call(name, operands, { sessions: [session] });
      assert.ok(out.includes(shown), out);
      assert.doesNotMatch(out.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Cs}]/u);
      const json = await call(name, operands, { sessions: [session], options: { json: true } });
      assert.doesNotMatch(json.out.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Cs}]/u);
      assert.equal(JSON.parse(json.out).name, text);
    }
  });
}

test('a long name is cut in the table and whole in show', async () => {
  const session = summaryOf('a', { name: 'n'.repeat(200) });
  const { out } = await call('list', [], { sessions: [session] });
  assert.match(out, /\bn{47}… /);
  assert.ok((await call('show', ['aaaaaaaa'], { sessions: [session] })).out.includes('n'.repeat(200)));
});

test('SC-023: revoke ends sessions by id, by person, by provider, by sid', async () => {
  const byId = await call('revoke', ['aaaaaaaa', 'b'.repeat(43)]);
  assert.deepEqual([byId.code, byId.out], [0, 'ended 2 sessions\n']);
  assert.deepEqual(byId.directory.remaining(), []);
  const byPerson = await call('revoke', [], { options: { sub: 'alice', provider: 'main' } });
  assert.deepEqual([byPerson.code, byPerson.out], [0, 'ended 1 session\n']);
  assert.deepEqual(byPerson.directory.ended, [
    { filter: { provider: 'main', subject: 'alice' }, reason: 'operator' },
  ]);
  const bySid = await call('revoke', [], { options: { sid: 'sid-b', json: true } });
  assert.deepEqual([bySid.code, bySid.out], [0, '{"ended":1}\n']);
});

test('an id of no session is told, and the others end', async () => {
  const { code, out, err, directory } = await call('revoke', ['nobody', 'aaaaaaaa', 'aaaaaaaa']);
  assert.deepEqual([code, out], [1, 'ended 1 session\n']);
  assert.equal(err, 'sallyport sessions revoke: 1 of the ids are of no session\n');
  assert.equal(directory.remaining().length, 1);
});

test('--all asks a person, takes --yes, and refuses when nobody is there', async () => {
  const options = { all: true };
  const nobody = await call('revoke', [], { options });
  assert.deepEqual([nobody.code, nobody.opened], [2, 0]);
  assert.match(nobody.err, /--yes/);
  for (const reply of ['', 'y', 'yes', 'ALL']) {
    const unsure = await call('revoke', [], { options, reply });
    assert.deepEqual([unsure.code, unsure.questions, unsure.directory.ended.length], [2, 1, 0]);
  }
  const sure = await call('revoke', [], { options, reply: 'all' });
  assert.deepEqual([sure.code, sure.out], [0, 'ended 2 sessions\n']);
  const yes = await call('revoke', [], { options: { all: true, yes: true } });
  assert.deepEqual([yes.code, yes.out, yes.questions], [0, 'ended 2 sessions\n', 0]);
});

const mistakes: readonly (readonly [string, readonly string[], Record<string, string | boolean>])[] = [
  ['nothing', [], {}],
  ['--yes alone', [], { yes: true }],
  ['an empty --sub, as of a variable that is not set', [], { sub: '' }],
  ['an empty --sid beside --sub', [], { sub: 'alice', sid: '' }],
  ['ids and a filter', ['aaaaaaaa'], { sub: 'alice' }],
  ['ids and --all', ['aaaaaaaa'], { all: true, yes: true }],
  ['a filter and --all', [], { sub: 'alice', all: true, yes: true }],
];

for (const [what, operands, options] of mistakes) {
  test(`revoke with ${what} is wrong usage and ends nothing`, async () => {
    const { code, directory, opened } = await call('revoke', operands, { options });
    assert.equal(code, 2);
    assert.equal(opened, 0);
    assert.deepEqual(directory.ended, []);
  });
}

test('where sessions live, decides what can be done from here', async () => {
  const memory = configFile('{ store: memory }');
  const cookie = configFile('{ store: cookie }');
  const denying = configFile('{ store: cookie, denyList: sqlite }');
  for (const name of ['list', 'revoke'] as const) {
    const { code, err } = await call(name, name === 'list' ? [] : ['aaaaaaaa'], { config: memory });
    assert.equal(code, 1);
    assert.match(err, /only the running gate knows.*\/admin\/sessions/);
  }
  assert.match((await call('list', [], { config: cookie })).err, /nobody can list them/);
  assert.match((await call('list', [], { config: denying })).err, /nobody can list them/);
  assert.match((await call('revoke', [], { config: cookie, options: { sub: 'a' } })).err, /denyList/);
  const ended = await call('revoke', [], { config: denying, options: { sub: 'a' }, abilities: 'end' });
  assert.deepEqual([ended.code, ended.out], [0, 'ended; how many they were, nobody can tell\n']);
});

test('nothing is made where no gate has been: it would belong to whoever asked', async () => {
  const { config, folder } = emptyFolder();
  const { code, err, opened } = await call('list', [], { config });
  assert.deepEqual([code, opened], [1, 0]);
  assert.match(err, /there is no .*sessions\.db: no gate has started/);
  assert.ok(!existsSync(folder));
});

test('a store that fails is a sentence and exit code 1', async () => {
  const failure = new SallyportError('ERR_STORE_UNAVAILABLE', 'the session store does not answer');
  const { code, err } = await call('list', [], { failure });
  assert.equal(code, 1);
  assert.equal(err, 'sallyport sessions: the session store does not answer (ERR_STORE_UNAVAILABLE)\n');
});

test('no configuration, or one with a mistake, is told', async () => {
  const { terminal, err } = createRecorder(undefined, { SALLYPORT_CONFIG: join(root, 'missing.yaml') });
  assert.equal(await run(['sessions', 'list'], terminal), 1);
  assert.match(err(), /missing\.yaml/);
});

test('help names the operands, and a stray one is wrong usage', async () => {
  const { terminal, out } = createRecorder();
  assert.equal(await run(['sessions', 'revoke', '--help'], terminal), 0);
  assert.ok(out().startsWith('Usage: sallyport sessions revoke [<id>…] [options]\n'), out());
  assert.equal(await run(['sessions', 'list', 'stray'], terminal), 2);
});
