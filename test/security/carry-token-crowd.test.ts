/** Many requests that wait for one renewal on few connections: those that stay are answered, and nothing is left over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamToken } from '../../src/core/upstream-token.ts';
import { createCarrierDoor, createSession } from '../support/carrier-door.ts';
import { createEcho } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { type RawPeer, rawConnect, rawSend, waitUntil } from '../support/raw.ts';

const bearer = (token: string): UpstreamToken => ({
  header: 'authorization',
  value: `Bearer ${token}`,
  prove: null,
  renew: null,
});
const route = createRoute({ path: '/**', upstreamToken: 'access', retryUnauthorized: true });
const get = 'GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n';
const crowd = 20;
const connections = 3;

const leavers = [
  ['whose answers are held', (peers: readonly RawPeer[]) => peers.slice(0, connections)],
  ['who wait for a connection', (peers: readonly RawPeer[]) => peers.slice(crowd / 2)],
  ['every other one', (peers: readonly RawPeer[]) => peers.filter((_, i) => i % 2 === 0)],
] as const;

for (const [who, choose] of leavers) {
  // One that is here at once, and one of which the rest is not worth reading.
  for (const length of [2, 500_000]) {
    test(`DL-021: clients leave, ${who}, while 401s of ${length} bytes wait for a new token`, async (t) => {
      const denied = `HTTP/1.1 401 No\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`;
      const echo = await createEcho((request) =>
        request.all('authorization')[0] === 'Bearer new'
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
          : denied,
      );
      t.after(() => echo.close());
      const { promise: renewed, resolve: renew } = Promise.withResolvers<UpstreamToken>();
      let asked = 0;
      const upstreamToken: UpstreamToken = {
        ...bearer('old'),
        renew() {
          asked += 1;
          return renewed;
        },
      };
      const door = await createCarrierDoor({
        targets: [echo.url],
        cluster: { connections, queue: crowd },
        forward: () => ({ route, session: createSession(), upstreamToken }),
      });
      t.after(() => door.close());
      const peers: RawPeer[] = [];
      for (let i = 0; i < crowd; i += 1) {
        const peer = await rawConnect(door.port);
        peer.write(get);
        peers.push(peer);
        await waitUntil(() => door.received() === i + 1);
      }
      await waitUntil(() => asked === connections);
      const left = choose(peers);
      for (const peer of left) peer.destroy();
      await waitUntil(() => door.outcomes.length === left.length);
      renew(bearer('new'));
      await waitUntil(() => door.outcomes.length === crowd);
      const count = (status: number) => door.outcomes.filter((outcome) => outcome.status === status).length;
      assert.deepEqual([count(200), count(499)], [crowd - left.length, left.length]);
      assert.equal(door.carrier.inFlight(), 0);
      // No place in the line is taken up by who left.
      const more = await Promise.all(
        Array.from({ length: crowd }, () => rawSend(door.port, get, { responses: 1 })),
      );
      assert.deepEqual(new Set(more.map(({ responses }) => responses[0]?.status)), new Set([200]));
      for (const peer of peers) peer.destroy();
    });
  }
}
