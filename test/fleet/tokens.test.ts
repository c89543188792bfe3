/** What each node of a fleet remembers of tokens it has verified: nothing for longer than the key that signed them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../support/redis-server.ts';
import { startAccessTokens } from './support/access-tokens.ts';
import type { Told } from './support/app.ts';
import { createFleetClient } from './support/client.ts';
import { newKey, startFleet } from './support/fleet.ts';
import { assertCleanOutput } from './support/traces.ts';

const audience = 'https://front.test/api';
/** Milliseconds; the shortest that can be configured. */
const refreshEvery = 10_000;
/** One and a half of it is promised; the rest is for a machine that has more to do. */
const bound = 1.5 * refreshEvery + 1000;

test('RS-045: a token whose key has left the key set is refused by every node within one and a half of jwksRefresh', async (context) => {
  const tokens = await startAccessTokens({ audience, maxAge: 3600 });
  context.after(() => tokens.close());
  const redis = await startRedis();
  context.after(() => redis.stop());
  const main = { issuer: tokens.issuer, clientId: 'app', clientSecret: newKey() };
  const issuer = { issuer: tokens.issuer, jwksUri: `${tokens.issuer}/jwks`, jwksRefresh: '10s' };
  const fleet = await startFleet({
    provider: main,
    session: { store: { redis: { url: redis.url } } },
    config: {
      providers: {},
      apis: { front: { issuers: [issuer], audience: [audience] } },
      routes: [
        {
          path: '/**',
          cluster: 'app',
          authenticate: ['bearer'],
          api: 'front',
          requestHeaders: { 'X-User': '{claims.sub}' },
        },
      ],
    },
  });
  context.after(() => fleet.close());
  const client = createFleetClient(fleet.host);
  context.after(() => client.close());
  const old = await tokens.issue('old', 'hilda');
  const kept = await tokens.issue('kept', 'ingo');

  /** Who a node says that the token is of, or the status of its refusal. */
  const callAt = async (url: string, token: string): Promise<string | number> => {
    const { status, body } = await client.ask(`${url}/a`, { headers: { authorization: `Bearer ${token}` } });
    return status === 200 ? String((JSON.parse(body) as Told).user) : status;
  };

  for (const { url } of fleet.nodes) {
    for (let round = 0; round < 20; round += 1)
      assert.deepEqual([await callAt(url, old), await callAt(url, kept)], ['hilda', 'ingo']);
  }
  assert.equal(tokens.fetches, fleet.nodes.length, 'one for each node, however many tokens came');

  tokens.withdraw('old');
  const withdrawn = performance.now();
  const refusedAfter = await Promise.all(
    fleet.nodes.map(async ({ url }) => {
      for (;;) {
        const seen = await callAt(url, old);
        assert.equal(await callAt(url, kept), 'ingo', 'the other key goes on');
        const after = performance.now() - withdrawn;
        if (seen === 401) return after;
        assert.equal(seen, 'hilda');
        assert.ok(after < bound, `a withdrawn key is good after ${Math.round(after)} ms`);
        await sleep(50);
      }
    }),
  );
  context.diagnostic(`refused after ${refusedAfter.map(Math.round)} ms with ${tokens.fetches} fetches`);
  assert.ok(tokens.fetches <= 4 * fleet.nodes.length, `${tokens.fetches} fetches`);
  assertCleanOutput(fleet.nodes, [old, kept]);
});
