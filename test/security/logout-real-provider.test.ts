/** Section 7 with a certified provider that really posts logout tokens: two browsers, one signs out at the provider. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemRandom } from '../../src/core/clock.ts';
import { createProvider } from '../../src/oidc/create-provider.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { createGate, type Gate } from '../support/endpoint-gate.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { startRealProvider } from '../support/real-provider.ts';
import { type Answer, createUserAgent, type UserAgent } from '../support/user-agent.ts';

async function handle(gate: Gate, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let form = '';
  for await (const chunk of request) form += chunk;
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
  const answer = await gate.call(request.url ?? '/', {
    method: request.method ?? 'GET',
    headers,
    ...(request.method === 'POST' ? { form } : {}),
  });
  for (let i = 0; i < answer.headers.length; i += 2) {
    response.setHeader(answer.headers[i] as string, answer.headers[i + 1] as string);
  }
  response.setHeader('set-cookie', [...answer.setCookies]);
  response.writeHead(answer.status).end(answer.body);
}

async function startEverything(t: TestContext, { encrypted = false } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let gate: Gate | null = null;
  const server = createServer((request, response) => {
    handle(gate as Gate, request, response).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const real = await startRealProvider({
    autoLogin: 'alice',
    acceptPosts: true,
    clients: [
      {
        clientId: 'app',
        clientSecret: 'secret',
        redirectUris: [`${url}/.auth/callback`],
        postLogoutRedirectUris: [`${url}/.auth/signed-out`],
        backchannelLogoutUri: `${url}/.auth/backchannel-logout`,
        ...(encrypted
          ? { encryptTo: { ...publicKey.export({ format: 'jwk' }), use: 'enc', kid: 'enc-1' } }
          : {}),
      },
    ],
  });
  const clock = createFakeClock(Date.now());
  const config = providerSchema.parse({
    issuer: real.issuer,
    clientId: 'app',
    clientSecret: 'secret',
    decryptionKeys: encrypted ? [privateKey.export({ type: 'pkcs8', format: 'pem' })] : [],
  });
  const redirectUri = `${url}/.auth/callback`;
  const provider = createProvider('main', config, {
    redirectUri,
    emit: () => {},
    clock,
    random: systemRandom,
  });
  gate = createGate({ providers: [provider], publicUrl: url });
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await provider.close();
    await real.close();
  });
  const signIn = async (): Promise<UserAgent> => {
    const agent = createUserAgent();
    let answer = await agent.ask(`${url}/.auth/login`);
    while (!answer.url.pathname.endsWith('/callback')) {
      answer = await agent.ask(new URL(String(answer.headers.location), answer.url));
    }
    assert.equal(answer.status, 303);
    return agent;
  };
  return { gate, url, real, signIn };
}

/** Says yes on the provider's page; answers where that leads. */
function confirm(agent: UserAgent, page: Answer): Promise<Answer> {
  const action = /action="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  return agent.submit(new URL(action, page.url), { xsrf, logout: 'yes' }, page.url);
}

const outcomes = (gate: Gate) =>
  gate.events
    .filter(({ name }) => name === 'logout.received')
    .map(({ event }) => {
      const { channel, outcome, detail } = event as {
        channel: string;
        outcome: string;
        detail: string | null;
      };
      return [channel, outcome, detail];
    });

test('LO-022: a person who signs out at the provider is signed out here, and others are not', async (t) => {
  const { gate, url, real, signIn } = await startEverything(t);
  const [first, second] = [await signIn(), await signIn()];
  const page = await first.ask(`${real.issuer}/session/end`);
  await confirm(first, page);
  assert.deepEqual(outcomes(gate), [['back', 'accepted', null]]);
  assert.equal((await first.ask(`${url}/.auth/me`)).status, 401);
  assert.equal((await second.ask(`${url}/.auth/me`)).status, 200);
});

test('LO-040: a sign-out that begins here goes over the provider and back, and the logout token finds nothing left', async (t) => {
  const { gate, url, signIn } = await startEverything(t);
  const agent = await signIn();
  const sent = await agent.submit(`${url}/.auth/logout`, {});
  assert.equal(sent.status, 303);
  const page = await agent.ask(String(sent.headers.location));
  const back = await confirm(agent, page);
  const end = await agent.ask(String(back.headers.location));
  assert.match(end.body, /<h1>You are signed out<\/h1>/);
  assert.deepEqual(outcomes(gate), [['back', 'accepted', null]]);
  assert.equal(gate.sessions.live.size, 0);
});

test('LO-042: the provider takes the goodbye that is posted', async (t) => {
  const { gate, url, signIn } = await startEverything(t);
  const agent = await signIn();
  const [session] = gate.sessions.live.values();
  const goodbye = await gate.provider.goodbye(
    session?.tokens.idToken ?? null,
    `${url}/.auth/signed-out`,
    's',
  );
  const sent = new URL(goodbye?.url ?? '');
  const page = await agent.submit(sent.origin + sent.pathname, Object.fromEntries(sent.searchParams));
  assert.equal(page.status, 200);
  const back = await confirm(agent, page);
  assert.equal(back.headers.location, `${url}/.auth/signed-out?state=s`);
});

test('LO-021, RP-105: with a provider that encrypts, people sign in, are renewed and signed out', async (t) => {
  const { gate, url, real, signIn } = await startEverything(t, { encrypted: true });
  const agent = await signIn();
  const [session] = gate.sessions.live.values();
  assert.ok(session);
  assert.equal(session.tokens.idToken.split('.').length, 3);
  const { subject, claims } = session.identity;
  const renewed = await gate.provider.refresh(subject, claims, session.tokens);
  assert.equal(renewed.kind, 'refreshed');
  await confirm(agent, await agent.ask(`${real.issuer}/session/end`));
  assert.deepEqual(outcomes(gate), [['back', 'accepted', null]]);
  assert.equal((await agent.ask(`${url}/.auth/me`)).status, 401);
});
