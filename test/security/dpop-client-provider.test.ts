/** Proofs of possession that the gate makes (DPoP, RFC 9449) and the nonces that its provider asks for. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { calculateJwkThumbprint, exportJWK, type JWK, jwtVerify } from 'jose';
import { systemClock, systemRandom } from '../../src/core/clock.ts';
import { createDpopClient } from '../../src/oidc/dpop-client.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { makeClientKey, readJwt } from '../support/client-keys.ts';
import {
  assertLoginFails,
  type EvilGate,
  loginAtEvil,
  makeEvilGate,
  makeLoginSecrets,
} from '../support/evil-login.ts';
import {
  type EvilAnswer,
  type EvilBehaviour,
  type EvilEndpoint,
  type EvilProvider,
  type EvilRequest,
  evilSecrets,
  startEvilProvider,
} from '../support/evil-provider.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
beforeEach(() => evil.reset());
after(() => evil.close());

const key = makeClientKey('p256');
const dpop = { dpopKey: key.pem, userinfo: 'always' };
const bound = { tokens: { token_type: 'DPoP' } };

const proofsOf = (endpoint: EvilEndpoint) =>
  evil.requests
    .filter((request) => request.endpoint === endpoint)
    .map(({ headers }) => readJwt(String(headers.dpop)));
const noncesOf = (endpoint: EvilEndpoint) => proofsOf(endpoint).map(({ claims }) => claims.nonce);

/** Pushes, signs in with userinfo, renews and asks for a token of its own. */
async function useEverything(gate: EvilGate, behaviour: EvilBehaviour): Promise<void> {
  const all: EvilBehaviour = {
    ...behaviour,
    metadata: { pushed_authorization_request_endpoint: `${evil.issuer}/par` },
  };
  evil.behaviour = all;
  await gate.provider.authorizationUrl(makeLoginSecrets(), {});
  const { person, error } = await loginAtEvil(evil, { gate, behaviour: all });
  assert.equal(error, null);
  assert.ok(person);
  evil.nonce = String(person.claims.nonce);
  const outcome = await gate.provider.refresh('alice', person.claims, person.tokens);
  assert.equal(outcome.kind, 'refreshed');
  await gate.provider.grants.clientToken({ audience: null, scope: null, resource: null });
}

test('RP-032: every request for tokens, the push and userinfo carry a proof that holds for nothing else', async () => {
  const gate = makeEvilGate(evil, { config: dpop });
  await useEverything(gate, bound);
  await gate.provider.close();
  const proven = evil.requests.filter(({ headers }) => headers.dpop !== undefined);
  assert.deepEqual(
    proven.map(({ endpoint }) => endpoint),
    ['par', 'token', 'userinfo', 'token', 'userinfo', 'token'],
  );
  const ids = new Set<unknown>();
  for (const { endpoint, headers } of proven) {
    const proof = String(headers.dpop);
    const { payload, protectedHeader } = await jwtVerify(proof, key.publicKey, { typ: 'dpop+jwt' });
    assert.deepEqual({ ...protectedHeader.jwk }, await exportJWK(key.publicKey));
    assert.equal(protectedHeader.alg, 'ES256');
    assert.equal(payload.htm, endpoint === 'userinfo' ? 'GET' : 'POST');
    assert.equal(payload.htu, `${evil.issuer}/${endpoint}`);
    assert.ok(Math.abs((payload.iat ?? 0) - Date.now() / 1000) < 5);
    const hash = createHash('sha256').update(evilSecrets.accessToken).digest('base64url');
    assert.equal(payload.ath, endpoint === 'userinfo' ? hash : undefined);
    ids.add(payload.jti);
  }
  assert.equal(ids.size, proven.length);
});

test('RP-032: userinfo gets the token as DPoP, and the code is bound to the key', async () => {
  const gate = makeEvilGate(evil, { config: dpop });
  await useEverything(gate, bound);
  await gate.provider.close();
  const userinfo = evil.requests.find(({ endpoint }) => endpoint === 'userinfo');
  assert.equal(userinfo?.headers.authorization, `DPoP ${evilSecrets.accessToken}`);
  const pushed = evil.requests.find(({ endpoint }) => endpoint === 'par');
  assert.equal(
    new URLSearchParams(pushed?.body).get('dpop_jkt'),
    await calculateJwkThumbprint(await exportJWK(key.publicKey)),
  );
});

