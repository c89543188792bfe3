/** Tokens that a certified provider bound to a key of the client (DPoP, RFC 9449), through whole gates that share a store. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDpopSender, type ProofOverrides } from '../support/dpop-sender.ts';
import { exampleConfig, type RunningGate, startGate } from '../support/gate.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { rawSend, waitUntil } from '../support/raw.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { machineClient, machineToken } from '../support/token-client.ts';

const orders = 'urn:orders';
const sender = createDpopSender();
const thief = createDpopSender();
const sealingKey = Buffer.alloc(32, 'a key of the fleet').toString('base64');

const apis = {
  orders: { issuers: ['main'], audience: [orders] },
  fresh: { issuers: ['main'], audience: [orders], dpop: { nonce: true } },
};
const routes = [
  { path: '/orders/**', cluster: 'app', authenticate: ['bearer'], api: 'orders' },
  { path: '/fresh/**', cluster: 'app', authenticate: ['bearer'], api: 'fresh' },
  { path: '/pass/**', cluster: 'app', authenticate: ['bearer'], api: 'orders', upstreamToken: 'pass' },
];

let redis: RedisServer;
let gate: RunningGate;
/** Another one in front of the same application, over the same store. */
let replica: GateAlone;
let token: string;

before(async () => {
  redis = await startRedis({ persist: true });
  const session = { store: { redis: { url: redis.url, timeout: '1s' } }, keys: [sealingKey] };
  gate = await startGate({
    provider: {
      apis: { resources: { [orders]: { scope: 'read', format: 'jwt' } } },
      machines: [machineClient('machine')],
    },
    config: { apis, routes, session },
  });
  replica = await startGateAlone({
    config: {
      ...exampleConfig({ issuer: gate.provider.issuer, appUrl: gate.appUrl }),
      publicUrl: gate.url,
      ...{ apis, routes, session },
      listen: { address: '127.0.0.1:0' },
    },
  }).catch(async (error) => {
    await gate.close();
    throw error;
  });
  await waitUntil(() => replica.events('process.started').length > 0);
  token = await machineToken(gate.provider.issuer, 'machine', { resource: orders, scope: 'read', sender });
});

after(async () => {
  await replica?.close();
  await gate?.close();
  await redis?.stop();
});

interface Sent {
  readonly method?: string;
  readonly path?: string;
  /** Over the proof of `by`; null sends none. */
  readonly proof?: string | null;
  readonly scheme?: string;
}

const prove = (over: ProofOverrides = {}, path = '/orders/1', by = sender) =>
  by.prove({ method: 'GET', url: gate.url + path, token }, over);

const call = ({ method = 'GET', path = '/orders/1', proof = prove(), scheme = 'DPoP' }: Sent = {}) =>
  fetch(gate.url + path, {
    method,
    headers: { authorization: `${scheme} ${token}`, ...(proof === null ? {} : { dpop: proof }) },
  });

const challengeOf = (response: Response) => response.headers.get('www-authenticate') ?? '';

async function isRefused(sent: Sent, error: RegExp): Promise<void> {
  const reached = gate.received.length;
  const response = await call(sent);
  assert.equal(response.status, 401);
  assert.match(challengeOf(response), error);
  assert.equal(gate.received.length, reached);
}

