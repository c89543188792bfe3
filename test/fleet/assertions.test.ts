/** Assertions of two nodes: one key set, and keys that are changed without an application refusing a single one. */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeClientKey, readJwt } from '../support/client-keys.ts';
import { until } from '../support/redis-server.ts';
import { type ApiFleet, machineToken, startApiFleet } from './support/api-fleet.ts';
import type { Told } from './support/app.ts';
import { type Balancer, startBalancer } from './support/balancer.ts';
import type { FleetNode } from './support/fleet.ts';
import { assertCleanOutput } from './support/traces.ts';

const audience = 'https://orders.test/api';
const [first, second] = [makeClientKey('p256'), makeClientKey('p256')];
const pems = { 'first.pem': first.pem, 'second.pem': second.pem };
type KeyName = keyof typeof pems;

let nodes: ApiFleet;
let balancer: Balancer;
let token: string;

const keysOf = (names: readonly KeyName[]) => names.map((file) => ({ file }));

/** The files are there before anything of the configuration names them. */
function writeKeys({ folder }: Pick<FleetNode, 'folder'>): void {
  for (const [name, pem] of Object.entries(pems)) writeFileSync(join(folder, name), pem);
}

before(async () => {
  nodes = await startApiFleet({
    machines: ['machine'],
    prepare: writeKeys,
    config: {
      listen: { timeouts: { notice: '300ms' } },
      assertions: { keys: keysOf(['first.pem']) },
      routes: [
        {
          path: '/**',
          cluster: 'app',
          authenticate: ['bearer'],
          api: 'front',
          upstreamToken: { assertion: { audience, claims: ['client_id'] } },
        },
      ],
    },
  });
  balancer = await startBalancer(nodes.fleet.publicUrl, nodes.fleet.nodes);
  token = await machineToken(nodes.provider, { clientId: 'machine' });
});

after(async () => {
  await balancer.close();
  await nodes.close();
});

const nodeUrls = () => nodes.fleet.nodes.map(({ url }) => url);

