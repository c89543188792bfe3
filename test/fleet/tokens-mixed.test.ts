/** People with cookies and machines with tokens at the same routes of a fleet, while its nodes are restarted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/redis-server.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { claimsOf, clientSecret, front, machineToken, startApiFleet } from './support/api-fleet.ts';
import type { Told } from './support/app.ts';
import { startBalancer } from './support/balancer.ts';
import type { Asking, Reply } from './support/client.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { soakTime } from './support/soak.ts';
import { assertCleanOutput } from './support/traces.ts';

const machines = ['crane', 'drill', 'lathe', 'press'];
const people = ['anton', 'beate', 'conny', 'david'];

interface Caller {
  readonly name: string;
  readonly kind: 'session' | 'bearer';
  readonly asking: Asking;
}

/** Why this is not the answer of that caller, or null. */
function problemOf({ name, kind }: Caller, { status, body }: Reply): string | null {
  if (status !== 200) return `${status} for ${name}`;
  const { user, authorization }: Told = JSON.parse(body);
  const { sub, aud, client_id } = claimsOf(authorization) ?? {};
  const client = kind === 'session' ? 'app' : name;
  const isOwn = user === name && sub === name && aud === front && client_id === client;
  return isOwn ? null : `${user} with a token of ${sub} for ${name}`;
}

test('RS-071, FL-042: sessions and bearer tokens mixed over two nodes that are restarted: no request fails, and none is answered as another caller', async (context) => {
  const publicUrl = `http://127.0.0.1:${await freePort()}`;
  const nodes = await startApiFleet({
    machines,
    publicUrl,
    config: {
      listen: { timeouts: { notice: '500ms' } },
      routes: [
        {
          path: '/**',
          cluster: 'app',
          authenticate: ['session', 'bearer'],
          api: 'front',
          onAnonymous: 'unauthorized',
          upstreamToken: 'access',
          requestHeaders: { 'X-User': '{claims.sub}' },
        },
      ],
    },
  });
  context.after(() => nodes.close());
  const { fleet, client, provider } = nodes;
  const balancer = await startBalancer(publicUrl, fleet.nodes);
  context.after(() => balancer.close());
  const random = createSeededRandom(71);

  const sessions = people.map(async (login): Promise<Caller> => {
    const cookie = await signInAtFleet(fleet, { login, via: [publicUrl, publicUrl] });
    return { name: login, kind: 'session', asking: { cookie } };
  });
  const bearers = machines.map(async (name): Promise<Caller> => {
    const authorization = `Bearer ${await machineToken(provider, { clientId: name })}`;
    return { name, kind: 'bearer', asking: { headers: { authorization } } };
  });
  const callers = await Promise.all([...sessions, ...bearers]);
  const credentials = callers.map(({ asking }) => asking.cookie ?? String(asking.headers?.authorization));

  const load = { on: true, session: 0, bearer: 0, both: 0 };
  context.after(() => {
    load.on = false;
  });
  const problems: string[] = [];
  const pick = () => callers[Math.floor(random() * callers.length)] as Caller;

  /** As the caller says, on a connection that others used before. */
  const askAs = async (caller: Caller): Promise<void> => {
    const reply = await client.askAgain(`${publicUrl}/${caller.name}`, caller.asking);
    const problem = problemOf(caller, reply);
    if (problem === null) load[caller.kind] += 1;
    else problems.push(problem);
  };
  /** With the cookie of one and the token of another: refused, and never taken for either of them. */
  const askAsBoth = async (): Promise<void> => {
    const [cookie, token] = [callers[0], callers.at(-1)].map((caller) => caller?.asking);
    const { status } = await client.askAgain(`${publicUrl}/both`, { ...cookie, ...token });
    if (status === 400) load.both += 1;
    else problems.push(`${status} with a cookie and a token`);
  };
  const browse = async (): Promise<void> => {
    for (; load.on; await sleep(random() * 8)) {
      const asked = random() < 0.05 ? askAsBoth() : askAs(pick());
      await asked.catch((error: Error) => problems.push(error.message));
    }
  };

  const running = Promise.all(Array.from({ length: 16 }, browse));
  const deadline = performance.now() + soakTime({ full: 60_000, short: 10_000 });
  let restarts = 0;
  while (performance.now() < deadline || restarts < 2) {
    const node = fleet.nodes[restarts % 2];
    assert.ok(node);
    await sleep(500);
    assert.equal(await node.stop(), 0);
    assert.equal(node.events('process.stopped')[0]?.drained, true);
    assertCleanOutput([node], [...credentials, clientSecret]);
    await node.start();
    await until('the node is back', () => balancer.serves(node));
    restarts += 1;
  }
  load.on = false;
  await running;
  const counts = `${load.session} by session, ${load.bearer} by token, ${load.both} with both`;
  context.diagnostic(`${restarts} restarts, ${counts}, ${client.resent} sent again`);
  assert.deepEqual(problems.slice(0, 5), [], `${problems.length} requests failed of ${counts}`);
  assert.ok(load.session > 300 && load.bearer > 300 && load.both > 20, counts);
  assertCleanOutput(fleet.nodes, [...credentials, clientSecret]);
});
