import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRevoker } from '../../../src/oidc/revoker.ts';

type Outcome = 'revoked' | 'unsupported' | 'failed';

function createScript(...outcomes: readonly (Outcome | Error)[]) {
  const tokens: string[] = [];
  const reported: Outcome[] = [];
  const revoker = createRevoker(
    async ({ token }) => {
      const outcome = outcomes[tokens.push(token) - 1] ?? 'failed';
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    (outcome) => reported.push(outcome),
  );
  return { tokens, reported, revoker };
}

const secret = { token: 'secret', kind: 'refresh_token' } as const;

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('LO-047: a revocation that failed is tried again in the background, and every try is told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { tokens, reported, revoker } = createScript(new Error('unexpected'), 'failed', 'revoked');
  await revoker.revoke(secret);
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
  await down.revoker.revoke(secret);
  await passes();
  assert.deepEqual(down.reported, ['failed', 'failed', 'failed']);

  const closed = createScript();
  await closed.revoker.revoke(secret);
  await closed.revoker.close();
  await passes();
  assert.deepEqual(closed.reported, ['failed']);

  for (const outcome of ['revoked', 'unsupported'] as const) {
    const done = createScript(outcome);
    await done.revoker.revoke(secret);
    await passes();
    assert.deepEqual(done.reported, [outcome]);
  }
});

test('LO-047: a provider that hangs fills no memory, and the end of the process waits for it only a moment', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const reported: Outcome[] = [];
  let asked = 0;
  const revoker = createRevoker(
    () => {
      asked += 1;
      return new Promise(() => {});
    },
    (outcome) => reported.push(outcome),
  );
  for (let i = 0; i < 1000; i++) void revoker.revoke(secret);
  await revoker.revoke(secret);
  assert.deepEqual([asked, reported], [1000, ['failed']]);
  const closed = revoker.close();
  await settled();
  t.mock.timers.tick(2_000);
  await closed;
});

test('what is being revoked when the process ends is finished', async () => {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const reported: Outcome[] = [];
  const revoker = createRevoker(
    () => promise,
    (outcome) => reported.push(outcome),
  );
  void revoker.revoke(secret);
  setImmediate(resolve, 'revoked');
  await revoker.close();
  assert.deepEqual(reported, ['revoked']);
});
