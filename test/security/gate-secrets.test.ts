/**
 * A whole life through the gate, logged at the finest level: no token, code, state, nonce, verifier, cookie, key or
 * client secret is in any log line, metric or answer. Nor does the store hold one that can be read.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createEcho } from '../support/echo.ts';
import { type EvilProvider, evilSecrets, makeIdToken, startEvilProvider } from '../support/evil-provider.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { rawSend, waitUntil } from '../support/raw.ts';
import { type Answer, createUserAgent, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const sealingKey = Buffer.alloc(32, 'sealing key').toString('base64');

/** Everything that was seen of answers, and what may not be in it. */
interface Witness {
  readonly answers: Answer[];
  readonly secrets: Set<string>;
}

/** Remembers every answer, and every value of our cookies as a secret. */
function watched(agent: UserAgent, gate: GateAlone, { answers, secrets }: Witness) {
  return async (path: string, options?: Parameters<UserAgent['ask']>[1]): Promise<Answer> => {
    const answer = await agent.ask(path.startsWith('http') ? path : gate.url + path, options);
    answers.push(answer);
    for (const value of agent.cookies(gate.url).values()) if (value.length > 8) secrets.add(value);
    return answer;
  };
}

type Visit = ReturnType<typeof watched>;

interface Sent {
  readonly state: string;
  readonly nonce: string;
}

/** Starts a login; its state and nonce are for the provider alone. */
async function leave(visit: Visit, evil: EvilProvider, { secrets }: Witness): Promise<Sent> {
  const { searchParams } = new URL(String((await visit('/.auth/login?returnTo=/home')).headers.location));
  const sent = { state: searchParams.get('state') as string, nonce: searchParams.get('nonce') as string };
  evil.nonce = sent.nonce;
  secrets.add(sent.state).add(sent.nonce);
  return sent;
}

const callback = (evil: EvilProvider, { state }: Sent) =>
  `/.auth/callback?${new URLSearchParams({ code: evilSecrets.code, state, iss: evil.issuer })}`;

/** What a browser may do, right and wrong. */
async function live(gate: GateAlone, evil: EvilProvider, witness: Witness): Promise<void> {
  const agent = createUserAgent();
  const visit = watched(agent, gate, witness);
  const first = await leave(visit, evil, witness);
  assert.equal((await visit(callback(evil, first))).status, 303);
  assert.equal((await visit('/home')).status, 200);
  assert.equal((await visit('/api/orders', { headers: fetchHeaders })).status, 200);
  assert.equal((await visit('/.auth/me', { headers: fetchHeaders })).status, 200);
  await visit(callback(evil, first));
  await visit('/home', {
    method: 'POST',
    headers: { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' },
  });
  // The token is short-lived: this one is renewed.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  evil.behaviour = {
    tokens: {
      access_token: 'renewed-access-token',
      refresh_token: 'renewed-refresh-token',
      id_token: undefined,
    },
  };
  assert.equal((await visit('/api/orders', { headers: fetchHeaders })).status, 200);
  await waitUntil(() => gate.events('session.refreshed').length > 0);

  const stranger = createUserAgent();
  const wrong = watched(stranger, gate, witness);
  const second = await leave(wrong, evil, witness);
  evil.behaviour = { claims: { nonce: 'another' } };
  assert.equal((await wrong(callback(evil, second))).status, 400);
  const third = await leave(wrong, evil, witness);
  evil.behaviour = {
    tokens: {
      raw: true,
      status: 401,
      body: `{"error":"invalid_client","error_description":"${evilSecrets.clientSecret}"}`,
    },
  };
  assert.equal((await wrong(callback(evil, third))).status, 503);
  evil.behaviour = { tokens: { raw: true, body: `{"access_token":"${evilSecrets.accessToken}` } };
  const fourth = await leave(wrong, evil, witness);
  await wrong(callback(evil, fourth));
  evil.behaviour = {};
  await wrong(`/.auth/callback?code=${evilSecrets.code}`);
  await wrong(`/nowhere?access_token=${evilSecrets.accessToken}&code=${evilSecrets.code}`);
  await wrong('/.auth/nothing');
  await visit('/.auth/logout', {
    method: 'POST',
    headers: { origin: gate.url, 'sec-fetch-site': 'same-origin' },
  });
  await visit('/home');
}

