import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRevoker } from '../../../src/oidc/revoker.ts';

type Outcome = 'revoked' | 'unsupported' | 'failed';

function createScript(...outcomes: readonly (Outcome | Error)[]) {
  const tokens: string[] = [];
  const reported: Outcome[] = [];
  const revoker = createRevoker(
    async (token) => {
      const outcome = outcomes[tokens.push(token) - 1] ?? 'failed';
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    (outcome) => reported.push(outcome),
  );
  return { tokens, reported, revoker };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('LO-047: a revocation that failed is tried again in the background, and every try is told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { tokens, reported, revoker } = createScript(new Error('unexpected'), 'failed', 'revoked');
  await revoker.revoke('secret');
  assert.deepEqual(reported, ['failed']);
  t.mock.timers.tick(5_000);
  await settled();
  t.mock.timers.tick(30_000);
  await settled();
  assert.deepEqual(reported, ['failed', 'failed', 'revoked']);
  assert.deepEqual(new Set(tokens), new Set(['secret']));
});

test('LO-047: it is given up after three tries, at the end of the process, and when there is nothing to do', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const passes = async () => {
    for (let i = 0; i < 5; i++) {
      t.mock.timers.tick(60_000);
      await settled();
    }
  };
  const down = createScript();
  await down.revoker.revoke('secret');
  await passes();
  assert.deepEqual(down.reported, ['failed', 'failed', 'failed']);

  const closed = createScript();
  await closed.revoker.revoke('secret');
  closed.revoker.close();
  await passes();
  assert.deepEqual(closed.reported, ['failed']);

  for (const outcome of ['revoked', 'unsupported'] as const) {
    const done = createScript(outcome);
    await done.revoker.revoke('secret');
    await passes();
    assert.deepEqual(done.reported, [outcome]);
  }
});