/** Asks for `nonce` until a proof has it. */
function demanding(nonceOf: (request: EvilRequest) => string): NonNullable<EvilBehaviour['answer']> {
  return (request, usual) => {
    if (request.headers.dpop === undefined) return usual;
    const nonce = nonceOf(request);
    if (readJwt(String(request.headers.dpop)).claims.nonce === nonce) return usual;
    const headers = { 'dpop-nonce': nonce };
    return request.endpoint === 'userinfo'
      ? {
          raw: true,
          status: 401,
          headers: { ...headers, 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"' },
        }
      : { raw: true, status: 400, headers, body: '{"error":"use_dpop_nonce"}' };
  };
}

test('RP-032: a nonce that is asked for at the push, the token endpoint and userinfo is given, after one retry each', async () => {
  const gate = makeEvilGate(evil, { config: dpop });
  const answer = demanding(({ endpoint }) => `nonce-of-${endpoint}`);
  await useEverything(gate, { ...bound, answer });
  await gate.provider.close();
  assert.deepEqual(noncesOf('par'), [undefined, 'nonce-of-par']);
  // The nonce of the push was the last that this server gave.
  assert.deepEqual(noncesOf('token'), ['nonce-of-par', 'nonce-of-token', 'nonce-of-token', 'nonce-of-token']);
  assert.deepEqual(noncesOf('userinfo'), [undefined, 'nonce-of-userinfo', 'nonce-of-userinfo']);
});

test('RP-122: nonces of authorization server and resource server are kept apart on one origin', async () => {
  const gate = makeEvilGate(evil, { config: dpop });
  const nonceOf = ({ endpoint }: EvilRequest) => (endpoint === 'userinfo' ? 'resource' : 'authorization');
  await useEverything(gate, { ...bound, answer: demanding(nonceOf) });
  await gate.provider.close();
  assert.ok(!noncesOf('token').includes('resource'));
  assert.ok(!noncesOf('userinfo').includes('authorization'));
});

test('RP-122: a nonce that comes with a success is in the next proof', async () => {
  let issued = 0;
  const answer = ({ endpoint }: EvilRequest, usual: EvilAnswer): EvilAnswer => {
    if (endpoint !== 'token') return usual;
    issued += 1;
    return { ...usual, headers: { ...usual.headers, 'dpop-nonce': `nonce-${issued}` } };
  };
  const gate = makeEvilGate(evil, { config: dpop });
  await useEverything(gate, { ...bound, answer });
  await gate.provider.close();
  assert.deepEqual(noncesOf('token'), [undefined, 'nonce-1', 'nonce-2']);
});

test('RP-122: whoever asks for another nonce every time is asked twice and no more', async () => {
  let asked = 0;
  const answer = demanding(() => {
    asked += 1;
    return `nonce-${asked}`;
  });
  await assertLoginFails(evil, { config: dpop, behaviour: { ...bound, answer } }, 'use-dpop-nonce');
  assert.equal(evil.hits.token, 2);
});

test('RP-122: the retry is authenticated anew: no assertion is sent twice', async () => {
  const config = {
    ...dpop,
    clientSecret: undefined,
    clientAuthentication: 'private_key_jwt',
    clientKey: makeClientKey('ed25519').pem,
  };
  const answer = demanding(() => 'nonce');
  const { error } = await loginAtEvil(evil, { config, behaviour: { ...bound, answer } });
  assert.equal(error, null);
  const ids = evil.requests
    .filter(({ endpoint }) => endpoint === 'token')
    .map(({ body }) => readJwt(new URLSearchParams(body).get('client_assertion') ?? '').claims.jti);
  assert.equal(ids.length, 2);
  assert.equal(new Set(ids).size, 2);
});

for (const [title, nonce] of [
  ['absent', null],
  ['with a quote', 'a"b'],
  ['with a space', 'a b'],
  ['of 2 kB', 'n'.repeat(2048)],
] as const) {
  test(`RP-122: a demand with a nonce that is ${title} is not answered again`, async () => {
    const answer = ({ endpoint }: EvilRequest, usual: EvilAnswer): EvilAnswer =>
      endpoint === 'token'
        ? {
            raw: true,
            status: 400,
            headers: nonce === null ? {} : { 'dpop-nonce': nonce },
            body: '{"error":"use_dpop_nonce"}',
          }
        : usual;
    await assertLoginFails(evil, { config: dpop, behaviour: { answer } }, 'use-dpop-nonce');
    assert.equal(evil.hits.token, 1);
  });
}

for (const type of ['DPoP', 'dPOP', 'dpop']) {
  test(`RP-040: with a key, token type ${type} is accepted`, async () => {
    const { error } = await loginAtEvil(evil, { config: dpop, behaviour: { tokens: { token_type: type } } });
    assert.equal(error, null);
  });
}

for (const type of ['Bearer', 'bEARER', 'N_A', undefined]) {
  test(`RP-040: with a key, token type ${type} is refused: it would be bound to nothing`, async () => {
    await assertLoginFails(evil, { config: dpop, behaviour: { tokens: { token_type: type } } }, 'token-type');
  });
}

test('RP-040: without a key, bEARER is accepted and DPoP is refused', async () => {
  const { error } = await loginAtEvil(evil, { behaviour: { tokens: { token_type: 'bEARER' } } });
  assert.equal(error, null);
  await assertLoginFails(evil, { behaviour: bound }, 'token-type');
});

const kinds = [
  ['p256', 'ES256'],
  ['p384', 'ES384'],
  ['ed25519', 'EdDSA'],
  ['rsa', 'PS256'],
] as const;
for (const [kind, alg] of kinds) {
  test(`a proof for an application is made at once with ${kind}: ath, nonce, and a target without query`, async () => {
    const own = makeClientKey(kind);
    const gate = makeEvilGate(evil, { config: { dpopKey: own.pem } });
    const { prove } = gate.provider.grants;
    assert.ok(prove);
    const proof = prove({
      method: 'DELETE',
      url: 'https://orders.test/a/b?x=1#y',
      nonce: 'n-1',
      accessToken: 'the-token',
    });
    await gate.provider.close();
    const { payload, protectedHeader } = await jwtVerify(proof, own.publicKey, { typ: 'dpop+jwt' });
    assert.equal(protectedHeader.alg, alg);
    assert.equal((protectedHeader.jwk as JWK).d, undefined);
    assert.equal(payload.htm, 'DELETE');
    assert.equal(payload.htu, 'https://orders.test/a/b');
    assert.equal(payload.nonce, 'n-1');
    assert.equal(payload.ath, createHash('sha256').update('the-token').digest('base64url'));
    assert.ok(!JSON.stringify(payload).includes('the-token'));
  });
}

test('without a key there is nothing to prove with, and nobody gets a proof', async () => {
  const gate = makeEvilGate(evil);
  assert.equal(gate.provider.grants.prove, null);
  await useEverything(gate, {});
  await gate.provider.close();
  assert.ok(evil.requests.every(({ headers }) => headers.dpop === undefined));
});

test('RP-122: the nonce of one origin is never shown to another, whatever the path', async () => {
  const config = providerSchema.parse({ issuer: 'https://login.test', clientId: 'app', dpopKey: key.pem });
  const client = createDpopClient(config, { clock: systemClock, random: systemRandom });
  assert.ok(client);
  const shown: unknown[] = [];
  const call = (url: string, dpopNonce: string | null) =>
    client.send({ to: 'authorization-server', method: 'POST', url, accessToken: null }, async (proof) => {
      shown.push(readJwt(proof).claims.nonce);
      const rest = { contentType: '', cacheControl: '', wwwAuthenticate: '', text: '' };
      return { status: 200, dpopNonce, ...rest };
    });
  await call('https://login.test/token', 'of-login');
  await call('https://mtls.login.test/token', 'of-mtls');
  await call('https://login.test:8443/token', null);
  await call('https://login.test/par', null);
  await call('https://mtls.login.test/par?x=1', null);
  assert.deepEqual(shown, [undefined, undefined, undefined, 'of-login', 'of-mtls']);
});

test('twenty thousand proofs have twenty thousand ids', () => {
  const config = providerSchema.parse({ issuer: 'https://login.test', clientId: 'app', dpopKey: key.pem });
  const client = createDpopClient(config, { clock: systemClock, random: systemRandom });
  const ids = new Set<unknown>();
  for (let count = 0; count < 20_000; count += 1) {
    const proof = client?.prove({ method: 'GET', url: 'https://a.test/', nonce: null, accessToken: 't' });
    ids.add(readJwt(proof ?? '').claims.jti);
  }
  assert.equal(ids.size, 20_000);
});
