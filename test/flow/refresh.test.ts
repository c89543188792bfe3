import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Received, type RunningGate, startGate } from '../support/gate.ts';
import { waitUntil } from '../support/raw.ts';
import { fetchHeaders, type UserAgent } from '../support/user-agent.ts';

/** Lifetimes so short that a token is due while the test looks on. */
const shortLived = { ttl: { accessToken: 2 } };

async function withGate(setup: Parameters<typeof startGate>[0], run: (gate: RunningGate) => Promise<void>) {
  const gate = await startGate(setup);
  try {
    await run(gate);
  } finally {
    await gate.close();
  }
}

const api = (gate: RunningGate, agent: UserAgent) =>
  agent.ask(`${gate.url}/api/x`, { headers: fetchHeaders });

const tokenOf = (body: string) => (JSON.parse(body) as Received).headers.authorization;

describe('refreshing at a provider that rotates refresh tokens', () => {
  test('FL-060, FL-062: 200 parallel requests on an expired token make one token call and all succeed', async () => {
    await withGate({ provider: shortLived }, async (gate) => {
      const agent = await gate.signIn();
      const first = tokenOf((await api(gate, agent)).body);
      await new Promise((resolve) => setTimeout(resolve, 2100));
      const before = gate.provider.stats().token;
      const answers = await Promise.all(Array.from({ length: 200 }, () => api(gate, agent)));
      assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
      assert.equal(gate.provider.stats().token - before, 1);
      const tokens = new Set(answers.map((answer) => tokenOf(answer.body)));
      assert.equal(tokens.size, 1);
      assert.ok(!tokens.has(first), 'the token was renewed');
    });
  });

  test('FL-063: a client that leaves during the refresh loses no token', async () => {
    await withGate({ provider: shortLived }, async (gate) => {
      const agent = await gate.signIn();
      for (let round = 0; round < 3; round++) {
        await new Promise((resolve) => setTimeout(resolve, 2050));
        const before = gate.provider.stats().token;
        const leaving = new AbortController();
        const gone = agent.ask(`${gate.url}/api/x`, { headers: fetchHeaders, signal: leaving.signal });
        gone.catch(() => {});
        setTimeout(() => leaving.abort(), 2);
        await gone.catch(() => {});
        await waitUntil(() => gate.provider.stats().token > before, 3000).catch(() => {});
        assert.equal((await api(gate, agent)).status, 200, `round ${round}`);
      }
    });
  });

  test('FL-020, FL-021, FL-023: with the provider gone the token serves until it expires, then 503 and the session lives on', async () => {
    const port = await new Promise<number>((resolve) => {
      import('node:net').then(({ createServer }) => {
        const server = createServer().listen(0, '127.0.0.1', () => {
          const { port: free } = server.address() as { port: number };
          server.close(() => resolve(free));
        });
      });
    });
    await withGate({ provider: { ...shortLived, port } }, async (gate) => {
      const agent = await gate.signIn();
      await gate.provider.close();
      assert.equal((await api(gate, agent)).status, 200, 'a live token needs no provider');
      await new Promise((resolve) => setTimeout(resolve, 2100));
      const refused = await api(gate, agent);
      assert.equal(refused.status, 503);
      assert.ok(Number(refused.headers['retry-after']) >= 1);
      assert.equal(JSON.parse(refused.body).code, 'ERR_PROVIDER_UNAVAILABLE');
      assert.equal(gate.received.length > 0, true);
      const page = await agent.ask(`${gate.url}/page`);
      assert.equal(page.status, 503, 'and never a redirect to sign in');
      assert.ok(agent.cookies(gate.url).size > 0, 'the cookie is not cleared');
      const open = await agent.ask(`${gate.url}/public/x`);
      assert.equal(open.status, 200);
    });
  });
});
