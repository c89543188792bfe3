/** What the documentation shows is what the product takes: every whole configuration passes the check. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problem.ts';
import { parseSource } from '../../src/config/source.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = globSync(['README.md', 'docs/**/*.md', 'CONTRIBUTING.md', 'SECURITY.md'], { cwd: root }).sort();
const key = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');

interface Example {
  readonly place: string;
  readonly text: string;
}

function examplesIn(page: string): readonly Example[] {
  const text = readFileSync(`${root}/${page}`, 'utf8');
  return [...text.matchAll(/^```ya?ml\n(.*?)^```$/gms)].map((match) => ({
    place: `${page}:${text.slice(0, match.index).split('\n').length}`,
    text: match[1] as string,
  }));
}

/** References stand for secrets of the reader: each becomes a value, keys a key. */
function withSecrets(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((member) => withSecrets(member, name));
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value);
  if (names.length === 1 && (names[0] === 'env' || names[0] === 'file'))
    return name === 'keys' ? key : 'secret';
  return Object.fromEntries(Object.entries(value).map(([each, member]) => [each, withSecrets(member, each)]));
}

const examples = pages.flatMap(examplesIn);

for (const { place, text } of examples) {
  test(`the YAML example at ${place} is well-formed and, when it is whole, passes the check`, () => {
    const source = parseSource(text, 'yaml');
    assert.ok(source.ok, source.ok ? '' : JSON.stringify(source.problems));
    const data = withSecrets(source.data) as Record<string, unknown> | null;
    if (typeof data !== 'object' || data === null || !('publicUrl' in data && 'routes' in data)) return;
    const result = parseConfig(data);
    assert.ok(result.ok, result.ok ? '' : `\n${formatProblems(result.problems)}`);
  });
}
