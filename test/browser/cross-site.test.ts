/** What other sites can make a signed-in browser do: nothing. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { openContext, signIn, withoutBrowser } from './chromium.ts';
import { startTestDemo } from './demo-fixture.ts';
import { servePage, startPlainServer } from './plain-server.ts';

const options = { skip: withoutBrowser };

interface Scene {
  readonly page: Page;
  readonly gateUrl: string;
  /** `POST /api/transfer HTTP` as it reached the application. */
  readonly reached: string[];
}

/** A browser that is signed in as alice at a gate whose application notes every request. */
async function openSignedIn(t: TestContext): Promise<Scene> {
  const reached: string[] = [];
  const application = await startPlainServer(t, (request: IncomingMessage, response) => {
    // The browser asks for a picture of the site by itself.
    if (request.url !== '/favicon.ico') reached.push(`${request.method} ${request.url}`);
    // As careless as an application can be.
    response.writeHead(200, {
      'content-type': 'text/plain',
      'access-control-allow-origin': request.headers.origin ?? '*',
      'access-control-allow-credentials': 'true',
    });
    response.end('the secret of alice');
  });
  const demo = await startTestDemo(t, { SALLYPORT_CLUSTERS__APP__TARGETS: application.crossSite });
  const page = await (await openContext(t)).newPage();
  await page.goto(`${demo.gateUrl}/start`);
  await signIn(page, 'alice');
  await page.waitForURL(`${demo.gateUrl}/start`);
  assert.deepEqual(
    reached.filter((line) => line.startsWith('GET /start')),
    ['GET /start'],
  );
  reached.length = 0;
  return { page, gateUrl: demo.gateUrl, reached };
}

const forgedForm = (target: string) =>
  servePage(`<!doctype html><title>evil</title><form method="post" action="${target}" enctype="text/plain">
    <input name="amount" value="1000"><button>Win</button></form>`);

test('RD-040: a form of another site reaches no application', options, async (t) => {
  const { page, gateUrl, reached } = await openSignedIn(t);
  const evil = await startPlainServer(t, forgedForm(`${gateUrl}/api/transfer`));
  await page.goto(evil.crossSite);
  const answer = page.waitForResponse(`${gateUrl}/api/transfer`);
  await page.getByRole('button').click();
  assert.ok([401, 403].includes((await answer).status()), `answered ${(await answer).status()}`);
  assert.deepEqual(reached, []);
});

test(
  'RD-040: a form of another origin of the same site, with which the cookie does come, gets 403',
  options,
  async (t) => {
    const { page, gateUrl, reached } = await openSignedIn(t);
    const evil = await startPlainServer(t, forgedForm(`${gateUrl}/api/transfer`));
    await page.goto(evil.sameSite);
    const answer = page.waitForResponse(`${gateUrl}/api/transfer`);
    await page.getByRole('button').click();
    assert.match(
      (await (await answer).request().allHeaders()).cookie ?? '',
      /sallyport/,
      'the cookie came along',
    );
    assert.equal((await answer).status(), 403);
    assert.deepEqual(reached, []);
  },
);

/** What a script gets to see: the text, or the name of the error. */
const ask = (url: string, init: object) =>
  `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then((r) => r.text(), (e) => e.name)`;

test(
  'RD-060: a script of another origin can neither send nor read, whatever the application allows',
  options,
  async (t) => {
    const { page, gateUrl, reached } = await openSignedIn(t);
    const evil = await startPlainServer(t, servePage('<!doctype html><title>evil</title>'));
    for (const origin of [evil.crossSite, evil.sameSite]) {
      await page.goto(origin);
      const json = {
        method: 'POST',
        credentials: 'include',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      };
      assert.equal(
        await page.evaluate(ask(`${gateUrl}/api/transfer`, json)),
        'TypeError',
        'the preflight fails',
      );
      assert.deepEqual(
        reached.filter((line) => !line.startsWith('OPTIONS')),
        [],
      );
      const read = { credentials: 'include' };
      assert.equal(
        await page.evaluate(ask(`${gateUrl}/api/secret`, read)),
        'TypeError',
        'nothing can be read',
      );
      assert.equal(
        await page.evaluate(ask(`${gateUrl}/.auth/me`, read)),
        'TypeError',
        'nor who is signed in',
      );
      reached.length = 0;
    }
  },
);

test('another origin cannot open a WebSocket with the session of alice', options, async (t) => {
  const { page, gateUrl, reached } = await openSignedIn(t);
  const evil = await startPlainServer(t, servePage('<!doctype html><title>evil</title>'));
  const url = `${gateUrl.replace('http', 'ws')}/api/socket`;
  for (const origin of [evil.crossSite, evil.sameSite]) {
    await page.goto(origin);
    const outcome = await page.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket(${JSON.stringify(url)});
      socket.onopen = () => resolve('open');
      socket.onerror = () => resolve('refused');
    })`);
    assert.equal(outcome, 'refused');
  }
  assert.deepEqual(reached, []);
});

test('RD-053: a picture of another site signs nobody out', options, async (t) => {
  const { page, gateUrl, reached } = await openSignedIn(t);
  const evil = await startPlainServer(
    t,
    servePage(`<!doctype html><title>evil</title><img src="${gateUrl}/.auth/logout">`),
  );
  await page.goto(evil.sameSite, { waitUntil: 'load' });
  await page.goto(`${gateUrl}/start`);
  assert.equal(page.url(), `${gateUrl}/start`);
  assert.deepEqual(reached, ['GET /start']);
});
