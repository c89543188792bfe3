/** Tokens of MCP clients that are not good, or no longer, or not good enough: what the official SDK makes of the answers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  connect,
  connectAs,
  createMcpAccount,
  createMcpConnection,
  type McpAccount,
  type McpConnection,
} from '../support/mcp-client.ts';
import { type McpGate, startMcpGate } from '../support/mcp-gate.ts';

let gate: McpGate;

before(async () => {
  gate = await startMcpGate();
});

after(() => gate.close());

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };

const post = (url: string, account: McpAccount) =>
  fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${account.seen.tokens?.access_token}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(ping),
  });

async function signedIn(options: Parameters<typeof createMcpAccount>[0]): Promise<McpAccount> {
  const account = createMcpAccount(options);
  const { client } = await connectAs(gate.resource, account);
  await client.close();
  return account;
}

/** Until the gate finds the token expired. */
async function expiry(account: McpAccount): Promise<void> {
  const deadline = Date.now() + 5000;
  while ((await post(gate.resource, account)).status !== 401) {
    assert.ok(Date.now() < deadline, 'the token does not expire');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('RS-022: a token of the same person for another resource is refused', async () => {
  const account = createMcpAccount({ login: 'alice', clientId: 'known' });
  account.validateResourceURL = async () => new URL(gate.other);
  const reached = gate.server.requests.length;
  await assert.rejects(connectAs(gate.resource, account), /401 after successful authentication/);
  const response = await post(gate.resource, account);
  assert.equal(response.status, 401);
  assert.match(
    response.headers.get('www-authenticate') ?? '',
    /^Bearer realm="mcp", error="invalid_token".*resource_metadata="[^"]+\/mcp"$/,
  );
  assert.equal(gate.server.requests.length, reached);
});

describe('a token without a scope that the route demands', () => {
  test('RS-013: is 403 with the scope and the metadata', async () => {
    const response = await post(gate.writeUrl, await signedIn({ login: 'alice' }));
    assert.equal(response.status, 403);
    assert.equal(
      response.headers.get('www-authenticate'),
      `Bearer realm="mcp", error="insufficient_scope", scope="notes.write", resource_metadata="${gate.url}/.well-known/oauth-protected-resource/mcp"`,
    );
  });

  test('makes the client ask the person for more, and go on', async () => {
    const account = await signedIn({ login: 'alice', clientId: 'known', forgetsRefreshTokens: true });
    const narrow = account.seen.tokens?.access_token;
    const { client } = await connectAs(gate.writeUrl, account);
    assert.deepEqual(
      account.seen.authorizations.map(({ searchParams }) => searchParams.get('scope')),
      ['notes.read', 'notes.write'],
    );
    assert.notEqual(account.seen.tokens?.access_token, narrow);
    assert.equal((await client.callTool({ name: 'whoami' })).isError, undefined);
    await client.close();
  });

  test('does not keep a client busy that cannot get more', async () => {
    const account = await signedIn({ login: 'alice' });
    const reached = gate.server.requests.length;
    const connection = createMcpConnection(gate.writeUrl, account);
    await assert.rejects(connect(connection), /403 after trying upscoping/);
    assert.equal(gate.server.requests.length, reached);
  });
});

describe('a token that has expired', () => {
  const renewing = createMcpAccount({ login: 'alice' });
  const forgetful = createMcpAccount({ login: 'alice', forgetsRefreshTokens: true });
  const streaming = createMcpAccount({ login: 'alice' });
  let connections: McpConnection[];
  let call: Promise<unknown>;

  before(async () => {
    gate.provider.ttl.accessToken = 2;
    connections = await Promise.all(
      [renewing, forgetful, streaming].map((account) => connectAs(gate.resource, account)),
    );
    // Those that come from now on last.
    gate.provider.ttl.accessToken = 3600;
    call = count(connections[2] as McpConnection);
    await Promise.all([renewing, forgetful, streaming].map(expiry));
  });

  after(() => Promise.all(connections.map(({ client }) => client.close())));

  test('is renewed by the client within one call, without the person', async () => {
    const { client, transport } = connections[0] as McpConnection;
    const { renewals, tokens } = renewing.seen;
    await client.callTool({ name: 'whoami' });
    assert.equal(renewing.seen.renewals, renewals + 1);
    assert.notEqual(renewing.seen.tokens?.access_token, tokens?.access_token);
    assert.equal(renewing.seen.authorizations.length, 1);
    assert.equal(gate.server.requests.at(-1)?.headers['mcp-session-id'], transport.sessionId);
  });

  test('sends the person to sign in again when there is no refresh token', async () => {
    const { client } = connections[1] as McpConnection;
    await assert.rejects(client.callTool({ name: 'whoami' }), { message: 'Unauthorized' });
    assert.equal(forgetful.seen.authorizations.length, 2);
  });

  test('SC-021: lets the answer that began with it come to its end', async () => {
    gate.server.step();
    assert.deepEqual(await call, [{ type: 'text', text: 'counted to 1' }]);
  });
});

/** Begins, and waits for a step of the server. */
async function count({ client }: McpConnection): Promise<unknown> {
  const { content } = await client.callTool({ name: 'count', arguments: { to: 1 } });
  return content;
}
