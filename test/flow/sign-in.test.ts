import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Received, RunningGate } from '../support/gate.ts';
import { startGate } from '../support/gate.ts';
import { createUserAgent, fetchHeaders } from '../support/user-agent.ts';

describe('the gate in front of an application', () => {
  let gate: RunningGate;
  before(async () => {
    gate = await startGate();
  });
  after(() => gate.close());

  test('a navigation signs in and comes back to its path and query', async () => {
    const agent = createUserAgent();
    const answer = await agent.navigate(`${gate.url}/reports/7?sort=a%20b&x=1&x=2`);
    assert.equal(answer.status, 200);
    assert.equal(answer.url.href, `${gate.url}/reports/7?sort=a%20b&x=1&x=2`);
    const seen: Received = JSON.parse(answer.body);
    assert.equal(seen.target, '/reports/7?sort=a%20b&x=1&x=2');
    assert.equal(seen.headers['x-user'], 'alice');
    assert.equal(seen.headers.authorization, undefined);
    assert.equal(seen.headers.cookie, undefined);
  });

  test('an API route receives the access token, and no answer shows it to the browser', async () => {
    const agent = await gate.signIn();
    const answer = await agent.ask(`${gate.url}/api/orders`, { headers: fetchHeaders });
    assert.equal(answer.status, 200);
    const token = (JSON.parse(answer.body) as Received).headers.authorization;
    assert.match(String(token), /^Bearer \S+$/);
    const bare = String(token).slice('Bearer '.length);
    for (const value of agent.cookies(gate.url).values()) assert.ok(!value.includes(bare));
    assert.ok(!gate.logged().includes(bare));
  });

  test('a fetch without a session gets 401 problem+json with the login URL', async () => {
    const answer = await createUserAgent().ask(`${gate.url}/api/orders`, { headers: fetchHeaders });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(JSON.parse(answer.body).loginUrl, `${gate.url}/.auth/login`);
  });

  test('`me` tells who is signed in and shows no token', async () => {
    const agent = await gate.signIn();
    const answer = await agent.ask(`${gate.url}/.auth/me`, { headers: fetchHeaders });
    assert.equal(answer.status, 200);
    const me = JSON.parse(answer.body);
    assert.equal(me.claims.sub, 'alice');
    assert.doesNotMatch(answer.body, /token/i);
  });

  test('a restart keeps people signed in', async () => {
    const agent = await gate.signIn();
    await gate.restart();
    const answer = await agent.ask(`${gate.url}/after`);
    assert.equal(answer.status, 200);
  });

  test('signing out ends the session here and at the provider', async () => {
    const agent = await gate.signIn();
    const old = new Map(agent.cookies(gate.url));
    const answer = await agent.submit(`${gate.url}/.auth/logout`, {});
    assert.equal(answer.status, 303);
    assert.equal(new URL(String(answer.headers.location)).origin, gate.provider.issuer);
    const replay = createUserAgent();
    for (const [name, value] of old) replay.setCookie(gate.url, name, value);
    const refused = await replay.ask(`${gate.url}/x`, { headers: fetchHeaders });
    assert.equal(refused.status, 401);
  });
});
