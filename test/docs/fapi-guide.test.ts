/** The guide to FAPI is true: its commands make keys that the gate takes, and print what it signs with. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSigningKey } from '../../src/oidc/signing-key.ts';
import { makeClientKey } from '../support/client-keys.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const guide = readFileSync(new URL('../../docs/guides/fapi.md', import.meta.url), 'utf8');
const [makeKeys = '', printSet = ''] = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
  ([, text = '']) => text,
);

const bash = (command: string, cwd: string, input = '') =>
  execFileSync('bash', ['-c', command], {
    cwd,
    input,
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['pipe', 'pipe', 'ignore'],
  }).toString();

/** What the gate calls the key, and what it signs with. */
function keyOf(pem: string) {
  const key = readSigningKey(pem);
  assert.ok(typeof key !== 'string', String(key));
  return key;
}

test('its keys are taken, and the set that it prints is that of the key', (context) => {
  const cwd = temporaryFolder(context);
  bash(makeKeys, cwd);
  assert.equal(keyOf(readFileSync(join(cwd, 'dpop.pem'), 'utf8')).algorithm, 'ES256');
  const { kid, algorithm, publicJwk } = keyOf(readFileSync(join(cwd, 'client.pem'), 'utf8'));
  const expected = { keys: [{ ...publicJwk, kid, use: 'sig', alg: algorithm }] };
  assert.deepEqual(JSON.parse(bash(printSet, cwd)), expected);
});

for (const kind of ['rsa', 'ed25519'] as const) {
  test(`the set of a key of the kind ${kind} is right as well, and holds nothing private`, (context) => {
    const cwd = temporaryFolder(context);
    const { pem } = makeClientKey(kind);
    bash('cat > client.pem', cwd, pem);
    const { kid, algorithm, publicJwk } = keyOf(pem);
    const set: unknown = JSON.parse(bash(printSet, cwd));
    assert.deepEqual(set, { keys: [{ ...publicJwk, kid, use: 'sig', alg: algorithm }] });
  });
}
