/** A client of the official MCP SDK reaches an MCP server through the gate, starting with nothing but its address. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import {
  connect,
  connectAs,
  createMcpAccount,
  createMcpConnection,
  type McpAccount,
  type McpConnection,
} from '../support/mcp-client.ts';
import { type McpGate, mcpMachine, pageOrigin, startMcpGate } from '../support/mcp-gate.ts';

let gate: McpGate;

before(async () => {
  gate = await startMcpGate();
});

after(() => gate.close());

async function callWhoami({ client }: McpConnection): Promise<Record<string, string>> {
  const { content } = await client.callTool({ name: 'whoami' });
  return JSON.parse((content as [{ text: string }])[0].text);
}

describe('a client that knows nothing but the address', () => {
  test('RS-080: is told with 401 where the metadata are, and what scope it needs', async () => {
    const response = await fetch(gate.resource, { method: 'POST', body: '{}' });
    assert.equal(response.status, 401);
    const metadataUrl = `${gate.url}/.well-known/oauth-protected-resource/mcp`;
    assert.equal(
      response.headers.get('www-authenticate'),
      `Bearer realm="mcp", scope="notes.read", resource_metadata="${metadataUrl}"`,
    );
    const metadata = (await (await fetch(metadataUrl)).json()) as Record<string, unknown>;
    assert.equal(metadata.resource, gate.resource);
    assert.deepEqual(metadata.authorization_servers, [gate.provider.issuer]);
    assert.deepEqual(metadata.scopes_supported, ['notes.read', 'notes.write']);
    assert.equal(gate.server.requests.length, 0);
  });

  test('registers, sends the person to sign in, and calls a tool', async () => {
    const account = createMcpAccount({ login: 'alice' });
    const first = createMcpConnection(gate.resource, account);
    await assert.rejects(connect(first), { message: 'Unauthorized' });
    assert.equal(gate.server.requests.length, 0);

    const [authorization] = account.seen.authorizations;
    assert.equal(authorization?.origin, gate.provider.issuer);
    assert.equal(authorization?.searchParams.get('client_id'), account.seen.information?.client_id);
    assert.equal(authorization?.searchParams.get('resource'), gate.resource);
    assert.equal(authorization?.searchParams.get('scope'), 'notes.read');
    assert.equal(authorization?.searchParams.get('code_challenge_method'), 'S256');

    await first.transport.finishAuth(await account.signIn());
    const second = createMcpConnection(gate.resource, account);
    await connect(second);
    const seen = await callWhoami(second);
    assert.equal(seen['x-user'], 'alice');
    assert.equal(seen['x-client'], account.seen.information?.client_id);
    await second.client.close();
  });
});

describe('a client that has signed in', () => {
  let account: McpAccount;
  let connection: McpConnection;

  before(async () => {
    account = createMcpAccount({ login: 'bob' });
    connection = await connectAs(gate.resource, account);
  });

  after(() => connection.client.close());

  test('RS-070: the server sees who calls, and no token', async () => {
    const seen = await callWhoami(connection);
    assert.equal(seen['x-user'], 'bob');
    assert.equal(seen.authorization, undefined);
    assert.ok(!JSON.stringify(seen).includes(String(account.seen.tokens?.access_token)));
  });

  test('what a client says of itself does not reach the server', async () => {
    const { access_token } = account.seen.tokens ?? {};
    await fetch(gate.resource, {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}`, 'x-user': 'alice', 'x-client': 'another' },
    });
    const { headers } = gate.server.requests.at(-1) ?? {};
    assert.equal(headers?.['x-user'], 'bob');
    assert.equal(headers?.['x-client'], account.seen.information?.client_id);
  });

  test('the token reaches the server where the route says so', async () => {
    const passed = await connectAs(`${gate.resource}/pass`, account);
    const seen = await callWhoami(passed);
    assert.equal(seen.authorization, `Bearer ${account.seen.tokens?.access_token}`);
    await passed.client.close();
  });

  test('each request belongs to the session that the server opened', async () => {
    const { sessionId } = connection.transport;
    assert.ok(sessionId !== undefined && gate.server.sessions.has(sessionId));
    await callWhoami(connection);
    assert.equal(gate.server.requests.at(-1)?.headers['mcp-session-id'], sessionId);
    assert.ok(gate.server.requests.at(-1)?.headers['mcp-protocol-version'] !== undefined);
  });

  test('progress arrives while the tool is still at work', async () => {
    const told: number[] = [];
    const { content } = await connection.client.callTool({ name: 'count', arguments: { to: 3 } }, undefined, {
      onprogress({ progress }) {
        told.push(progress);
        // The tool waits for this: it could not go on if the gate held its messages back.
        gate.server.step();
      },
    });
    assert.deepEqual(told, [1, 2, 3]);
    assert.deepEqual(content, [{ type: 'text', text: 'counted to 3' }]);
  });

  test('what the server says by itself arrives on the stream that the client holds open', async () => {
    const heard = new Promise((resolve) => {
      connection.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) =>
        resolve(params.data),
      );
    });
    const isListening = () =>
      gate.server.requests.some(
        ({ method, headers }) =>
          method === 'GET' && headers['mcp-session-id'] === connection.transport.sessionId,
      );
    for (let i = 0; i < 200 && !isListening(); i += 1) await new Promise((next) => setTimeout(next, 10));
    assert.ok(isListening());
    await gate.server.announce('there are news');
    assert.equal(await heard, 'there are news');
  });

  test('a client that lost its stream can say from where it goes on', async () => {
    await connection.transport.resumeStream('event-17').catch(() => undefined);
    const { method, headers } = gate.server.requests.at(-1) ?? {};
    assert.equal(method, 'GET');
    assert.equal(headers?.['last-event-id'], 'event-17');
  });

  test('the session ends with DELETE', async () => {
    const { sessionId } = connection.transport;
    await connection.transport.terminateSession();
    assert.equal(gate.server.requests.at(-1)?.method, 'DELETE');
    assert.ok(!gate.server.sessions.has(String(sessionId)));
  });
});

test('a machine signs in by itself', async () => {
  const account = new ClientCredentialsProvider({
    ...mcpMachine,
    scope: 'notes.read',
    expectedIssuer: gate.provider.issuer,
  });
  const connection = createMcpConnection(gate.resource, account);
  await connect(connection);
  const seen = await callWhoami(connection);
  assert.equal(seen['x-client'], mcpMachine.clientId);
  await connection.client.close();
});

describe('a client that is a page of another origin', () => {
  test('RS-016: may send what MCP needs, and nobody else is asked', async () => {
    const reached = gate.server.requests.length;
    const response = await fetch(gate.resource, {
      method: 'OPTIONS',
      headers: {
        origin: pageOrigin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,mcp-protocol-version,mcp-session-id',
      },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get('access-control-allow-origin'), pageOrigin);
    assert.match(response.headers.get('access-control-allow-headers') ?? '', /mcp-session-id/);
    assert.equal(gate.server.requests.length, reached);
  });

  test('sees the challenge, the metadata and the session id', async () => {
    const challenged = await fetch(gate.resource, { method: 'POST', headers: { origin: pageOrigin } });
    assert.match(challenged.headers.get('access-control-expose-headers') ?? '', /WWW-Authenticate/);
    const metadata = await fetch(`${gate.url}/.well-known/oauth-protected-resource/mcp`);
    assert.equal(metadata.headers.get('access-control-allow-origin'), '*');

    const account = createMcpAccount({ login: 'alice' });
    const { client, transport } = await connectAs(gate.resource, account);
    const response = await fetch(gate.resource, {
      method: 'POST',
      headers: {
        origin: pageOrigin,
        authorization: `Bearer ${account.seen.tokens?.access_token}`,
        'mcp-session-id': transport.sessionId ?? '',
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('access-control-allow-origin'), pageOrigin);
    // The whole of the fields: the call brought no cookie.
    assert.match(response.headers.get('access-control-expose-headers') ?? '', /\*/);
    assert.ok(response.headers.has('mcp-session-id'));
    await response.body?.cancel();
    await client.close();
  });
});

test('neither tokens nor codes are in the log', () => {
  assert.doesNotMatch(gate.logged(), /eyJ|code=/);
});
