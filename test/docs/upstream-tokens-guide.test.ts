/** The guide to tokens for applications is true: what it shows for applications reads what the gate sends. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { parseSource } from '../../src/config/source.ts';
import { parseHeaderTemplate } from '../../src/pipeline/header-template.ts';
import { parseAssertionKey } from '../../src/upstream-tokens/assertion-key.ts';
import { fillTemplate } from '../../src/upstreams/header-value.ts';
import { type RunningGate, startGate } from '../support/gate.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const guide = readFileSync(new URL('../../docs/guides/upstream-tokens.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...guide.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((block) => block[1] === language)
    .map((block) => block[2] as string);

type Functions = Readonly<Record<string, (value: unknown) => unknown>>;

/** A program of the guide as a module: it finds packages as this file does. */
async function moduleOf(text: string, folder: string): Promise<Functions> {
  const file = join(folder, 'recipe.mjs');
  writeFileSync(
    file,
    text.replace(/from '(\w+)'/g, (_, name: string) => `from '${import.meta.resolve(name)}'`),
  );
  return (await import(pathToFileURL(file).href)) as Functions;
}

describe('an assertion', () => {
  let gate: RunningGate;
  const [rule] = blocks('yaml')
    .flatMap(
      (text) => (parseSource(text, 'yaml') as { data?: { routes?: readonly object[] } }).data?.routes ?? [],
    )
    .filter((route) => 'path' in route && route.path === '/reports/**') as { upstreamToken: object }[];

  before(async () => {
    assert.ok(rule !== undefined);
    const route = { path: '/reports/**', cluster: 'app', access: 'signed-in' };
    gate = await startGate({ config: { routes: [{ ...route, upstreamToken: rule.upstreamToken }] } });
  });
  after(() => gate.close());

  test('is read by the program of the guide, and a changed one is not', async (context) => {
    const agent = await gate.signIn('/reports/1');
    const response = await agent.ask(`${gate.url}/reports/1`);
    const { headers } = JSON.parse(response.body) as { headers: Record<string, string> };
    const program = blocks('js').find((text) => text.includes('jwtVerify')) ?? '';
    const { callerOf } = await moduleOf(
      program.replaceAll('https://app.example.com', gate.url),
      temporaryFolder(context),
    );
    assert.ok(callerOf !== undefined);
    const caller = (await callerOf({ headers })) as Record<string, unknown>;
    assert.deepEqual([caller.sub, caller.idp], ['alice', 'main']);
    await assert.rejects(async () => callerOf({ headers: {} }), /no assertion/);
    const authorization = `${headers.authorization?.slice(0, -8)}AAAAAAAA`;
    await assert.rejects(async () => callerOf({ headers: { authorization } }));
  });

  test('is signed with a key that the command of the guide makes', (context) => {
    const cwd = temporaryFolder(context);
    const [command = ''] = blocks('sh');
    execFileSync('bash', ['-c', command], { cwd, env: { PATH: process.env.PATH ?? '' }, stdio: 'ignore' });
    assert.ok(parseAssertionKey(readFileSync(join(cwd, 'assertion-new'), 'utf8')).ok);
  });
});

describe('claims as headers', () => {
  const claims = {
    name: ' Zoë 100% 花 ',
    groups: ['a,b', 'c%2C', '', 'größe'],
    address: { country: 'Österreich' },
    nobody: null,
  };

  const headerOf = (value: string): string | undefined => {
    const parsed = parseHeaderTemplate('X-Test', value);
    assert.ok(parsed.ok);
    const filled = fillTemplate(parsed.template, { claims, params: {} });
    assert.ok(filled !== 'too-long');
    return filled?.value;
  };

  const sent = {
    text: headerOf('{claims.name}'),
    list: headerOf('{claims.groups join ","}'),
    json: headerOf('{claims.groups}'),
    object: headerOf('{claims.address}'),
    absent: headerOf('{claims.nobody}'),
  };
  const wanted = [claims.name, claims.groups, claims.groups, claims.address];

  test('are read back by the program in JavaScript', async (context) => {
    const program = blocks('js').find((text) => text.includes('textOf')) ?? '';
    const { textOf, listOf, jsonOf } = await moduleOf(program, temporaryFolder(context));
    assert.deepEqual(
      [textOf?.(sent.text), listOf?.(sent.list), jsonOf?.(sent.json), jsonOf?.(sent.object)],
      wanted,
    );
    assert.deepEqual(
      [textOf?.(sent.absent), listOf?.(sent.absent), jsonOf?.(sent.absent)],
      [undefined, [], undefined],
    );
  });

  test('are read back by the program in Python', { skip: !hasPython() }, () => {
    const [program = ''] = blocks('python');
    const call =
      'import sys\ns = json.load(sys.stdin)\na = s.get("absent")\nprint(json.dumps([text_of(s["text"]), list_of(s["list"]), json_of(s["json"]), json_of(s["object"]), text_of(a), list_of(a), json_of(a)]))';
    const out = execFileSync('python3', ['-c', `${program}\n${call}`], {
      input: JSON.stringify(sent),
      env: { PATH: process.env.PATH ?? '' },
    });
    assert.deepEqual(JSON.parse(out.toString()), [...wanted, null, [], null]);
  });
});

function hasPython(): boolean {
  try {
    execFileSync('python3', ['-c', ''], { env: { PATH: process.env.PATH ?? '' }, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
