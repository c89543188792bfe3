/** The whole gate in `profile: fapi2` at a certified provider that holds it to the profile, message signing included. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { freePort } from '../support/free-port.ts';
import { exampleConfig, signInAtGate } from '../support/gate.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { type RealProvider, startRealProvider } from '../support/real-provider.ts';
import { createUserAgent, fetchHeaders } from '../support/user-agent.ts';

const clientKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const dpopKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const kid = 'client-1';
const privateJwk = (key: KeyObject) => JSON.stringify({ ...key.export({ format: 'jwk' }), kid });

/** What the provider knows of the gate; it refuses whatever falls short of it. */
const registered = {
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'ES256',
  id_token_signed_response_alg: 'ES256',
  authorization_signed_response_alg: 'ES256',
  request_object_signing_alg: 'ES256',
  require_signed_request_object: true,
  require_pushed_authorization_requests: true,
  dpop_bound_access_tokens: true,
  jwks: { keys: [{ ...clientKey.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid }] },
};

interface Setup {
  readonly gate: GateAlone;
  readonly provider: RealProvider;
}

const received: IncomingHttpHeaders[] = [];
let app: Server;
let appUrl = '';
before(async () => {
  app = createServer((request, response) => {
    received.push(request.headers);
    request.resume();
    response.end('from the application');
  });
  await new Promise<void>((resolve) => {
    app.listen(0, '127.0.0.1', resolve);
  });
  appUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
});
after(() => {
  app.closeAllConnections();
  app.close();
});

interface Over {
  readonly responseMode?: string;
  readonly decryptionKeys?: readonly string[];
  /** Over what the provider knows of the gate. */
  readonly registered?: Readonly<Record<string, unknown>>;
}

async function withGate(over: Over, run: (setup: Setup) => Promise<void>): Promise<void> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const redirectUris = [`${url}/.auth/callback`];
  const provider = await startRealProvider({
    fapi: true,
    autoLogin: 'alice',
    ttl: { accessToken: 2 },
    clients: [{ clientId: 'app', redirectUris, metadata: { ...registered, ...over.registered } }],
  });
  const main = {
    profile: 'fapi2',
    issuer: provider.issuer,
    clientId: 'app',
    clientAuthentication: 'private_key_jwt',
    clientKey: privateJwk(clientKey.privateKey),
    dpopKey: privateJwk(dpopKey.privateKey),
    responseMode: over.responseMode ?? 'auto',
    decryptionKeys: over.decryptionKeys ?? [],
  };
  const gate = await startGateAlone({
    url,
    config: { ...exampleConfig({ issuer: provider.issuer, appUrl }), providers: { main } },
  });
  try {
    await run({ gate, provider });
  } finally {
    await gate.close();
    await provider.close();
  }
}

const lastReceived = () => received.at(-1) ?? {};

test('profile fapi2 signs in, hands out a bound token with its proof, and renews it', async () => {
  await withGate({}, async ({ gate, provider }) => {
    const agent = await signInAtGate(gate.url);
    assert.ok(provider.stats().par >= 1);
    const api = () => agent.ask(`${gate.url}/api/x?page=2`, { headers: fetchHeaders });
    assert.equal((await api()).status, 200);
    const { authorization = '', dpop = '' } = lastReceived();
    const token = /^DPoP ([\w~.+/=-]+)$/.exec(authorization)?.[1] ?? '';
    const proof = decodeJwt(String(dpop));
    assert.equal(decodeProtectedHeader(String(dpop)).typ, 'dpop+jwt');
    assert.equal(proof.htm, 'GET');
    assert.equal(proof.htu, `${appUrl}/api/x`);
    assert.equal(proof.ath, createHash('sha256').update(token).digest('base64url'));

    await new Promise((resolve) => setTimeout(resolve, 2100));
    const before = provider.stats().token;
    assert.equal((await api()).status, 200);
    assert.ok(provider.stats().token > before, 'the token was renewed');
    assert.notEqual(lastReceived().authorization, authorization);
    assert.equal((await agent.ask(`${gate.url}/page`)).status, 200);
    assert.equal(lastReceived()['x-email'], 'alice@example.com');
  });
});

