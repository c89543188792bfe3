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
import { parseKeys } from '../../../src/keys/parse-keys.ts';
import { runAsNobody } from '../../support/as-nobody.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const deps = { random: randomBytes };

test('makes folder and key at the first start and finds the same key at the next', (context) => {
  const dataDir = join(temporaryFolder(context), 'a', 'data');
  const path = join(dataDir, 'tokens.key');
  const { source, warning } = loadGeneratedKey(path, deps);
  assert.equal(warning, null);
  assert.deepEqual(loadGeneratedKey(path, deps), { source, warning: null });
  assert.equal(source.file, path);
  assert.equal(parseKeys(source.text.reveal()).ok, true);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(dataDir), ['tokens.key']);
});

test('is a key file like every other, with several keys when somebody put them there', (context) => {
  const path = join(temporaryFolder(context), 'tokens.key');
  const { source } = loadGeneratedKey(path, deps);
  assert.equal(readFileSync(path, 'utf8'), `${source.text.reveal()}\n`);
  const ring = `${source.text.reveal()}\n${randomBytes(32).toString('base64')} # next`;
  writeFileSync(path, ring);
  assert.equal(loadGeneratedKey(path, deps).source.text.reveal(), ring);
});

test('warns of a key file that others can read', (context) => {
  const dataDir = temporaryFolder(context);
  loadGeneratedKey(join(dataDir, 'tokens.key'), deps);
  chmodSync(join(dataDir, 'tokens.key'), 0o644);
  assert.match(
    loadGeneratedKey(join(dataDir, 'tokens.key'), deps).warning ?? '',
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
    const path = join(temporaryFolder(context), 'tokens.key');
    writeFileSync(path, content);
    assert.throws(
      () => loadGeneratedKey(path, deps),
      (error) =>
        error instanceof SallyportError &&
        error.code === 'ERR_KEYS_UNAVAILABLE' &&
        /^the (key )?file .*tokens\.key.*restore it from a backup/i.test(error.message),
    );
    assert.equal(readFileSync(path, 'utf8'), content);
  });
}

test('an unreadable key file stops the start with a message that says what to do', (context) => {
  const dataDir = temporaryFolder(context);
  loadGeneratedKey(join(dataDir, 'tokens.key'), deps);
  chmodSync(join(dataDir, 'tokens.key'), 0o000);
  chmodSync(dataDir, 0o755);
  const module = new URL('../../../src/keys/generated-key.ts', import.meta.url).href;
  const said = runAsNobody({
    module,
    expression: `it.loadGeneratedKey(${JSON.stringify(join(dataDir, 'tokens.key'))}, {})`,
  });
  assert.match(
    said,
    /^ERR_KEYS_UNAVAILABLE .*tokens\.key cannot be read \(EACCES\): make it readable for the user/,
  );
});

test('a folder in the place of the key file stops the start with a message', (context) => {
  const dataDir = temporaryFolder(context);
  mkdirSync(join(dataDir, 'tokens.key'));
  assert.throws(() => loadGeneratedKey(join(dataDir, 'tokens.key'), deps), /tokens\.key is no regular file/);
});

test('a data folder that is a file stops the start with a message', (context) => {
  const path = join(temporaryFolder(context), 'data');
  writeFileSync(path, '');
  assert.throws(
    () => loadGeneratedKey(join(path, 'tokens.key'), deps),
    /the (key )?file .* cannot be (made|read) \((EEXIST|ENOTDIR)\)/,
  );
});

test('gives every one of several processes that start at once the same key', async (context) => {
  const dataDir = join(temporaryFolder(context), 'data');
  const module = new URL('../../../src/keys/generated-key.ts', import.meta.url).href;
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ loadGeneratedKey }) => {
      const { source } = loadGeneratedKey(workerData.path, { random: require('node:crypto').randomBytes });
      parentPort.postMessage(source.text.reveal());
    });`;
  const keys = await Promise.all(
    Array.from(
      { length: 6 },
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(code, {
            eval: true,
            workerData: { module, path: join(dataDir, 'tokens.key') },
          });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  assert.equal(new Set(keys).size, 1);
  assert.ok(existsSync(join(dataDir, 'tokens.key')));
  assert.deepEqual(readdirSync(dataDir), ['tokens.key']);
});
