/**
 * Exchanged tokens over two nodes: one exchange for a crowd, another one after a refresh, none after a logout, and each
 * person's own alone, in what applications get and in what Redis holds.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/redis-server.ts';
import { type ApiFleet, claimsOf, clientSecret, front, orders, startApiFleet } from './support/api-fleet.ts';
import type { Told } from './support/app.ts';
import type { Reply } from './support/client.ts';
import { signInAtFleet } from './support/sign-in.ts';
import { soakTime } from './support/soak.ts';
import { assertCleanOutput } from './support/traces.ts';

const exchanged = { exchange: { resource: orders } };
const forPeople = {
  cluster: 'app',
  onAnonymous: 'unauthorized',
  requestHeaders: { 'X-User': '{claims.sub}' },
};

const routes = [
  { ...forPeople, path: '/own/**', access: 'signed-in', upstreamToken: 'access', retryUnauthorized: true },
  {
    ...forPeople,
    path: '/**',
    authenticate: ['session', 'bearer'],
    api: 'front',
    upstreamToken: exchanged,
  },
];

let nodes: ApiFleet;
let urls: readonly [string, string];
/** Cookies and tokens that were seen on the way. */
const secrets = new Set<string>([clientSecret]);

before(async () => {
  // A dump is searched for text: nothing of it may be packed.
  nodes = await startApiFleet({
    config: { routes },
    redisArgs: ['--rdbcompression', 'no', '--repl-diskless-sync-delay', '0'],
  });
  urls = nodes.fleet.nodes.map(({ url }) => url) as [string, string];
});

after(() => nodes.close());

async function signIn(login: string): Promise<string> {
  const cookie = await signInAtFleet(nodes.fleet, { login, via: urls });
  secrets.add(cookie);
  return cookie;
}

/** Exchanges and everything else that was asked for at the token endpoint. */
const tokenCalls = () => nodes.provider.stats().token;

function toldBy(reply: Reply): Told {
  assert.equal(reply.status, 200, reply.body);
  const told: Told = JSON.parse(reply.body);
  secrets.add(String(told.authorization).replace('Bearer ', ''));
  return told;
}

/** Answers of both nodes in turn to so many requests at once. */
const askAtOnce = (count: number, path: string, cookie: string): Promise<readonly Reply[]> =>
  Promise.all(
    Array.from({ length: count }, (_, index) => nodes.client.ask(`${urls[index % 2]}${path}`, { cookie })),
  );

/** The one token that all of them brought to the application, which is this person's for the application. */
function onlyToken(replies: readonly Reply[], login: string): string {
  const tokens = new Set<string>();
  for (const reply of replies) {
    const { user, authorization } = toldBy(reply);
    const claims = claimsOf(authorization);
    assert.deepEqual([user, claims?.sub, claims?.aud], [login, login, orders]);
    tokens.add(String(authorization));
  }
  assert.equal(tokens.size, 1);
  return [...tokens][0] as string;
}

/** Everything that Redis holds, as one text of bytes. */
async function dumpOfRedis(): Promise<string> {
  const file = join(nodes.redis.dir, 'seen.rdb');
  await nodes.redis.cli('--rdb', file);
  return readFileSync(file, 'latin1');
}

describe('one person on two nodes', () => {
  test('200 requests at once cost one exchange in the whole fleet, and later ones none', async () => {
    const cookie = await signIn('anna');
    const before = tokenCalls();
    const token = onlyToken(await askAtOnce(200, '/a', cookie), 'anna');
    assert.equal(tokenCalls() - before, 1);
    assert.equal(onlyToken(await askAtOnce(20, '/b', cookie), 'anna'), token);
    assert.equal(tokenCalls() - before, 1);
  });

  test('RS-071: after a refresh of the session there is one new exchange, and the token of before is served no more', async () => {
    const cookie = await signIn('berta');
    const old = onlyToken(await askAtOnce(20, '/a', cookie), 'berta');
    const own = toldBy(await nodes.client.ask(`${urls[0]}/own/a`, { cookie })).authorization;
    assert.equal(claimsOf(own)?.aud, front);
    const before = tokenCalls();
    assert.equal((await nodes.client.ask(`${urls[0]}/own/refuse`, { cookie })).status, 401);
    assert.equal(tokenCalls() - before, 1, 'the application refused the token, so the session is refreshed');
    const both = await askAtOnce(2, '/own/a', cookie);
    const renewed = both.map((reply) => toldBy(reply).authorization);
    assert.notEqual(renewed[0], own);
    assert.equal(renewed[0], renewed[1]);
    const next = onlyToken(await askAtOnce(100, '/a', cookie), 'berta');
    assert.notEqual(next, old);
    assert.equal(tokenCalls() - before, 2);
  });

  test('RS-071: after a logout at one node neither serves anything, and a new sign-in exchanges anew', async () => {
    const cookie = await signIn('clara');
    const old = onlyToken(await askAtOnce(20, '/a', cookie), 'clara');
    const headers = {
      origin: nodes.fleet.publicUrl,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const out = await nodes.client.ask(`${urls[0]}/.auth/logout`, { method: 'POST', cookie, headers });
    assert.ok(out.status === 200 || out.status === 303, `${out.status}`);
    const before = tokenCalls();
    assert.equal((await nodes.client.ask(`${urls[0]}/a`, { cookie })).status, 401);
    const deadline = performance.now() + 2000;
    for (;;) {
      const { status } = await nodes.client.ask(`${urls[1]}/a`, { cookie });
      if (status === 401) break;
      assert.ok(performance.now() < deadline, 'the other node goes on serving');
      await sleep(20);
    }
    const { answered } = nodes.fleet.app;
    for (const { status } of await askAtOnce(20, '/a', cookie)) assert.equal(status, 401);
    assert.equal(nodes.fleet.app.answered, answered);
    assert.equal(tokenCalls(), before);
    const again = onlyToken(await askAtOnce(20, '/a', await signIn('clara')), 'clara');
    assert.notEqual(again, old);
  });

  test('RS-071: the own token of a caller is exchanged for its caller, once for both nodes', async () => {
    const cookie = await signIn('dora');
    const { authorization } = toldBy(await nodes.client.ask(`${urls[0]}/own/a`, { cookie }));
    const ofSession = onlyToken(await askAtOnce(2, '/a', cookie), 'dora');
    const before = tokenCalls();
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        nodes.client.ask(`${urls[index % 2]}/a`, { headers: { authorization: String(authorization) } }),
      ),
    );
    assert.notEqual(onlyToken(replies, 'dora'), ofSession, 'a session and a bearer token share nothing');
    assert.equal(tokenCalls() - before, 1);
  });
});

