/** What the nodes of a fleet may not leave behind in their output: crashes, and secrets of those they served. */
import assert from 'node:assert/strict';
import type { FleetNode } from './fleet.ts';

/** A piece of a secret that is shorter says nothing. */
const shortest = 20;
const pieces = new RegExp(`[A-Za-z0-9_-]{${shortest},}`, 'g');
/** How a signed token begins, and how a session cookie is made up. */
const shapes = [/eyJ[\w-]{10,}\./, /\b[\w-]{43}\.[\w-]{43}\b/];

/**
 * To be called while the nodes run or after; tells of the processes that run or ran last. `secrets` are cookies, tokens
 * and keys: none of their parts may stand anywhere in what was written.
 */
export function assertCleanOutput(nodes: readonly FleetNode[], secrets: Iterable<string>): void {
  const parts = new Set<string>();
  for (const secret of secrets) for (const [part] of secret.matchAll(pieces)) parts.add(part);
  for (const node of nodes) {
    const out = node.cli().out();
    assert.ok(
      !out.includes('"request.crashed"'),
      `a request crashed: ${linesWith(out, '"request.crashed"')}`,
    );
    assert.equal(node.cli().err(), '', 'nothing goes to the error output');
    for (const shape of shapes) assert.doesNotMatch(out, shape);
    for (const [piece] of out.matchAll(pieces)) assert.ok(!parts.has(piece), 'a secret is in the log');
  }
}

function linesWith(text: string, mark: string): string {
  return text
    .split('\n')
    .filter((line) => line.includes(mark))
    .slice(0, 3)
    .join('\n');
}
