/** What the documents show is true: configurations are valid, links lead somewhere, commands and names exist. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { parseSource } from '../../src/config/source.ts';
import { eventTable } from '../../src/core/event-table.ts';
import { formatProblems } from '../../src/index.ts';
import { metricTable } from '../../src/observe/metric-table.ts';

const root = join(import.meta.dirname, '../..');
const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).sort();
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

function blocksOf(file: string, language: string): string[] {
  const blocks = textOf(file).matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```$/gm);
  return [...blocks].filter((block) => block[2] === language).map((block) => block[3] as string);
}

test('the documents are there', () => {
  for (const file of [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'docs/setup/keycloak.md',
  ]) {
    assert.ok(documents.includes(file), file);
  }
});

for (const file of documents) {
  for (const [index, text] of blocksOf(file, 'yaml').entries()) {
    if (!/^publicUrl:/m.test(text)) continue;
    test(`${file}: configuration ${index + 1} is valid`, () => {
      const source = parseSource(text, 'yaml');
      assert.ok(source.ok);
      const result = parseConfig(source.data, { CLIENT_SECRET: 'a secret' });
      assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems));
    });
  }

  test(`${file}: every link to another file leads there`, () => {
    for (const [, target = ''] of textOf(file).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      assert.ok(existsSync(join(root, dirname(file), target)), `${file} → ${target}`);
    }
  });

  test(`${file}: every npm script and command that it names exists`, () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    for (const [, script = ''] of textOf(file).matchAll(/npm run ([a-z-]+)/g)) {
      assert.ok(script in scripts, `npm run ${script}`);
    }
    const named = textOf(file).matchAll(/(?:npx sallyport|`sallyport|npm run sallyport --) ([a-z-]+)/g);
    for (const [, command = ''] of named) assert.ok(command in commands, `sallyport ${command}`);
  });

  test(`${file}: every metric and event that it names exists`, () => {
    for (const [, metric = ''] of textOf(file).matchAll(/`(sallyport_[a-z_]+)`/g)) {
      assert.ok(metric in metricTable, metric);
    }
    for (const [, event = ''] of textOf(file).matchAll(
      /`((?:request|login|session|token|provider)\.[a-z-]+)`/g,
    )) {
      assert.ok(event in eventTable || /^session\.(?:keys|cookie|store)$/.test(event), event);
    }
  });
}

test('README.md: the gate from the environment alone is valid', () => {
  const block = blocksOf('README.md', 'sh').find((text) => text.startsWith('SALLYPORT_PUBLIC_URL='));
  assert.ok(block !== undefined);
  const variables = block
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  const env: Record<string, string> = Object.fromEntries(variables);
  // The file of the example is not on this machine.
  const { SALLYPORT_PROVIDERS__MAIN__CLIENT_SECRET__FILE: _file, ...rest } = env;
  const result = loadConfig({ env: { ...rest, SALLYPORT_PROVIDERS__MAIN__CLIENT_SECRET: 'a secret' } });
  assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems));
  const [route] = result.config.routes;
  assert.deepEqual([route?.path, route?.access], ['/**', 'signed-in']);
  assert.deepEqual(Object.values(route?.requestHeaders ?? {}), ['{claims.sub}']);
});

test('README.md: the systemd unit waits longer than the gate drains', () => {
  const unit = blocksOf('README.md', 'ini').find((text) => text.includes('[Service]')) ?? '';
  const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
  const result = parseConfig({
    publicUrl: 'https://app.example.com',
    clusters: { app: { targets: ['http://127.0.0.1:3000'] } },
    routes: [{ path: '/**', cluster: 'app', access: 'public' }],
  });
  assert.ok(result.ok);
  assert.ok(seconds * 1000 > result.config.listen.timeouts.drain);
});
