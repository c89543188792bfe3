/** Operators over whatever keeps the sessions: several workers, Redis, cookies with a deny-list. With real processes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { runCli } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { exampleConfig, signInAs, startExampleProvider } from '../support/gate.ts';
import { type GateProcess, prepareGateProcess } from '../support/gate-process.ts';
import { redisAcl } from '../support/redis-acl.ts';
import { startRedis } from '../support/redis-server.ts';
import { fetchHeaders, type UserAgent } from '../support/user-agent.ts';
import { eventually, startSlowApp, workersOf } from './support/workers.ts';

const token = 'an-operator-token-of-more-than-32-characters';

interface Operated {
  readonly gate: GateProcess;
  /** Asks `/admin/sessions` with the token. */
  api(target?: string, method?: string): Promise<{ status: number; body: Record<string, unknown> }>;
  /** `sallyport sessions` on another "machine": a process of its own with the same configuration. */
  cli(...args: string[]): Promise<{ code: number | null; out: string; err: string }>;
  signIn(login: string): Promise<UserAgent>;
  /** What a person gets on connections of their own, so that every worker has its share. */
  statuses(agent: UserAgent): Promise<readonly number[]>;
}

async function operate(context: TestContext, config: Readonly<Record<string, unknown>>): Promise<Operated> {
  const app = await startSlowApp();
  context.after(() => app.close());
  const url = `http://127.0.0.1:${await freePort()}`;
  const provider = await startExampleProvider(url, { asks: true });
  context.after(() => provider.close());
  const adminUrl = `http://127.0.0.1:${await freePort()}`;
  const gate = await prepareGateProcess({
    url,
    config: {
      ...exampleConfig({ issuer: provider.issuer, appUrl: app.url }),
      admin: { address: new URL(adminUrl).host, sessions: { token } },
      ...config,
    },
  });
  context.after(() => gate.close());
  await gate.start();
  return {
    gate,
    async api(target = '', method = 'GET') {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${adminUrl}/admin/sessions${target}`, { method, headers });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
    cli: (...args) =>
      runCli(['sessions', ...args, '--config', join(gate.folder, 'sallyport.json')], { cwd: gate.folder }),
    signIn: (login) => signInAs(url, login),
    statuses: (agent) =>
      Promise.all(
        Array.from({ length: 12 }, async () => {
          const headers = { ...fetchHeaders, connection: 'close' };
          return (await agent.ask(`${url}/api/x`, { headers })).status;
        }),
      ),
  };
}

const all = (status: number): readonly number[] => Array(12).fill(status);

/** Whether everybody hears of an end within the second that is promised. */
async function isOut({ statuses }: Operated, agent: UserAgent): Promise<void> {
  const since = performance.now();
  await eventually(async () => (await statuses(agent)).every((status) => status === 401));
  const took = performance.now() - since;
  assert.ok(took < 2000, `it took ${took} ms`);
}

const subjectsOf = (body: Record<string, unknown>): readonly unknown[] =>
  (body.sessions as readonly { subject: unknown }[]).map(({ subject }) => subject).sort();

async function everyPage(api: Operated['api']): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  let cursor: unknown = null;
  do {
    const from = cursor === null ? '' : `&cursor=${encodeURIComponent(String(cursor))}`;
    const { body } = await api(`?limit=1${from}`);
    seen.push(...subjectsOf(body));
    cursor = body.cursor;
  } while (cursor !== null);
  return seen.sort();
}

/** Everything that an operator can do where sessions can be listed. */
async function seeAndEnd(operated: Operated): Promise<void> {
  const { api, cli, signIn, statuses } = operated;
  const [alice, bob, carol] = [await signIn('alice'), await signIn('bob'), await signIn('carol')];
  assert.deepEqual(subjectsOf((await api()).body), ['alice', 'bob', 'carol']);
  assert.deepEqual(await everyPage(api), ['alice', 'bob', 'carol']);
  assert.deepEqual(await api('?provider=main&sub=alice', 'DELETE'), { status: 200, body: { ended: 1 } });
  await isOut(operated, alice);
  assert.deepEqual(await statuses(bob), all(200));

  const listed = await cli('list', '--json', '--sub', 'bob');
  const { logId } = JSON.parse(listed.out) as { logId: string };
  assert.equal((await cli('show', logId)).code, 0);
  assert.equal((await cli('revoke', logId)).out, 'ended 1 session\n');
  await isOut(operated, bob);
  assert.deepEqual(await statuses(carol), all(200));
  assert.deepEqual(await api('?all=true', 'DELETE'), { status: 200, body: { ended: 1 } });
  await isOut(operated, carol);
  assert.equal((await cli('list')).err, 'no sessions\n');
}

describe('operators', { concurrency: 2 }, () => {
  test('SC-023: over two workers the supervisor answers, and every worker hears of an end', async (context) => {
    const operated = await operate(context, { workers: 2 });
    assert.equal(workersOf(operated.gate).length, 2);
    await seeAndEnd(operated);
  });

  test('SC-023: over two workers the API says 503 while none serves, and comes back with them', async (context) => {
    const { gate, api } = await operate(context, { workers: 2 });
    for (const pid of workersOf(gate)) process.kill(pid, 'SIGKILL');
    assert.deepEqual((await api()).status, 503);
    await eventually(async () => (await api()).status === 200);
  });

  test('SC-023: a worker that hangs keeps no operator from ending sessions', async (context) => {
    const { gate, api } = await operate(context, { workers: 2 });
    const [first = 0] = workersOf(gate);
    process.kill(first, 'SIGSTOP');
    const answer = await api('?all=true', 'DELETE');
    process.kill(first, 'SIGCONT');
    assert.deepEqual(answer, { status: 200, body: { ended: 0 } });
  });

  test('SC-023: over Redis, as a user with the rights of the guide', async (context) => {
    const redis = await startRedis();
    context.after(() => redis.stop());
    await redis.cli('acl', 'setuser', ...redisAcl('gate', 'open', 'sallyport:'));
    const session = {
      store: { redis: { url: redis.url, username: 'gate', password: 'open' } },
      keys: [randomBytes(32).toString('base64')],
    };
    const operated = await operate(context, { session, workers: 2 });
    await seeAndEnd(operated);
    await redis.stop();
    const { code, err } = await operated.cli('list');
    assert.equal(code, 1);
    assert.match(err, /^sallyport sessions: [^\n]+\n$/);
    assert.doesNotMatch(err, /open/);
    assert.equal((await operated.api()).status, 503);
  });

  for (const kind of ['sqlite', 'redis'] as const) {
    test(`LO-027: sessions in cookies are ended through a deny-list in ${kind}, and listed by nobody`, async (context) => {
      const redis = kind === 'redis' ? await startRedis() : null;
      context.after(() => redis?.stop());
      const session = {
        store: 'cookie',
        denyList: redis === null ? 'sqlite' : { redis: { url: redis.url } },
        keys: [randomBytes(32).toString('base64')],
      };
      const operated = await operate(context, { session, workers: 2 });
      const { api, cli, signIn, statuses } = operated;
      const [alice, bob, carol] = [await signIn('alice'), await signIn('bob'), await signIn('carol')];
      assert.equal((await api()).status, 501);
      assert.match((await cli('list')).err, /nobody can list them/);
      assert.deepEqual(await api('?provider=main&sub=alice', 'DELETE'), {
        status: 200,
        body: { ended: null },
      });
      await isOut(operated, alice);
      const revoked = await cli('revoke', '--provider', 'main', '--sub', 'bob');
      assert.deepEqual([revoked.code, revoked.out], [0, 'ended; how many they were, nobody can tell\n']);
      await isOut(operated, bob);
      assert.deepEqual(await statuses(carol), all(200));
      assert.equal((await cli('revoke', '--all', '--yes')).code, 0);
      await isOut(operated, carol);
      assert.deepEqual(await statuses(await signIn('carol')), all(200));
    });
  }
});
