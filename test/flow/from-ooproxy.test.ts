/** The settings of ooproxy, through the whole gate: who gets through, and what the application receives. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { get as getSecurely } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { ooproxy } from '../../src/config/convert/ooproxy.ts';
import { freePort } from '../support/free-port.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { makeTlsFiles, passphrase } from '../support/tls-files.ts';

const secret = 'a client secret that is long enough';
const { privateKey, publicKey } = await generateKeyPair('RS256');
const jwk = { ...(await exportJWK(publicKey)), alg: 'RS256', kid: 'one', use: 'sig' };
const files = makeTlsFiles();

let provider: Server;
let application: Server;
let gate: GateAlone;
let securePort: number;
let received: IncomingHttpHeaders[] = [];

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

before(async () => {
  provider = createServer((request, response) => {
    const issuer = urlOf(provider);
    response.setHeader('content-type', 'application/json');
    const body = request.url === '/keys' ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/keys` };
    response.end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  application = createServer((request, response) => {
    received.push(request.headers);
    response.setHeader('x-of-the-application', 'yes');
    response.end(`${request.method} ${request.url}`);
  }).listen(0, '127.0.0.1');
  await Promise.all([once(provider, 'listening'), once(application, 'listening')]);
  securePort = await freePort();
  const [port, certificate] = [await freePort(), join(files.folder, 'gate.pfx')];
  writeFileSync(certificate, files.pfx());
  const converted = ooproxy.convert({
    env: {
      LISTEN_URL: `127.0.0.1:${port}`,
      LISTEN_SSL_URL: `127.0.0.1:${securePort}`,
      CERT_FILE: certificate,
      PROVIDER_URL: urlOf(provider),
      UPSTREAM_URL: `${urlOf(application)}/base`,
      AUDIENCE: '["everyone", "orders"]',
      SUBJECT: 'my-user',
    },
    file: {
      name: 'settings.toml',
      text: `client_secret = "${secret}"\ncert_password = "${passphrase}"\nkey_expiry_secs = 60`,
    },
  });
  assert.ok(converted.ok);
  gate = await startGateAlone({ url: `http://127.0.0.1:${port}`, config: converted.config });
});

after(async () => {
  await gate?.close();
  for (const server of [provider, application]) {
    server.close();
    server.closeAllConnections();
  }
  files[Symbol.dispose]();
});

const good = () => ({
  iss: urlOf(provider),
  sub: 'my-user',
  client_id: 'machine',
  aud: ['everyone', 'orders'],
  exp: Math.floor(Date.now() / 1000) + 300,
});

const signed = (claims: JWTPayload) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(privateKey);

const sealed = (claims: JWTPayload, key: string, alg = 'HS256') =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));

const call = (token: string) =>
  fetch(`${gate.url}/orders?a=b`, { headers: { authorization: `Bearer ${token}` } });

test('a token that ooproxy takes passes, and the application gets it with the Host of the caller', async () => {
  received = [];
  const token = await signed(good());
  const response = await call(token);
  assert.deepEqual([response.status, await response.text()], [200, 'GET /base/orders?a=b']);
  assert.equal(response.headers.get('x-of-the-application'), 'yes');
  assert.equal(received[0]?.authorization, `Bearer ${token}`);
  assert.equal(received[0]?.host, new URL(gate.url).host);
});

test('a token that is signed with the client secret passes', async () => {
  assert.equal((await call(await sealed(good(), secret))).status, 200);
});

const refused: readonly [about: string, token: () => Promise<string>][] = [
  ['of another issuer', () => signed({ ...good(), iss: 'https://elsewhere.example.com' })],
  ['for another subject', () => signed({ ...good(), sub: 'somebody' })],
  ['for one of two audiences', () => signed({ ...good(), aud: ['everyone'] })],
  ['for the other of two audiences', () => signed({ ...good(), aud: 'orders' })],
  ['that has ended', () => signed({ ...good(), exp: Math.floor(Date.now() / 1000) - 2 })],
  ['sealed with another secret', () => sealed(good(), `${secret}!`)],
  ['by an algorithm that the secret is too short for', () => sealed(good(), secret, 'HS512')],
  ['sealed with the public key', () => sealed(good(), JSON.stringify(jwk))],
];

for (const [about, make] of refused) {
  test(`a token ${about} is refused, and the application hears nothing`, async () => {
    received = [];
    const response = await call(await make());
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer .*error="invalid_token"/);
    assert.deepEqual(received, []);
  });
}

test('without a token the answer is 401 without an error', async () => {
  const response = await fetch(gate.url);
  assert.equal(response.status, 401);
  assert.doesNotMatch(response.headers.get('www-authenticate') ?? 'error', /error/);
});

test('the TLS listener shows the certificate of the PFX file, to whatever Host', async () => {
  const sent = getSecurely({
    host: '127.0.0.1',
    port: securePort,
    servername: 'app.test',
    ca: files.server.certificate,
    headers: { host: 'any.example', authorization: `Bearer ${await signed(good())}` },
    agent: false,
  });
  const [response] = await once(sent, 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
});

test('nothing was written', () => {
  assert.deepEqual(readdirSync(gate.dataDir), []);
});
