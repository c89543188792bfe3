/** `kill -9` in the middle of sign-ins: whoever was told to be signed in is signed in after the restart. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { exampleConfig, startExampleProvider } from '../support/gate.ts';
import { prepareGateProcess } from '../support/gate-process.ts';
import { waitUntil } from '../support/raw.ts';
import { createUserAgent, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const people = 100;

test('kill -9 during 100 sign-ins under load loses no session whose callback was answered', async (context) => {
  const app = createServer((request, response) => {
    response.end(JSON.stringify({ user: request.headers['x-user'] }));
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  context.after(() => {
    app.closeAllConnections();
    app.close();
  });
  const url = `http://127.0.0.1:${await freePort()}`;
  const provider = await startExampleProvider(url);
  context.after(() => provider.close());
  const appUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  const gate = await prepareGateProcess({ url, config: exampleConfig({ issuer: provider.issuer, appUrl }) });
  context.after(() => gate.close());
  await gate.start();

  const answered: UserAgent[] = [];
  let killed = false;
  /** Signs in and goes on asking until the gate is gone. */
  const live = async (): Promise<void> => {
    const agent = createUserAgent();
    try {
      await agent.navigate(`${url}/x`);
    } catch {
      // The gate went away on the way; what counts is the cookie, which came with the answer of the callback.
    }
    if (agent.cookie(url, 'sallyport') !== undefined) answered.push(agent);
    while (!killed) await agent.ask(`${url}/load`).catch(() => undefined);
  };
  const everybody = Promise.all(
    Array.from({ length: people }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 5));
      await live();
    }),
  );
  await waitUntil(() => answered.length >= people / 2, 10_000);
  const ended = gate.stop('SIGKILL');
  killed = true;
  assert.equal(await ended, null);
  await everybody;

  await gate.start();
  const lost: number[] = [];
  for (const [index, agent] of answered.entries()) {
    const answer = await agent.ask(`${url}/after`, { headers: fetchHeaders });
    if (answer.status !== 200 || JSON.parse(answer.body).user !== 'alice') lost.push(index);
  }
  assert.deepEqual(lost, [], `${lost.length} of ${answered.length} sessions are gone`);
  assert.ok(answered.length >= people / 2);
  assert.equal(await gate.stop(), 0);
});
