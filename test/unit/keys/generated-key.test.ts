/** The key that the gate makes for itself: once, for its user only, and never a bad one in silence. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SallyportError } from '../../../src/core/errors.ts';
import { loadGeneratedKey } from '../../../src/keys/generated-key.ts';
import { parseKey } from '../../../src/keys/key-config.ts';
import { runAsNobody } from '../../support/as-nobody.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const deps = { random: randomBytes };

test('makes folder and key at the first start and finds the same key at the next', (context) => {
  const dataDir = join(temporaryFolder(context), 'a', 'data');
  const { key, warning } = loadGeneratedKey(dataDir, deps);
  assert.equal(key.length, 32);
  assert.equal(warning, null);
  assert.deepEqual(loadGeneratedKey(dataDir, deps), { key, warning: null });
  assert.equal(statSync(join(dataDir, 'session.key')).mode & 0o777, 0o600);
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(dataDir), ['session.key']);
});

test('writes the key so that it can be moved to session.keys as it is', (context) => {
  const dataDir = temporaryFolder(context);
  const { key } = loadGeneratedKey(dataDir, deps);
  assert.deepEqual(parseKey(readFileSync(join(dataDir, 'session.key'), 'utf8')), key);
});

test('warns of a key file that others can read', (context) => {
  const dataDir = temporaryFolder(context);
  loadGeneratedKey(dataDir, deps);
  chmodSync(join(dataDir, 'session.key'), 0o644);
  assert.match(
    loadGeneratedKey(dataDir, deps).warning ?? '',
    /open to other users \(mode 644\): run chmod 600/,
  );
});

const damaged = {
  empty: '',
  short: randomBytes(8).toString('base64'),
  garbage: '\u0000\u0001garbage',
  'a megabyte': 'A'.repeat(1 << 20),
};
for (const [what, content] of Object.entries(damaged)) {
  test(`a key file that is ${what} stops the start with a message, and is left as it is`, (context) => {
    const path = join(temporaryFolder(context), 'session.key');
    writeFileSync(path, content);
    assert.throws(
      () => loadGeneratedKey(join(path, '..'), deps),
      (error) =>
        error instanceof SallyportError &&
        error.code === 'ERR_KEYS_UNAVAILABLE' &&
        /does not hold a key of 32 bytes.*restore it from a backup/.test(error.message),
    );
    assert.equal(readFileSync(path, 'utf8'), content);
  });
}

test('an unreadable key file stops the start with a message that says what to do', (context) => {
  const dataDir = temporaryFolder(context);
  loadGeneratedKey(dataDir, deps);
  chmodSync(join(dataDir, 'session.key'), 0o000);
  chmodSync(dataDir, 0o755);
  const module = new URL('../../../src/keys/generated-key.ts', import.meta.url).href;
  const said = runAsNobody({ module, expression: `it.loadGeneratedKey(${JSON.stringify(dataDir)}, {})` });
  assert.match(
    said,
    /^ERR_KEYS_UNAVAILABLE .*session\.key cannot be read \(EACCES\): make it readable for the user/,
  );
});

test('a folder in the place of the key file stops the start with a message', (context) => {
  const dataDir = temporaryFolder(context);
  mkdirSync(join(dataDir, 'session.key'));
  assert.throws(() => loadGeneratedKey(dataDir, deps), /session\.key cannot be read \(EISDIR\)/);
});

test('a data folder that is a file stops the start with a message', (context) => {
  const path = join(temporaryFolder(context), 'data');
  writeFileSync(path, '');
  assert.throws(
    () => loadGeneratedKey(path, deps),
    /the key file .* cannot be (made|read) \((EEXIST|ENOTDIR)\)/,
  );
});

test('gives every one of several processes that start at once the same key', async (context) => {
  const dataDir = join(temporaryFolder(context), 'data');
  const module = new URL('../../../src/keys/generated-key.ts', import.meta.url).href;
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ loadGeneratedKey }) => {
      const { key } = loadGeneratedKey(workerData.dataDir, { random: require('node:crypto').randomBytes });
      parentPort.postMessage(key.toString('base64'));
    });`;
  const keys = await Promise.all(
    Array.from(
      { length: 6 },
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(code, { eval: true, workerData: { module, dataDir } });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  assert.equal(new Set(keys).size, 1);
  assert.ok(existsSync(join(dataDir, 'session.key')));
  assert.deepEqual(readdirSync(dataDir), ['session.key']);
});
