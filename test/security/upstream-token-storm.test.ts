/** An application that answers 401 whatever it is sent: it costs the provider next to nothing, and nobody's session. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { createFleet, type Fixture } from '../support/session-fixture.ts';
import { createTokenNode, routeWith, type TokenNode } from '../support/upstream-token-fixture.ts';

const renewing = routeWith('access', { retryUnauthorized: true });
const open = new Set<{ close(): Promise<unknown> }>();

afterEach(async () => {
  for (const one of open) await one.close();
  open.clear();
});

function tokensOf({ shared, sessions }: Fixture): TokenNode {
  const { clock, store, keyRing } = shared;
  const node = createTokenNode({ clock, store, keyRing, renew: (session) => sessions.renew(session) });
  open.add(node.tokens);
  return node;
}

test('FL-060: an application that answers 401 always costs the fleet one refresh in half a minute, not one a node', async () => {
  const fleet = createFleet(3, { isAsync: true });
  open.add(fleet);
  const { nodes, clock, provider } = fleet;
  const gates = nodes.map((node) => ({ node, tokens: tokensOf(node) }));
  const { cookie } = await nodes[0]!.signIn('alice');
  /** One request on each node in turn: sent, refused with 401, renewed if that is allowed, refused again. */
  const round = async () => {
    for (const { node, tokens } of gates) {
      const session = await node.sessionOf(cookie);
      assert.ok(session !== null);
      await (await tokens.obtain(renewing, session))?.renew?.();
      // As long as a request takes, and longer than new tokens rest.
      clock.advance(1100);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  for (let i = 0; i < 8; i += 1) await round();
  assert.equal(provider.refreshes.length, 1);
  clock.advance(30_000);
  await round();
  assert.equal(provider.refreshes.length, 2);
});
