/** Ends of sessions at one node, seen at the other: whoever ends them, whatever is under way, and with the store away. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { runCli } from '../support/cli.ts';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { type RotatingProvider, startRotatingProvider } from '../support/rotating-provider.ts';
import { signInAt } from '../support/sign-in-at.ts';
import { createUserAgent } from '../support/user-agent.ts';
import { logOutAtProvider, postLogout } from './support/ask-logout.ts';
import type { FleetClient } from './support/client.ts';
import { type Fleet, newKey } from './support/fleet.ts';
import { secretsOf } from './support/secrets-of.ts';
import type { Seed } from './support/seed.ts';
import { type OpenSocket, openSocket } from './support/sockets.ts';
import { openSurroundings } from './support/surroundings.ts';
import { assertCleanOutput } from './support/traces.ts';

const operatorToken = 'an-operator-token-of-more-than-32-characters';
const keys = { cookies: [newKey()], tokens: [newKey()] };
const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

let redis: RedisServer;
let provider: RotatingProvider;
before(async () => {
  redis = await startRedis({ persist: true });
  provider = await startRotatingProvider();
});
after(async () => {
  await provider.close();
  await redis.stop();
});
beforeEach(() => Object.assign(provider, { delay: 0, loginDelay: 0, onRefresh: null, onRedeem: null }));

interface Nodes {
  readonly fleet: Fleet;
  readonly client: FleetClient;
  readonly seed: Seed;
  readonly first: string;
  readonly second: string;
  /** Every cookie that was made, for the look into the logs. */
  readonly cookies: string[];
  /** A new session that both nodes know. */
  begin(sub: string, options?: { readonly sid?: string; readonly lifetime?: number }): Promise<string>;
  statusAt(url: string, cookie: string): Promise<number>;
  /** Milliseconds until the node refuses this session. */
  untilRefused(url: string, cookie: string): Promise<number>;
  close(): Promise<void>;
}

async function startNodes(session: Readonly<Record<string, unknown>>): Promise<Nodes> {
  const { fleet, client, seed, close } = await openSurroundings({
    provider,
    session: { keys, ...session },
    config: { admin: { sessions: { token: operatorToken } } },
    seedConfig: () => ({ admin: { address: '127.0.0.1:0' } }),
  });
  const [first, second] = fleet.nodes.map(({ url }) => url) as [string, string];
  const cookies: string[] = [];
  const statusAt = async (url: string, cookie: string) => (await client.ask(`${url}/x`, { cookie })).status;
  return {
    fleet,
    client,
    seed,
    first,
    second,
    cookies,
    statusAt,
    async begin(sub, { lifetime = 300, ...options } = {}) {
      const cookie = await seed.begin(provider.signIn(sub, { lifetime, ...options }));
      cookies.push(cookie);
      if (lifetime === 0) return cookie;
      for (const url of [first, second]) assert.equal(await statusAt(url, cookie), 200);
      return cookie;
    },
    async untilRefused(url, cookie) {
      const began = performance.now();
      await until('the session is refused', async () => (await statusAt(url, cookie)) === 401);
      return performance.now() - began;
    },
    close,
  };
}

/** A login that has come back from the provider, begun at this node: where the browser is to go, and its cookies. */
async function beginLogin({ fleet }: Nodes, url: string, login: string) {
  const headers = { ...navigation, host: fleet.host };
  const sent = await createUserAgent().ask(`${url}/.auth/login`, { headers });
  const callback = await signInAt(String(sent.headers.location), { login, clientUrl: fleet.publicUrl });
  return { target: callback.pathname + callback.search, cookie: cookiesOf(sent.setCookies) };
}

/** Those that are set; not those that are cleared. */
function cookiesOf(setCookies: readonly string[]): string {
  const pairs = setCookies.map((setCookie) => setCookie.split(';', 1)[0] as string);
  return pairs.filter((pair) => !pair.endsWith('=')).join('; ');
}

interface Setting {
  readonly what: string;
  readonly session: () => Readonly<Record<string, unknown>>;
  /** Of keys in Redis. */
  readonly prefix: string;
  /** What the admin listener says when it has ended two sessions. */
  readonly ended: number | null;
}

const settings: readonly Setting[] = [
  {
    what: 'sessions in Redis',
    session: () => ({ store: { redis: { url: redis.url } } }),
    prefix: 'sallyport:',
    ended: 2,
  },
  {
    what: 'sessions in cookies and a deny-list in Redis (LO-027, SC-013)',
    session: () => ({ store: 'cookie', denyList: { redis: { url: redis.url, prefix: 'denied:' } } }),
    prefix: 'denied:',
    ended: null,
  },
];