describe('several persons', () => {
  test('RS-071: two persons who ask at the same time never get the token of each other', async () => {
    const [emil, fritz] = await Promise.all([signIn('emil'), signIn('fritz')]);
    const tokens = await Promise.all(
      [
        ['emil', emil],
        ['fritz', fritz],
      ].map(async ([login = '', cookie = '']) => onlyToken(await askAtOnce(50, '/a', cookie), login)),
    );
    assert.notEqual(tokens[0], tokens[1]);
  });

  test('RS-071: people whose tokens are refreshed and exchanged all the while get their own alone', async (context) => {
    nodes.provider.ttl.accessToken = 3;
    const names = Array.from({ length: 8 }, (_, index) => `person-${index}`);
    const crowd = await Promise.all(names.map(async (name) => ({ name, cookie: await signIn(name) })));
    const deadline = performance.now() + soakTime({ full: 60_000, short: 5000 });
    const before = tokenCalls();
    const wrong: string[] = [];
    const seen = new Map<string, string>();
    let served = 0;

    const ask = async (turn: number): Promise<void> => {
      const { name, cookie } = crowd[(turn * 7) % crowd.length] as { name: string; cookie: string };
      const reply = await nodes.client.ask(`${urls[turn % 2]}/${name}/${turn}`, { cookie });
      const told: Partial<Told> = reply.status === 200 ? JSON.parse(reply.body) : {};
      const { sub, aud } = claimsOf(told.authorization ?? null) ?? {};
      const token = String(told.authorization);
      const owner = seen.get(token) ?? name;
      seen.set(token, owner);
      if (told.user !== name || sub !== name || aud !== orders || owner !== name)
        wrong.push(`${reply.status}: ${told.user} with a token of ${sub} for ${name}`);
      served += 1;
    };
    const browse = async (_: unknown, index: number): Promise<void> => {
      for (let turn = index; performance.now() < deadline; turn += 12) {
        await ask(turn);
        await sleep(2);
      }
    };
    await Promise.all(Array.from({ length: 12 }, browse));
    for (const token of seen.keys()) secrets.add(token.replace('Bearer ', ''));
    context.diagnostic(`${served} answers, ${seen.size} tokens, ${tokenCalls() - before} calls`);
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${served} answers are wrong`);
    assert.ok(served > 300 && seen.size >= 2 * names.length, `${served} answers with ${seen.size} tokens`);
  });
});

test('while Redis is away each node exchanges the tokens of callers for itself, once', async () => {
  nodes.provider.ttl.accessToken = 3600;
  const cookie = await signIn('hanna');
  const { authorization } = toldBy(await nodes.client.ask(`${urls[0]}/own/a`, { cookie }));
  const before = tokenCalls();
  nodes.redis.freeze();
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      nodes.client.ask(`${urls[index % 2]}/a`, { headers: { authorization: String(authorization) } }),
    ),
  ).finally(() => nodes.redis.thaw());
  for (const reply of replies) {
    const told = toldBy(reply);
    assert.deepEqual([told.user, claimsOf(told.authorization)?.sub], ['hanna', 'hanna']);
  }
  assert.equal(tokenCalls() - before, 2);
  await until('people can sign in again', async () => {
    const again = await signIn('hanna').catch(() => null);
    if (again === null) return false;
    return (await askAtOnce(2, '/a', again)).every(({ status }) => status === 200);
  });
});

test('RS-071: what Redis holds shows no token and no cookie, and neither do the logs', async () => {
  const cookie = await signIn('gustav');
  onlyToken(await askAtOnce(2, '/a', cookie), 'gustav');
  const dump = await dumpOfRedis();
  assert.match(dump, /u:[\w-]{43}/, 'exchanged tokens are there');
  assert.match(dump, /REDIS\d{4}/);
  for (const secret of secrets) {
    for (const [part] of secret.matchAll(/[\w-]{24,}/g)) {
      const bytes = Buffer.from(part, 'base64url').toString('latin1');
      for (const shape of [part, bytes]) assert.ok(!dump.includes(shape), 'a secret stands in Redis');
    }
  }
  for (const login of ['gustav', 'person-1'])
    assert.ok(!dump.includes(`"${login}"`), 'a name stands in Redis');
  assertCleanOutput(nodes.fleet.nodes, secrets);
});
