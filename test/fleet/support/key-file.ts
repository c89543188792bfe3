/** A key file that is changed by `sallyport keys rotate` in one place and brought to nodes, as to any fleet. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyIdOf } from '../../../src/keys/create-key-ring.ts';
import { runCli } from '../../support/cli.ts';
import { until } from '../../support/redis-server.ts';
import { type FleetNode, newKey } from './fleet.ts';

/** For `session.keys`: relative to the folder of each node. */
export const nodeKeys = [{ file: 'ring' }];

export interface KeyFile {
  /** Keys that the file has had, in base64. */
  readonly keys: ReadonlySet<string>;
  /** Ids of the keys it has now, the one that seals first. */
  ids(): readonly string[];
  /** One step of a rotation, on the copy that no node has yet. */
  rotate(step?: '--promote' | '--drop'): Promise<void>;
  /** Takes the last step back. */
  undo(): void;
  /** Puts it where a node that does not run yet will look. */
  place(node: Pick<FleetNode, 'folder'>): void;
  /** Puts it there, and waits until the node says that it has the keys. */
  bring(node: FleetNode): Promise<void>;
  remove(): void;
}

export function createKeyFile(): KeyFile {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-keys-'));
  const file = join(folder, 'ring');
  const keys = new Set<string>();

  const lines = (): string[] => {
    const found = readFileSync(file, 'utf8').split('\n');
    return found.map((line) => line.split('#')[0]?.trim() ?? '').filter((key) => key !== '');
  };
  const ids = () => lines().map((key) => keyIdOf(Buffer.from(key, 'base64')));
  const note = (): void => {
    for (const key of lines()) keys.add(key);
  };
  const place: KeyFile['place'] = (node) => {
    const target = join(node.folder, 'ring');
    writeFileSync(`${target}.new`, readFileSync(file), { mode: 0o600 });
    renameSync(`${target}.new`, target);
  };

  writeFileSync(file, `${newKey()}\n`, { mode: 0o600 });
  note();
  let before = readFileSync(file, 'utf8');
  return {
    keys,
    ids,
    async rotate(step) {
      before = readFileSync(file, 'utf8');
      const done = await runCli(['keys', 'rotate', '--file', file, ...(step === undefined ? [] : [step])], {
        cwd: folder,
      });
      assert.equal(done.code, 0, done.err);
      note();
    },
    undo: () => writeFileSync(file, before),
    place,
    async bring(node) {
      place(node);
      const wanted = ids().join(' ');
      await until(`the node has the keys ${wanted}`, () =>
        ['cookies', 'tokens'].every((ring) => latest(node, ring) === wanted),
      );
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Ids of the keys that the node said last to be in a ring. */
function latest(node: FleetNode, ring: string): unknown {
  return node.events('keys.reloaded').findLast((event) => event.ring === ring)?.keys;
}
