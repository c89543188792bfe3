/** An operator sees and ends sessions of a gate that runs: over its admin listener, and from the command line. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { type CliResult, runCli } from '../support/cli.ts';
import { cookieOf, exampleConfig, type RunningGate, signInAs, startGate } from '../support/gate.ts';
import { waitUntil } from '../support/raw.ts';
import { fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const token = 'an-operator-token-of-more-than-32-characters';

interface Summary {
  readonly id: string;
  readonly logId: string;
  readonly subject: string;
  readonly [member: string]: unknown;
}

async function startApp() {
  const server = createServer((_request, response) => response.end('ok'));
  const sockets = new WebSocketServer({ server });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => sockets.clients.size,
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('sessions that an operator sees and ends', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-operator-'));
  let app: Awaited<ReturnType<typeof startApp>>;
  let gate: RunningGate;
  before(async () => {
    app = await startApp();
    gate = await startGate({
      appUrl: app.url,
      provider: { asks: true },
      dataDir: folder,
      config: { admin: { address: '127.0.0.1:0', sessions: { token } } },
    });
    const { issuer } = gate.provider;
    const config = { publicUrl: gate.url, dataDir: folder, ...exampleConfig({ issuer, appUrl: app.url }) };
    writeFileSync(join(folder, 'gate.json'), JSON.stringify(config));
  });
  after(async () => {
    await gate.close();
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const api = async (target: string, method = 'GET') => {
    const answer = await fetch(`${gate.adminUrl}/admin/sessions${target}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: answer.status, text: await answer.text() };
  };
  const listed = async (search = ''): Promise<Summary[]> => JSON.parse((await api(search)).text).sessions;
  const cli = (...args: string[]): Promise<CliResult> =>
    runCli(['sessions', ...args, '--config', join(folder, 'gate.json')], { cwd: folder });
  const statusOf = async (agent: UserAgent) =>
    (await agent.ask(`${gate.url}/api/x`, { headers: fetchHeaders })).status;
  const openSocket = async (agent: UserAgent) => {
    const socket = new WebSocket(`${gate.url.replace('http:', 'ws:')}/ws`, {
      headers: { origin: gate.url, cookie: cookieOf(agent, gate.url) },
    });
    await once(socket, 'open');
    const closed = { code: 0, reason: '' };
    socket.on('close', (code, reason) => Object.assign(closed, { code, reason: String(reason) }));
    return closed;
  };

  test('the API lists who is signed in, without a token or a cookie of theirs', async () => {
    const agent = await signInAs(gate.url, 'carol');
    const [carol] = await listed('?provider=main&sub=carol');
    assert.equal(carol?.subject, 'carol');
    assert.equal(carol?.address, '127.0.0.1');
    assert.deepEqual(Object.keys(carol ?? {}).sort(), [
      'address',
      'createdAt',
      'expiresAt',
      'id',
      'issuer',
      'lastSeenAt',
      'logId',
      'name',
      'provider',
      'sid',
      'subject',
      'userAgent',
    ]);
    const { text } = await api('');
    for (const [, value] of agent.cookies(gate.url)) {
      for (const part of value.split('.')) assert.ok(!text.includes(part));
    }
    assert.doesNotMatch(text, /eyJ/);
  });

  test('SC-023: the API ends the sessions of a person with all that is open, and of nobody else', async () => {
    const [dave, again, other] = [
      await signInAs(gate.url, 'dave'),
      await signInAs(gate.url, 'dave'),
      await signInAs(gate.url, 'erin'),
    ];
    const [first, second, theirs] = [
      await openSocket(dave),
      await openSocket(again),
      await openSocket(other),
    ];
    assert.equal((await listed('?provider=main&sub=dave')).length, 2);
    assert.deepEqual(await api('?provider=main&sub=dave', 'DELETE'), { status: 200, text: '{"ended":2}\n' });
    await waitUntil(() => first.code !== 0 && second.code !== 0, 2000);
    assert.deepEqual([first, second], Array(2).fill({ code: 1008, reason: 'session ended' }));
    assert.deepEqual([await statusOf(dave), await statusOf(again), await statusOf(other)], [401, 401, 200]);
    assert.equal(theirs.code, 0);
    await waitUntil(() =>
      gate.events('sessions.ended').some(({ reason, count }) => reason === 'operator' && count === 2),
    );
    const [erin] = await listed('?provider=main&sub=erin');
    assert.equal((await api(`/${erin?.logId}`, 'DELETE')).text, '{"ended":1}\n');
    await waitUntil(() => theirs.code === 1008, 2000);
  });

  test('SC-023: the command line ends a session of the running gate within two seconds', async () => {
    const [frank, grace] = [await signInAs(gate.url, 'frank'), await signInAs(gate.url, 'grace')];
    const [first, theirs] = [await openSocket(frank), await openSocket(grace)];
    const list = await cli('list', '--json', '--provider', 'main', '--sub', 'frank');
    assert.equal(list.err, '');
    const session = JSON.parse(list.out) as Summary;
    assert.equal(session.subject, 'frank');
    const shown = await cli('show', session.logId);
    assert.ok(shown.out.includes(`id         ${session.id}\n`), shown.out + shown.err);
    const revoked = await cli('revoke', session.logId);
    assert.deepEqual([revoked.code, revoked.out], [0, 'ended 1 session\n']);
    await waitUntil(() => first.code !== 0, 2000);
    assert.deepEqual(first, { code: 1008, reason: 'session ended' });
    assert.equal(await statusOf(frank), 401);
    assert.deepEqual([await statusOf(grace), theirs.code], [200, 0]);
    assert.equal((await cli('show', session.logId)).code, 1);
  });

  test('SC-023: everybody can be signed out at once', async () => {
    const agents = [await signInAs(gate.url, 'heidi'), await signInAs(gate.url, 'ivan')];
    const count = (await listed()).length;
    assert.equal((await cli('revoke', '--all')).code, 2);
    const all = await cli('revoke', '--all', '--yes');
    assert.deepEqual([all.code, all.out], [0, `ended ${count} sessions\n`]);
    assert.deepEqual(await listed(), []);
    await waitUntil(() => app.open() === 0, 2000);
    for (const agent of agents) assert.equal(await statusOf(agent), 401);
  });

  test('the token of the operator is in no log', () => {
    assert.ok(!gate.logged().includes(token));
  });
});
