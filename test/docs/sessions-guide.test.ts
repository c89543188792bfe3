/** The guide to sessions is true: configurations are valid, options exist, and queries are accepted. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { readEndQuery, readListQuery } from '../../src/admin/sessions-query.ts';
import type { Command } from '../../src/cli/command.ts';
import { formatTable } from '../../src/cli/session-table.ts';
import { sessionsCommands } from '../../src/cli/sessions.ts';
import { parseConfig } from '../../src/config/load.ts';
import { parseSource } from '../../src/config/source.ts';
import { configOf, validConfig } from '../support/configs.ts';
import { summaryOf } from '../support/fake-directory.ts';
import { localhostCertificate, localhostKey } from '../support/localhost-certificate.ts';

const guide = readFileSync(new URL('../../docs/guides/sessions.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...guide.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((block) => block[1] === language)
    .map((block) => block[2] as string);
}

const lines = blocks('sh').flatMap((block) => block.trim().split('\n'));

test('every configuration in the guide is valid', () => {
  const shown = blocks('yaml');
  assert.ok(shown.length >= 2);
  for (const text of shown) {
    const withoutFiles = text
      .replace(/\{ file: [^}]+\.key \}/g, '{ env: KEY }')
      .replace(/\{ file: [^}]+ \}/g, '{ env: PEM }');
    const source = parseSource(withoutFiles, 'yaml');
    assert.ok(source.ok);
    const env = { ADMIN_TOKEN: 'x'.repeat(44), PEM: localhostCertificate, KEY: localhostKey };
    const { admin } = configOf(parseConfig({ ...validConfig(), ...(source.data as object) }, env));
    assert.ok(admin?.sessions !== undefined);
  }
});

test('every command in the guide has the options and operands that it is given', async () => {
  const calls = lines.filter((line) => line.startsWith('sallyport sessions '));
  assert.ok(calls.length >= 9);
  for (const call of calls) {
    const [, , name = '', ...args] = call.split(' ');
    const command = (await sessionsCommands.commands[name]?.load()) as Command;
    const allowPositionals = command.operands !== undefined;
    parseArgs({ args, options: command.options, allowPositionals, strict: true });
  }
});

test('every request in the guide is one that the API takes', () => {
  const requests = lines.filter((line) => line.startsWith('curl '));
  assert.ok(requests.length >= 5);
  for (const line of requests) {
    const url = new URL(/'(http[^']+)'/.exec(line)?.[1] as string);
    assert.match(url.pathname, /^\/admin\/sessions(?:\/[A-Za-z0-9_-]+)?$/);
    if (url.pathname !== '/admin/sessions') continue;
    const read = line.includes('-X DELETE') ? readEndQuery : readListQuery;
    assert.equal(typeof read(url.search.slice(1)), 'object', line);
  }
});

test('the table in the guide is what the command prints', () => {
  const session = summaryOf('a', { logId: '5d41402abc4b' });
  assert.equal(blocks('text')[0], formatTable([session], true));
});