test('RP-043, RP-121: the browser sees the client id and a reference, and the reference works once', async () => {
  await withGate({}, async ({ gate, provider }) => {
    const agent = createUserAgent();
    const first = String((await agent.ask(`${gate.url}/.auth/login`)).headers.location);
    assert.deepEqual([...new URL(first).searchParams.keys()].sort(), ['client_id', 'request_uri']);
    const second = String((await agent.ask(`${gate.url}/.auth/login`)).headers.location);
    assert.notEqual(first, second);
    assert.equal(provider.stats().par, 3, 'one push each, and one more for the first nonce');
    const answer = await agent.navigate(first);
    assert.equal(answer.status, 200);
    const again = await createUserAgent().navigate(first);
    assert.equal(again.url.origin, provider.issuer, 'the provider keeps it');
    assert.notEqual(again.status, 200);
  });
});

test('RP-052: the signed answer in the address counts once', async () => {
  await withGate({ responseMode: 'query.jwt' }, async ({ gate }) => {
    const agent = createUserAgent();
    let url = String((await agent.ask(`${gate.url}/.auth/login`)).headers.location);
    for (let hop = 0; hop < 8 && !url.startsWith(`${gate.url}/.auth/callback`); hop += 1) {
      const { headers } = await agent.ask(url);
      url = new URL(String(headers.location), url).href;
    }
    assert.deepEqual([...new URL(url).searchParams.keys()], ['response']);
    assert.equal((await agent.ask(url)).status, 303);
    assert.equal((await agent.ask(url)).status, 400);
    assert.equal((await createUserAgent().ask(url)).status, 400);
  });
});

/** What the browser would post by itself. */
function postedForm(page: string): { readonly action: string; readonly form: URLSearchParams } {
  const [, action = ''] = /<form[^>]* action="([^"]*)"/.exec(page) ?? [];
  const fields = [...page.matchAll(/<input[^>]* name="([^"]*)" value="([^"]*)"/g)];
  return { action, form: new URLSearchParams(fields.map(([, name = '', value = '']) => [name, value])) };
}

test('a signed answer that is encrypted to the gate and posted by the browser signs in, once', async () => {
  const encryption = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encryptTo = { ...encryption.publicKey.export({ format: 'jwk' }), use: 'enc', kid: 'enc-1' };
  const over = {
    responseMode: 'form_post.jwt',
    decryptionKeys: [encryption.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string],
    registered: {
      jwks: { keys: [...registered.jwks.keys, encryptTo] },
      authorization_encrypted_response_alg: 'RSA-OAEP-256',
      authorization_encrypted_response_enc: 'A256GCM',
    },
  };
  await withGate(over, async ({ gate, provider }) => {
    const agent = createUserAgent();
    const { action, form } = postedForm((await agent.navigate(`${gate.url}/.auth/login`)).body);
    assert.equal(action, `${gate.url}/.auth/callback`);
    assert.deepEqual([...form.keys()], ['response']);
    assert.equal(form.get('response')?.split('.').length, 5);
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'text/html',
      origin: provider.issuer,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-fetch-site': 'cross-site',
    };
    const post = () => agent.ask(action, { method: 'POST', headers, body: form.toString() });
    assert.equal((await post()).status, 303);
    assert.equal((await agent.ask(`${gate.url}/page`)).status, 200);
    assert.equal((await post()).status, 400);
  });
});

test('no key, code, token or answer is in the log', async () => {
  await withGate({ responseMode: 'jwt' }, async ({ gate }) => {
    await signInAtGate(gate.url);
    const log = gate.logged();
    assert.ok(log.length > 0);
    for (const secret of ['eyJ', 'PRIVATE KEY', 'urn:ietf:params:oauth:request_uri']) {
      assert.ok(!log.includes(secret), secret);
    }
  });
});
