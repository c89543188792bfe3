/** DPoP-bound tokens at two nodes of a fleet, and at two workers of one gate: each proof counts once, wherever it comes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDpopSender } from '../support/dpop-sender.ts';
import { prepareGateProcess } from '../support/gate-process.ts';
import { startRealProvider } from '../support/real-provider.ts';
import { until } from '../support/redis-server.ts';
import {
  type ApiFleet,
  clientSecret,
  front,
  machineClient,
  machineToken,
  startApiFleet,
} from './support/api-fleet.ts';
import { startApp } from './support/app.ts';
import type { Reply } from './support/client.ts';
import { assertCleanOutput } from './support/traces.ts';
import { answeredBy, askOnce, eventually } from './support/workers.ts';

const routes = [
  { path: '/front/**', cluster: 'app', authenticate: ['bearer'], api: 'front' },
  { path: '/fresh/**', cluster: 'app', authenticate: ['bearer'], api: 'fresh' },
];

const sender = createDpopSender();

let nodes: ApiFleet;
let urls: readonly [string, string];
let bound: string;
let plain: string;
/** Everything that nobody may find in a log. */
const secrets: string[] = [clientSecret];

before(async () => {
  nodes = await startApiFleet({
    machines: ['machine'],
    config: {
      apis: {
        front: { issuers: ['main'], audience: [front] },
        fresh: { issuers: ['main'], audience: [front], dpop: { nonce: true } },
      },
      routes,
    },
  });
  urls = nodes.fleet.nodes.map(({ url }) => url) as [string, string];
  bound = await machineToken(nodes.provider, { clientId: 'machine', dpop: sender });
  plain = await machineToken(nodes.provider, { clientId: 'machine' });
  secrets.push(bound, plain);
});

after(() => nodes.close());

/** For a path of the public URL: which node it comes to is nobody's business. */
function prove(path: string, claims: Readonly<Record<string, unknown>> = {}): string {
  const url = nodes.fleet.publicUrl + path;
  const proof = sender.prove({ method: 'GET', url, token: bound }, { claims });
  secrets.push(proof);
  return proof;
}

const callBound = (url: string, dpop: string): Promise<Reply> =>
  nodes.client.ask(url, { headers: { authorization: `DPoP ${bound}`, dpop } });

const callPlain = (url: string, token: string): Promise<Reply> =>
  nodes.client.ask(url, { headers: { authorization: `Bearer ${token}` } });

function assertRefused({ status, headers }: Reply, error: string): void {
  assert.equal(status, 401);
  assert.match(String(headers['www-authenticate']), new RegExp(`DPoP [^\\n]*error="${error}"`));
}

describe('two nodes on one Redis', () => {
  test('RS-055: a proof that one node has taken is refused by the other one, and by itself', async () => {
    for (const [first, second] of [urls, urls.toReversed()] as const) {
      const proof = prove('/front/1');
      assert.equal((await callBound(`${first}/front/1`, proof)).status, 200);
      for (const url of [second, first])
        assertRefused(await callBound(`${url}/front/1`, proof), 'invalid_dpop_proof');
    }
  });

  test('RS-055: of forty requests with one proof at the same time, one passes', async () => {
    const answered = nodes.fleet.app.answered;
    const proof = prove('/front/2');
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, index) => callBound(`${urls[index % 2]}/front/2`, proof)),
    );
    const passed = replies.filter(({ status }) => status === 200);
    assert.equal(passed.length, 1);
    for (const reply of replies) if (reply.status !== 200) assertRefused(reply, 'invalid_dpop_proof');
    assert.equal(nodes.fleet.app.answered - answered, 1, 'the application saw one');
  });

  test('RS-054: the nonce of one node is good at the other one, once more with a proof of its own', async () => {
    const asked = await callBound(`${urls[0]}/fresh/1`, prove('/fresh/1'));
    assertRefused(asked, 'use_dpop_nonce');
    assert.equal(asked.headers['cache-control'], 'no-store');
    const nonce = String(asked.headers['dpop-nonce']);
    const proof = prove('/fresh/1', { nonce });
    assert.equal((await callBound(`${urls[1]}/fresh/1`, proof)).status, 200);
    assertRefused(await callBound(`${urls[0]}/fresh/1`, proof), 'invalid_dpop_proof');
    assert.equal((await callBound(`${urls[0]}/fresh/1`, prove('/fresh/1', { nonce }))).status, 200);
    const forged = `${nonce.slice(0, -4)}AAAA`;
    for (const url of urls)
      assertRefused(
        await callBound(`${url}/fresh/1`, prove('/fresh/1', { nonce: forged })),
        'use_dpop_nonce',
      );
  });

  /** Bound tokens get 503, and bearer tokens pass, known or new. */
  async function assertClosedForBound(): Promise<void> {
    const answered = nodes.fleet.app.answered;
    const fresh = await machineToken(nodes.provider, { clientId: 'machine' });
    secrets.push(fresh);
    for (const url of urls) {
      const refused = await callBound(`${url}/front/3`, prove('/front/3'));
      assert.equal(refused.status, 503);
      assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
      for (const token of [plain, fresh])
        assert.equal((await callPlain(`${url}/front/3`, token)).status, 200);
    }
    assert.equal(nodes.fleet.app.answered - answered, 4, 'nothing of it came to the application');
  }

  const servesBoundAgain = () =>
    until('bound tokens pass again at both nodes', async () => {
      const replies = await Promise.all(urls.map((url) => callBound(`${url}/front/4`, prove('/front/4'))));
      return replies.every(({ status }) => status === 200);
    });

  test('RS-056: while Redis is gone, or says nothing, bound tokens get 503 and bearer tokens pass', async () => {
    for (const url of urls) assert.equal((await callPlain(`${url}/front/3`, plain)).status, 200);
    nodes.redis.freeze();
    await assertClosedForBound();
    nodes.redis.thaw();
    await servesBoundAgain();
    await nodes.redis.kill();
    await assertClosedForBound();
    await nodes.redis.restart();
    await servesBoundAgain();
  });

  test('neither tokens nor proofs are in the logs of the nodes', () => {
    assertCleanOutput(nodes.fleet.nodes, secrets);
  });
});

test('RS-055: a proof that one worker has taken is refused by the other one', async (context) => {
  const app = await startApp();
  context.after(() => app.close());
  const provider = await startRealProvider({
    clients: [machineClient('machine')],
    apis: { resources: { [front]: { scope: 'front', format: 'jwt' } } },
  });
  context.after(() => provider.close());
  const gate = await prepareGateProcess({
    config: {
      workers: 2,
      providers: { main: { issuer: provider.issuer, clientId: 'app', clientSecret } },
      apis: { front: { issuers: ['main'], audience: [front] } },
      clusters: { app: { targets: [app.url] } },
      routes: routes.slice(0, 1),
    },
  });
  context.after(() => gate.close());
  await gate.start();
  const url = `${gate.url}/front/1`;
  const token = await machineToken(provider, { clientId: 'machine', dpop: sender });
  const call = (dpop: string) => askOnce(url, { authorization: `DPoP ${token}`, dpop });
  const proof = sender.prove({ method: 'GET', url, token });
  assert.equal((await call(proof)).status, 200);
  await eventually(async () => {
    for (const { status } of await Promise.all(Array.from({ length: 8 }, () => call(proof))))
      assert.equal(status, 401);
    return answeredBy(gate).size === 2;
  });
  assert.equal(app.answered, 1);
  assert.equal((await call(sender.prove({ method: 'GET', url, token }))).status, 200, 'another one passes');
  assert.equal(await gate.stop(), 0);
});