/** What no listener understands, with secrets in it. */
async function sendGarbage(gate: GateAlone): Promise<void> {
  const { host } = new URL(gate.url);
  for (const bytes of [
    `GET /x?code=${evilSecrets.code} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${evilSecrets.accessToken}\r\nAuthorization: b\r\n\r\n`,
    `GET /%zz?token=${evilSecrets.refreshToken} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    `${evilSecrets.accessToken}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: evil.test\r\nCookie: sallyport=${evilSecrets.accessToken}\r\n\r\n`,
    `POST /x HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1, 2\r\nX: ${evilSecrets.clientSecret}\r\n\r\n`,
  ]) {
    await rawSend(gate.port, bytes);
  }
}

test('no secret leaves the gate: not in the log at debug, not in metrics, not in any answer, not readable in the store', async () => {
  const evil = await startEvilProvider();
  const echo = await createEcho(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const gate = await startGateAlone({
    config: {
      providers: { main: { issuer: evil.issuer, clientId: 'app', clientSecret: evilSecrets.clientSecret } },
      clusters: { app: { targets: [echo.url] } },
      admin: { address: '127.0.0.1:0' },
      session: { keys: [sealingKey] },
      log: { level: 'debug' },
      routes: [
        {
          path: '/api/**',
          cluster: 'app',
          access: 'signed-in',
          onAnonymous: 'unauthorized',
          upstreamToken: 'access',
        },
        { path: '/home', cluster: 'app', access: 'signed-in', upstreamToken: 'id' },
      ],
    },
  });
  const witness: Witness = {
    answers: [],
    secrets: new Set([
      ...Object.values(evilSecrets),
      'renewed-access-token',
      'renewed-refresh-token',
      sealingKey,
    ]),
  };
  try {
    evil.behaviour = { tokens: { expires_in: 1 } };
    await live(gate, evil, witness);
    await sendGarbage(gate);
    const metrics = await (await fetch(`${gate.adminUrl}/metrics`)).text();
    for (const { body } of evil.requests) {
      for (const verifier of new URLSearchParams(body).getAll('code_verifier')) witness.secrets.add(verifier);
    }
    // The beginning of any JWT.
    witness.secrets.add(makeIdToken('x', 'x', {}).slice(0, 12));
    assert.ok(witness.secrets.size > 18, 'the life had its secrets');
    const log = gate.logged();
    for (const event of [
      'login.started',
      'login.succeeded',
      'login.failed',
      'session.refreshed',
      'session.ended',
      'provider.called',
      'request.finished',
    ])
      assert.ok(log.includes(`"${event}"`), `${event} was logged`);
    for (const secret of witness.secrets) {
      const parts = secret.split('.').filter((part) => part.length > 8);
      for (const part of parts) {
        assert.ok(!log.includes(part), `the log shows ${secret.slice(0, 16)}…`);
        assert.ok(!metrics.includes(part), `the metrics show ${secret.slice(0, 16)}…`);
      }
      assertNotAnswered(witness, secret);
    }
    assertSealed(gate, witness);
    assert.ok(
      echo.sees('Bearer evil-access-token') || echo.sees('bearer evil-access-token'),
      'and the application got its token',
    );
    assert.deepEqual(gate.events('request.crashed'), []);
  } finally {
    await gate.close();
    await echo.close();
    await evil.close();
  }
});

/** State and nonce are in the one answer that sends the browser to the provider, cookies in `Set-Cookie`: nowhere else. */
function assertNotAnswered({ answers }: Witness, secret: string): void {
  for (const { body, headers, url } of answers) {
    const { 'set-cookie': _cookies, location, ...others } = headers;
    const shown = body + JSON.stringify(others) + (String(location).includes('/authorize?') ? '' : location);
    assert.ok(!shown.includes(secret), `the answer of ${url.pathname} shows ${secret.slice(0, 16)}…`);
  }
}

/** Neither tokens nor cookies can be read from the files (SC-051). */
function assertSealed(gate: GateAlone, { secrets }: Witness): void {
  for (const name of readdirSync(gate.dataDir)) {
    const bytes = readFileSync(join(gate.dataDir, name));
    for (const secret of secrets) {
      assert.ok(!bytes.includes(secret), `${name} holds ${secret.slice(0, 16)}…`);
    }
  }
}