/** The assertion that the application gets with a request. */
async function assertionVia(url: string): Promise<string> {
  const reply = await nodes.client.askAgain(`${url}/a`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(reply.status, 200, reply.body);
  const { authorization }: Told = JSON.parse(reply.body);
  assert.match(String(authorization), /^Bearer ey/);
  return String(authorization).slice('Bearer '.length);
}

interface PublishedKeys {
  readonly keys: ReadonlyMap<string, KeyObject>;
  /** Seconds. */
  readonly maxAge: number;
  readonly body: string;
}

async function fetchKeys(url: string): Promise<PublishedKeys> {
  const { status, headers, body } = await nodes.client.askAgain(`${url}/.auth/jwks.json`);
  assert.equal(status, 200);
  const maxAge = /^public, max-age=(\d+)$/.exec(String(headers['cache-control']))?.[1];
  const { keys } = JSON.parse(body) as { readonly keys: readonly Readonly<Record<string, string>>[] };
  return {
    keys: new Map(keys.map((key) => [String(key.kid), createPublicKey({ key, format: 'jwk' })])),
    maxAge: Number(maxAge),
    body,
  };
}

/**
 * An application that caches the key set for exactly as long as it may, and fetches it for no other reason. Its clock is
 * the test's: `age` seconds pass at once.
 */
interface CachingApp {
  /** Fails unless the key set that it has opens this. */
  check(assertion: string): void;
  age(seconds: number): Promise<void>;
}

async function createCachingApp(): Promise<CachingApp> {
  let known = await fetchKeys(nodes.fleet.publicUrl);
  let heldFor = 0;
  return {
    check(assertion) {
      const { header, claims } = readJwt(assertion);
      const key = known.keys.get(String(header.kid));
      assert.ok(key !== undefined, 'the key is not among those that the application has');
      const [head, payload, signature = ''] = assertion.split('.');
      const made = { key, dsaEncoding: 'ieee-p1363' } as const;
      const isGood = verify(
        'sha256',
        Buffer.from(`${head}.${payload}`),
        made,
        Buffer.from(signature, 'base64url'),
      );
      assert.ok(isGood, 'the signature is not of this key');
      assert.deepEqual([header.alg, claims.aud, claims.client_id], ['ES256', audience, 'machine']);
    },
    async age(seconds) {
      heldFor += seconds;
      if (heldFor < known.maxAge) return;
      heldFor %= known.maxAge;
      known = await fetchKeys(nodes.fleet.publicUrl);
    },
  };
}

/** One node after the other starts again with these keys, while the others serve. */
async function rollOut(names: readonly KeyName[]): Promise<void> {
  for (const node of nodes.fleet.nodes) {
    const file = join(node.folder, 'sallyport.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    config.assertions.keys = keysOf(names);
    writeFileSync(file, JSON.stringify(config));
    assert.equal(await node.stop(), 0);
    assertCleanOutput([node], [token, first.pem, second.pem]);
    await node.start();
    await until('the node is back', () => balancer.serves(node));
  }
}

const kidOf = (assertion: string) => String(readJwt(assertion).header.kid);

/** Which of the two keys each node signs with. */
const signersOfNodes = async () => Promise.all(nodeUrls().map(async (url) => kidOf(await assertionVia(url))));

interface Traffic {
  readonly checked: number;
  readonly problems: readonly string[];
  stop(): Promise<void>;
}

/** Requests over the balancer; what the application gets is checked by every one of these, whatever they cached when. */
function startTraffic(apps: readonly CachingApp[]): Traffic {
  const problems: string[] = [];
  const counts = { checked: 0 };
  let on = true;
  const browse = async (): Promise<void> => {
    for (; on; await sleep(5)) {
      try {
        const assertion = await assertionVia(nodes.fleet.publicUrl);
        for (const app of apps) app.check(assertion);
        counts.checked += 1;
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
  };
  const running = Promise.all(Array.from({ length: 4 }, browse));
  return {
    problems,
    get checked() {
      return counts.checked;
    },
    async stop() {
      on = false;
      await running;
    },
  };
}

describe('the keys of assertions over two nodes', () => {
  let apps: readonly CachingApp[];
  beforeEach(async () => {
    apps = await Promise.all(Array.from({ length: 4 }, createCachingApp));
    // They fetched at different times, as applications do.
    for (const [index, app] of apps.entries()) await app.age(index * 70);
  });

  test('both nodes publish the same key set, and what one signs is checked with that of the other', async () => {
    const sets = await Promise.all(nodeUrls().map(fetchKeys));
    assert.equal(sets[0]?.body, sets[1]?.body);
    assert.equal(sets[0]?.keys.size, 1);
    assert.ok(sets.every(({ maxAge }) => maxAge >= 60));
    const signers = await signersOfNodes();
    for (const kid of signers) assert.ok(sets.every(({ keys }) => keys.has(kid)));
    for (const url of nodeUrls()) apps[0]?.check(await assertionVia(url));
  });

  test('a key that is published behind the first one, and for max-age before it signs, is refused by nobody', async (context) => {
    const [{ maxAge }] = (await Promise.all(nodeUrls().map(fetchKeys))) as [PublishedKeys, PublishedKeys];
    const old = (await signersOfNodes())[0] as string;
    const traffic = startTraffic(apps);
    context.after(() => traffic.stop());
    const wait = async () => {
      for (const app of apps) await app.age(maxAge);
      await sleep(100);
    };
    await rollOut(['first.pem', 'second.pem']);
    assert.deepEqual(await signersOfNodes(), [old, old]);
    await wait();
    await rollOut(['second.pem', 'first.pem']);
    const signers = await signersOfNodes();
    assert.ok(!signers.includes(old) && signers[0] === signers[1]);
    await wait();
    await rollOut(['second.pem']);
    await wait();
    await traffic.stop();
    context.diagnostic(`${traffic.checked} assertions checked by ${apps.length} applications`);
    assert.deepEqual(traffic.problems.slice(0, 3), [], `${traffic.problems.length} of ${traffic.checked}`);
    assert.ok(traffic.checked > 200, `${traffic.checked} assertions`);
    const sets = await Promise.all(nodeUrls().map(fetchKeys));
    for (const { keys } of sets) assert.deepEqual([...keys.keys()], [signers[0]]);
  });

  test('a key that signs at once is refused by applications that cached the key set before', async () => {
    await rollOut(['first.pem', 'second.pem']);
    for (const url of nodeUrls()) {
      const assertion = await assertionVia(url);
      assert.throws(() => apps[0]?.check(assertion), /not among those/);
    }
  });
});