for (const { what: where, session, prefix, ended } of settings)
  describe(`two nodes, ${where}`, () => {
    let nodes: Nodes;
    before(async () => {
      nodes = await startNodes(session());
    });
    after(() => nodes.close());

    const ways: readonly (readonly [what: string, end: (cookie: string, sub: string) => Promise<void>])[] = [
      [
        'LO-053: the person signs out everywhere',
        async (cookie) => {
          const headers = { ...form, origin: nodes.fleet.publicUrl };
          const asking = { method: 'POST', body: 'everywhere=1', cookie, headers };
          assert.equal((await nodes.client.ask(`${nodes.first}/.auth/logout`, asking)).status, 200);
        },
      ],
      [
        'SC-023: an operator on the command line ends those of a person',
        async (_cookie, sub) => {
          const [node] = nodes.fleet.nodes;
          const args = ['sessions', 'revoke', '--provider', 'main', '--sub', sub];
          const cwd = String(node?.folder);
          const { code, err } = await runCli([...args, '--config', join(cwd, 'sallyport.json')], { cwd });
          assert.deepEqual([code, err], [0, '']);
        },
      ],
      [
        'SC-023: a program at the admin listener ends those of a person',
        async (_cookie, sub) => {
          const target = `${nodes.fleet.nodes[0]?.adminUrl}/admin/sessions?provider=main&sub=${sub}`;
          const headers = { authorization: `Bearer ${operatorToken}` };
          const answer = await fetch(target, { method: 'DELETE', headers });
          assert.deepEqual([answer.status, await answer.json()], [200, { ended }]);
        },
      ],
      [
        'LO-022: the provider ends those of a person',
        async (_cookie, sub) => {
          assert.equal((await logOutAtProvider(nodes.client, nodes.first, { provider, sub })).status, 200);
        },
      ],
    ];

    for (const [index, [what, end]] of ways.entries()) {
      test(`LO-048, ${what}: the other node refuses them within a second and closes their WebSockets within two`, async (context) => {
        const { host } = nodes.fleet;
        const sub = `person-${index}`;
        const cookie = await nodes.begin(sub);
        const elsewhere = await nodes.begin(sub);
        const other = await nodes.begin('somebody-else');
        const sockets: OpenSocket[] = [];
        for (const one of [cookie, elsewhere, other])
          sockets.push(await openSocket({ url: nodes.second, host, cookie: one }));
        await end(cookie, sub);
        const over = performance.now();
        const [socket, another, others] = sockets as [OpenSocket, OpenSocket, OpenSocket];
        const took = await nodes.untilRefused(nodes.second, elsewhere);
        await nodes.untilRefused(nodes.second, cookie);
        assert.deepEqual(
          [await nodes.statusAt(nodes.first, cookie), await nodes.statusAt(nodes.first, elsewhere)],
          [401, 401],
        );
        await until('both WebSockets have ended', () => socket.ended() !== null && another.ended() !== null);
        for (const one of [socket, another]) {
          assert.equal(one.ended()?.code, 1008);
          assert.ok((one.ended()?.at ?? 0) - over < 2000);
        }
        assert.ok(took < 1000, `it took ${took} ms`);
        context.diagnostic(`refused after ${Math.round(took)} ms`);
        assert.equal(others.ended(), null);
        for (const url of [nodes.first, nodes.second]) assert.equal(await nodes.statusAt(url, other), 200);
        others.close();
      });
    }

    test('LO-022: of a person with two sessions a logout with a sid ends that one on both nodes', async () => {
      const phone = await nodes.begin('carol', { sid: 'phone' });
      const desk = await nodes.begin('carol', { sid: 'desk' });
      const about = { provider, sub: 'carol', sid: 'phone' };
      assert.equal((await logOutAtProvider(nodes.client, nodes.second, about)).status, 200);
      await nodes.untilRefused(nodes.first, phone);
      for (const url of [nodes.first, nodes.second]) assert.equal(await nodes.statusAt(url, desk), 200);
    });

    test('LO-016: a logout token that comes again, at either node or after a restart, is refused, and a session of after the logout stays', async () => {
      const cookie = await nodes.begin('dave');
      const token = await provider.logoutToken({ sub: 'dave' });
      const post = (url: string) => postLogout(nodes.client, { url, token });
      assert.equal((await post(nodes.first)).status, 200);
      await nodes.untilRefused(nodes.second, cookie);
      const again = await nodes.begin('dave');
      const assertRefused = async (url: string): Promise<void> => {
        const { status, body } = await post(url);
        assert.deepEqual([status, JSON.parse(body).error_description], [400, 'logout-token-replayed']);
      };
      await assertRefused(nodes.second);
      await assertRefused(nodes.first);
      const [node] = nodes.fleet.nodes;
      assert.equal(await node?.stop(), 0);
      await node?.start();
      await assertRefused(nodes.first);
      for (const url of [nodes.first, nodes.second]) assert.equal(await nodes.statusAt(url, again), 200);
    });

    test('LO-016: of two nodes that get the same logout token at once one carries it out', async () => {
      await nodes.begin('twice');
      const token = await provider.logoutToken({ sub: 'twice' });
      const replies = await Promise.all(
        [nodes.first, nodes.second].map((url) => postLogout(nodes.client, { url, token })),
      );
      assert.ok(replies.some(({ status }) => status === 200));
      const again = await nodes.begin('twice');
      for (const url of [nodes.first, nodes.second]) {
        assert.equal((await postLogout(nodes.client, { url, token })).status, 400);
        assert.equal(await nodes.statusAt(url, again), 200);
      }
    });

    test('LO-025: a logout at one node while the other one renews the tokens: nothing comes back, and the new token is revoked', async () => {
      const cookie = await nodes.begin('erin', { lifetime: 0 });
      const before = provider.revoked.length;
      provider.delay = 800;
      const arrived = new Promise<string>((resolve) => {
        provider.onRefresh = resolve;
      });
      const waiting = nodes.client.ask(`${nodes.first}/x`, { cookie });
      await arrived;
      assert.equal(
        (await logOutAtProvider(nodes.client, nodes.second, { provider, sub: 'erin' })).status,
        200,
      );
      assert.equal((await waiting).status, 401);
      await until('the new token is revoked', () =>
        provider.revoked.slice(before).some((token) => /^rt.*\.1$/.test(token)),
      );
      for (const url of [nodes.first, nodes.second, nodes.first]) {
        assert.equal(await nodes.statusAt(url, cookie), 401);
      }
      const left = await redis.cli('keys', `${prefix}l:*`);
      assert.equal(left, '', 'no lock is left');
    });

    test('LO-024: a logout at one node while a login is being finished at the other: no session comes of it, and the next login does', async () => {
      const login = await beginLogin(nodes, nodes.first, 'frank');
      provider.loginDelay = 800;
      const redeemed = new Promise<string>((resolve) => {
        provider.onRedeem = resolve;
      });
      const finishing = nodes.client.ask(nodes.first + login.target, {
        cookie: login.cookie,
        headers: navigation,
      });
      await redeemed;
      const { status } = await logOutAtProvider(nodes.client, nodes.second, { provider, sub: 'frank' });
      assert.equal(status, 200);
      const { setCookies } = await finishing;
      const cookie = cookiesOf(setCookies);
      for (const url of [nodes.first, nodes.second]) assert.equal(await nodes.statusAt(url, cookie), 401);

      provider.loginDelay = 0;
      const next = await beginLogin(nodes, nodes.second, 'frank');
      const finished = await nodes.client.ask(nodes.first + next.target, {
        cookie: next.cookie,
        headers: navigation,
      });
      const session = cookiesOf(finished.setCookies);
      nodes.cookies.push(session);
      for (const url of [nodes.first, nodes.second]) assert.equal(await nodes.statusAt(url, session), 200);
    });

    test('LO-019, LO-020: with Redis away a logout is 503 and the same token works when it is back; nobody is signed out by the outage', async (context) => {
      const cookie = await nodes.begin('grace');
      const other = await nodes.begin('heidi');
      const token = await provider.logoutToken({ sub: 'grace' });
      await redis.kill();
      for (const url of [nodes.first, nodes.second]) {
        const { status, headers } = await postLogout(nodes.client, { url, token });
        assert.equal(status, 503);
        assert.match(String(headers['retry-after']), /^[1-9]\d*$/);
        assert.equal(headers['cache-control'], 'no-store');
      }
      await redis.restart();
      const back = performance.now();
      await until('the same token is taken', async () => {
        const { status } = await postLogout(nodes.client, { url: nodes.second, token });
        assert.ok(status === 200 || status === 503, `${status}`);
        return status === 200;
      });
      context.diagnostic(`carried out ${Math.round(performance.now() - back)} ms after Redis was back`);
      await nodes.untilRefused(nodes.first, cookie);
      assert.equal(await nodes.statusAt(nodes.second, cookie), 401);
      await until('the other person is served by both', async () => {
        const statuses = [
          await nodes.statusAt(nodes.first, other),
          await nodes.statusAt(nodes.second, other),
        ];
        return statuses.every((status) => status === 200);
      });
    });

    test('SC-013: a copy of the cookies is refused on the other node after the person has signed out, and one that no node has seen after a logout at the provider', async () => {
      const cookie = await nodes.begin('kate');
      const asking = {
        method: 'POST',
        body: '',
        cookie,
        headers: { ...form, origin: nodes.fleet.publicUrl },
      };
      assert.equal((await nodes.client.ask(`${nodes.first}/.auth/logout`, asking)).status, 200);
      const took = await nodes.untilRefused(nodes.second, cookie);
      assert.ok(took < 1000, `it took ${took} ms`);
      assert.equal(await nodes.statusAt(nodes.first, cookie), 401);

      const unseen = await nodes.seed.begin(provider.signIn('kate'));
      nodes.cookies.push(unseen);
      assert.equal(
        (await logOutAtProvider(nodes.client, nodes.first, { provider, sub: 'kate' })).status,
        200,
      );
      await nodes.untilRefused(nodes.second, unseen);
      assert.equal(await nodes.statusAt(nodes.first, unseen), 401);
    });

    test('no node has written a secret down', () => {
      const secrets = [...nodes.cookies, operatorToken, ...secretsOf(nodes.fleet, provider)];
      assertCleanOutput(nodes.fleet.nodes, secrets);
    });
  });
