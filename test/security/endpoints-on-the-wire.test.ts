/** The own endpoints as an attacker meets them: over a socket, with the real provider behind them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type RunningGate, startGate } from '../support/gate.ts';
import { type Answer, createUserAgent, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

const sessionCookie = 'sallyport';
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

const locationOf = (answer: Answer): string => String(answer.headers.location);

describe('a gate on a socket', () => {
  let gate: RunningGate;
  before(async () => {
    gate = await startGate();
  });
  after(() => gate.close());

  /** Everything of a sign-in but the callback, whose URL is the answer. */
  async function walkToCallback(agent: UserAgent): Promise<string> {
    let url = `${gate.url}/.auth/login`;
    while (!url.startsWith(`${gate.url}/.auth/callback`)) {
      url = new URL(locationOf(await agent.ask(url)), url).href;
    }
    return url;
  }

  /** The text of an answer and its headers, for looking for what must not be there. */
  const wholeOf = (answer: Answer): string => JSON.stringify(answer.headers) + answer.body;

  test('RP-052, RP-053: of parallel and later calls of one callback one is redeemed, and its session stays', async () => {
    const agent = createUserAgent();
    const url = await walkToCallback(agent);
    const answers = await Promise.all(Array.from({ length: 6 }, () => agent.ask(url)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 400, 400, 400, 400, 400]);
    const mine = agent.cookie(gate.url, sessionCookie);
    const late = await agent.ask(url);
    assert.equal(late.status, 400);
    assert.match(late.body, /You are signed in already/);
    assert.equal(agent.cookie(gate.url, sessionCookie), mine);
    assert.equal((await agent.ask(`${gate.url}/x`)).status, 200);
  });

  test('RP-051: a callback of another browser signs nobody in, and its own browser can still use it', async () => {
    const attacker = createUserAgent();
    const url = await walkToCallback(attacker);
    const victim = createUserAgent();
    await walkToCallback(victim);
    const answer = await victim.ask(url);
    assert.equal(answer.status, 400);
    assert.equal(victim.cookie(gate.url, sessionCookie), undefined);
    assert.equal((await attacker.ask(url)).status, 303);
  });

  test('RP-051: a planted session cookie is replaced by a new one at the sign-in', async () => {
    const attacker = await gate.signIn();
    const planted = attacker.cookie(gate.url, sessionCookie) as string;
    const victim = createUserAgent();
    victim.setCookie(gate.url, sessionCookie, planted);
    await victim.ask(await walkToCallback(victim));
    assert.notEqual(victim.cookie(gate.url, sessionCookie), planted);
    assert.equal((await attacker.ask(`${gate.url}/x`, { headers: fetchHeaders })).status, 401);
  });

  test('RP-057, RP-058, RP-061: a callback that cannot be one of ours says the same whatever is wrong', async () => {
    const agent = createUserAgent();
    const url = new URL(await walkToCallback(agent));
    const state = url.searchParams.get('state') as string;
    const queries = [
      '',
      'code=c',
      `code=c&state=${state.toLowerCase()}`,
      `code=c&state=${state}%20`,
      `code=c&state=${state}%00`,
      `code=c&state=${state}&state=${state}`,
      `code=c&state=${'s'.repeat(5000)}`,
      'error=access_denied&error_description=%3Cscript%3E&error_uri=javascript:alert(1)',
      'code=c&state=__proto__',
    ];
    for (const query of queries) {
      const answer = await agent.ask(`${gate.url}/.auth/callback?${query}`);
      assert.equal(answer.status, 400, query);
      assert.match(answer.body, /ERR_LOGIN_EXPIRED/);
      assert.doesNotMatch(wholeOf(answer), /<script|javascript:|Location/);
      assert.equal(agent.cookie(gate.url, sessionCookie), undefined);
    }
    assert.equal((await agent.ask(url)).status, 303, 'none of it has used the transaction up');
  });

  test('RP-063, SC-054, RD-051: what is fetched ahead, embedded or asked by HEAD starts and finishes nothing', async () => {
    const agent = createUserAgent();
    const callback = await walkToCallback(agent);
    const requests = [
      { headers: { ...navigation, 'sec-purpose': 'prefetch;prerender' } },
      { headers: { accept: '*/*', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' } },
      { headers: { ...navigation, 'sec-fetch-dest': 'iframe' } },
      { method: 'HEAD', headers: navigation },
    ];
    for (const request of requests) {
      for (const url of [callback, `${gate.url}/.auth/login`]) {
        const answer = await agent.ask(url, request);
        assert.equal(answer.status, 403);
        assert.deepEqual(answer.setCookies, []);
      }
    }
    assert.equal((await agent.ask(callback)).status, 303);
  });

  test('RD-053: neither another site nor a plain GET signs anybody out', async () => {
    const agent = await gate.signIn();
    const logout = `${gate.url}/.auth/logout`;
    const foreign = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      {},
    ];
    for (const headers of foreign) {
      const answer = await agent.ask(logout, { method: 'POST', headers: { ...form, ...headers }, body: '' });
      assert.equal(answer.status, 403);
    }
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'QUERY']) {
      const answer = await agent.ask(logout, { method, headers: { origin: gate.url } });
      assert.deepEqual(answer.setCookies, [], method);
    }
    assert.equal((await agent.ask(`${gate.url}/x`)).status, 200);
  });

  test('DL-013, DL-014: a form of an own endpoint is urlencoded, small and of few fields', async () => {
    const agent = await gate.signIn();
    for (const path of ['/.auth/logout', '/.auth/callback']) {
      const post = async (type: string, body: string) => {
        const headers = { ...fetchHeaders, 'content-type': type };
        return (await agent.ask(gate.url + path, { method: 'POST', headers, body })).status;
      };
      const urlencoded = form['content-type'];
      // The callback is reached by navigations alone, so it looks no further.
      const expected = path === '/.auth/logout' ? [415, 415, 413, 400] : [403, 403, 403, 403];
      assert.deepEqual(
        [
          await post('application/json', '{}'),
          await post('multipart/form-data; boundary=x', '--x--'),
          await post(urlencoded, `a=${'x'.repeat(17_000)}`),
          await post(urlencoded, 'a&'.repeat(50)),
        ],
        expected,
      );
    }
    const headers = { ...navigation, ...form };
    const big = await agent.ask(`${gate.url}/.auth/callback`, {
      method: 'POST',
      headers,
      body: `state=${'x'.repeat(17_000)}`,
    });
    assert.equal(big.status, 413);
    assert.equal((await agent.ask(`${gate.url}/x`)).status, 200);
  });

  test('LO-040, LO-044, LO-045: out through the provider and back, and only the true answer leads on', async () => {
    const agent = await gate.signIn();
    const old = agent.cookie(gate.url, sessionCookie) as string;
    const answer = await agent.submit(`${gate.url}/.auth/logout`, { returnTo: '/public/bye?x=1' });
    const atProvider = new URL(locationOf(answer));
    assert.equal(atProvider.origin, gate.provider.issuer);
    assert.equal(agent.cookie(gate.url, sessionCookie), undefined);
    const names = ['client_id', 'id_token_hint', 'post_logout_redirect_uri', 'state'];
    assert.deepEqual([...atProvider.searchParams.keys()].sort(), names);

    const question = await agent.ask(atProvider);
    const action = /<form[^>]* action="([^"]+)"/.exec(question.body)?.[1] ?? '';
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(question.body)?.[1] ?? '';
    const confirmed = await agent.submit(new URL(action, atProvider), { xsrf, logout: 'yes' }, atProvider);
    const back = new URL(locationOf(confirmed));
    assert.equal(back.origin + back.pathname, `${gate.url}/.auth/signed-out`);
    assert.equal(back.searchParams.get('state'), atProvider.searchParams.get('state'));

    const stranger = await createUserAgent().ask(back);
    assert.equal(stranger.status, 200);
    assert.equal(stranger.headers['clear-site-data'], undefined);
    const arrived = await agent.ask(back);
    assert.equal(locationOf(arrived), `${gate.url}/public/bye?x=1`);
    assert.equal(arrived.headers['clear-site-data'], '"cache"');
    assert.deepEqual([...agent.cookies(gate.url).keys()], []);

    agent.setCookie(gate.url, sessionCookie, old);
    assert.equal((await agent.ask(`${gate.url}/api/x`, { headers: fetchHeaders })).status, 401, 'LO-048');
  });

  test('LO-040: a script that signs out gets an address with no token in it, and the session is over', async () => {
    for (const accept of ['application/json', '*/*']) {
      const agent = await gate.signIn();
      const headers = { ...fetchHeaders, accept };
      const answer = await agent.ask(`${gate.url}/.auth/logout`, { method: 'POST', headers });
      assert.equal(answer.status, 200);
      const { location } = JSON.parse(answer.body);
      assert.equal(new URL(location).origin, gate.provider.issuer);
      assert.doesNotMatch(wholeOf(answer), /eyJ|id_token_hint/);
      assert.match((await agent.ask(location)).body, /Sign out/, 'the provider asks the person instead');
      assert.equal((await agent.ask(`${gate.url}/.auth/me`, { headers: fetchHeaders })).status, 401);
    }
  });

  test('SC-043: `me` tells another site nothing, and nobody a token', async () => {
    const agent = await gate.signIn();
    const me = `${gate.url}/.auth/me`;
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
      const answer = await agent.ask(me, { headers });
      assert.equal(answer.status, 403);
      assert.doesNotMatch(answer.body, /alice/);
    }
    const answer = await agent.ask(me, { headers: fetchHeaders });
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
    assert.doesNotMatch(answer.body, /eyJ|nonce|at_hash/);
  });

  test('RT-005, RT-008: other spellings of an own path are never an own endpoint with other rules', async () => {
    const agent = await gate.signIn();
    for (const path of ['/.auth/login/', '/.auth/me;x', '/.auth/', '/.auth', '/.auth/me/x', '/.auth/%2e']) {
      const before = gate.received.length;
      assert.equal((await agent.ask(gate.url + path)).status, 404, path);
      assert.equal(gate.received.length, before, 'nothing below the prefix reaches the application');
    }
  });

  test('nothing that went through here is in the log: no code, no state, no token, no cookie', () => {
    assert.doesNotMatch(gate.logged(), /eyJ|code=|state=|xsrf|<script|javascript:/);
  });
});