describe('a token that is bound to a key', () => {
  test('passes with a proof, again with another one, and neither it nor the proof reaches the application', async () => {
    for (let i = 0; i < 2; i += 1) assert.equal((await call()).status, 200);
    const { headers } = gate.received.at(-1) ?? assert.fail();
    assert.deepEqual([headers.authorization, headers.dpop], [undefined, undefined]);
  });

  test('RS-050: is worth nothing as a bearer token, with a proof or without', async () => {
    await isRefused({ scheme: 'Bearer', proof: null }, /error="invalid_token"/);
    await isRefused({ scheme: 'Bearer' }, /error="invalid_token"/);
  });

  test('is not passed on, for nobody but its owner can prove to hold the key', async () => {
    const response = await call({ path: '/pass/1', proof: prove({}, '/pass/1') });
    assert.equal(response.status, 200);
    assert.equal(gate.received.at(-1)?.headers.authorization, undefined);
    assert.equal(gate.received.at(-1)?.headers.dpop, undefined);
  });

  const proofError = /^DPoP .*error="invalid_dpop_proof"|DPoP [^,]*, error="invalid_dpop_proof"/;
  const otherHash = { ath: Buffer.alloc(32).toString('base64url') };
  for (const [id, title, sent] of [
    ['RS-051', 'no proof', () => ({ proof: null })],
    ['RS-051', 'a proof of another key', () => ({ proof: prove({}, '/orders/1', thief) })],
    ['RS-051', 'a proof for another path', () => ({ proof: prove({}, '/orders/2') })],
    [
      'RS-051',
      'a proof for another host',
      () => ({ proof: prove({ claims: { htu: 'https://evil.test/orders/1' } }) }),
    ],
    ['RS-051', 'a proof for another method', () => ({ method: 'DELETE' })],
    ['RS-053', 'the hash of another token', () => ({ proof: prove({ claims: otherHash }) })],
    ['RS-053', 'no hash of the token', () => ({ proof: prove({ claims: { ath: undefined } }) })],
    [
      'RS-054',
      'a proof of ten minutes ago',
      () => ({ proof: prove({ claims: { iat: Math.floor(Date.now() / 1000) - 600 } }) }),
    ],
    [
      'RS-054',
      'a proof of the future',
      () => ({ proof: prove({ claims: { iat: Math.floor(Date.now() / 1000) + 600 } }) }),
    ],
  ] as readonly (readonly [string, string, () => Sent])[]) {
    test(`${id}: ${title} is 401, and the application hears nothing`, () => isRefused(sent(), proofError));
  }

  test('RS-055: a proof is good once, in all processes together', async () => {
    const proof = prove();
    assert.equal((await call({ proof })).status, 200);
    await isRefused({ proof }, proofError);
    const ask = async (dpop: string) => {
      const lines = [`Host: ${new URL(gate.url).host}`, `Authorization: DPoP ${token}`, `DPoP: ${dpop}`];
      const bytes = `GET /orders/1 HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
      const port = Number(String(replica.events('process.started')[0]?.address).split(':')[1]);
      return (await rawSend(port, bytes, { responses: 1 })).responses[0]?.status;
    };
    assert.equal(await ask(proof), 401);
    assert.equal(await ask(prove()), 200);
  });

  test('RS-055: of many that bring the same proof at the same time, one passes', async () => {
    const proof = prove();
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => (await call({ proof })).status),
    );
    assert.equal(statuses.filter((status) => status === 200).length, 1);
    assert.equal(statuses.filter((status) => status === 401).length, 19);
  });
});

describe('RS-054: an API that asks for a nonce', () => {
  const path = '/fresh/1';

  test('tells one with the 401, and takes a proof that has it', async () => {
    const first = await call({ path, proof: prove({}, path) });
    assert.equal(first.status, 401);
    assert.match(challengeOf(first), /error="use_dpop_nonce"/);
    assert.match(first.headers.get('cache-control') ?? '', /no-store/);
    const nonce = first.headers.get('dpop-nonce');
    assert.ok(nonce !== null);
    assert.equal((await call({ path, proof: prove({ claims: { nonce } }, path) })).status, 200);
  });

  test('takes no nonce that it did not make, and makes another one', async () => {
    const first = await call({ path, proof: prove({}, path) });
    const nonce = first.headers.get('dpop-nonce') ?? '';
    const changed = (nonce.startsWith('A') ? 'B' : 'A') + nonce.slice(1);
    for (const wrong of [changed, '', 'x', null]) {
      const response = await call({ path, proof: prove({ claims: { nonce: wrong } }, path) });
      assert.equal(response.status, 401);
      assert.match(challengeOf(response), /error="use_dpop_nonce"/);
      assert.ok(response.headers.has('dpop-nonce'));
    }
  });
});

test('RS-056: while the store cannot be asked nobody passes with a proof, and the proof is not to blame', async () => {
  const reached = gate.received.length;
  redis.freeze();
  try {
    const response = await call();
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('www-authenticate'), null);
    assert.ok(Number(response.headers.get('retry-after')) > 0);
    assert.equal(gate.received.length, reached);
  } finally {
    redis.thaw();
  }
  const deadline = performance.now() + 5000;
  while ((await call()).status !== 200) assert.ok(performance.now() < deadline, 'it is served again');
});
