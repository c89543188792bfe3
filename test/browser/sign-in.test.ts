/** Signing in as a real browser does it: its rules for cookies, redirects and history are what is tested here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Response } from 'playwright-core';
import { openContext, openContextWithoutCookies, signIn, withoutBrowser } from './chromium.ts';
import { startTestDemo } from './demo-fixture.ts';
import { startHttpsDemo } from './https-demo.ts';

const options = { skip: withoutBrowser };

test(
  'SC-045: with SameSite=Strict the sign-in still ends in the application, without a loop',
  options,
  async (t) => {
    const demo = await startTestDemo(t, { SALLYPORT_SESSION__COOKIE__SAME_SITE: 'strict' });
    const context = await openContext(t);
    let authorizations = 0;
    context.on('request', (request) => {
      if (request.url().startsWith(`${demo.issuer}/auth?`)) authorizations += 1;
    });
    const page = await context.newPage();
    await page.goto(`${demo.gateUrl}/?strict=1`);
    await signIn(page, 'alice');
    await page.locator('#greeting').filter({ hasText: 'Hello, Alice' }).waitFor();
    assert.equal(page.url(), `${demo.gateUrl}/?strict=1`);
    assert.equal(authorizations, 1);
    const session = (await context.cookies(demo.gateUrl)).filter((cookie) => cookie.sameSite === 'Strict');
    assert.equal(session.length, 1);
  },
);

test('SC-047: the login cookie says SameSite=Lax where the answer comes as a query', options, async (t) => {
  const demo = await startTestDemo(t);
  const context = await openContext(t);
  const page = await context.newPage();
  const headers: string[] = [];
  page.on('response', async (response) => {
    if (response.url().startsWith(demo.gateUrl)) headers.push(...(await setCookies(response)));
  });
  await page.goto(demo.gateUrl);
  await page.getByLabel('Name').waitFor();
  const login = await context.cookies(demo.gateUrl);
  assert.equal(login.length, 1, 'one login, one cookie');
  assert.equal(login[0]?.sameSite, 'Lax');
  assert.ok(
    headers.length > 0 && headers.every((header) => /;\s*SameSite=Lax/i.test(header)),
    'said, not defaulted',
  );
});

test(
  'SC-047: by form_post, a POST of another site, it says SameSite=None and Secure, and the sign-in succeeds',
  options,
  async (t) => {
    const demo = await startHttpsDemo(t, { SALLYPORT_PROVIDERS__MAIN__RESPONSE_MODE: 'form_post' });
    const context = await openContext(t, { ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const answered = page.waitForRequest((request) =>
      request.url().startsWith(`${demo.gateUrl}/.auth/callback`),
    );
    await page.goto(`${demo.gateUrl}/?by=form_post`);
    await page.getByLabel('Name').waitFor();
    const [login, ...others] = await context.cookies(demo.gateUrl);
    assert.deepEqual(others, []);
    assert.equal(login?.sameSite, 'None');
    assert.equal(login?.secure, true);
    await signIn(page, 'alice');
    await page.locator('#greeting').filter({ hasText: 'Hello, Alice' }).waitFor();
    assert.equal((await answered).method(), 'POST');
    assert.equal(page.url(), `${demo.gateUrl}/?by=form_post`);
    const session = (await context.cookies(demo.gateUrl)).find(
      (cookie) => cookie.name === '__Host-sallyport',
    );
    assert.equal(session?.sameSite, 'Lax', 'the session cookie itself stays Lax');
    assert.ok(session?.secure === true && session.httpOnly && session.path === '/');
  },
);

async function setCookies(response: Response): Promise<readonly string[]> {
  return (await response.headersArray())
    .filter((header) => header.name.toLowerCase() === 'set-cookie')
    .map((header) => header.value);
}

test('RD-030: no code and no state stay in the URL, the history or the referrer', options, async (t) => {
  const demo = await startTestDemo(t);
  const context = await openContext(t);
  const page = await context.newPage();
  const callback = page.waitForResponse((response) =>
    response.url().startsWith(`${demo.gateUrl}/.auth/callback`),
  );
  await page.goto(`${demo.gateUrl}/?landing=1`);
  await signIn(page, 'alice');
  await page.locator('#greeting').filter({ hasText: 'Hello, Alice' }).waitFor();

  const answer = await callback;
  assert.match(answer.url(), /[?&]code=/, 'the callback did carry a code');
  assert.ok([302, 303].includes(answer.status()));
  assert.equal(answer.headers()['referrer-policy'], 'no-referrer');
  assert.match(answer.headers()['cache-control'] ?? '', /no-store/);
  assert.equal(page.url(), `${demo.gateUrl}/?landing=1`);
  assert.doesNotMatch(await page.evaluate<string>('document.referrer'), /code=|state=/);
  await page.goBack();
  assert.doesNotMatch(page.url(), /\/\.auth\/callback/);
});

test('two tabs that sign in at the same time both get where they wanted to go', options, async (t) => {
  const demo = await startTestDemo(t);
  const context = await openContext(t);
  const [first, second] = [await context.newPage(), await context.newPage()];
  await Promise.all([first.goto(`${demo.gateUrl}/?tab=1`), second.goto(`${demo.gateUrl}/?tab=2`)]);
  assert.equal((await context.cookies(demo.gateUrl)).length, 2, 'a transaction each');
  await Promise.all([signIn(first, 'alice'), signIn(second, 'alice')]);
  await Promise.all([
    first.waitForURL(`${demo.gateUrl}/?tab=1`),
    second.waitForURL(`${demo.gateUrl}/?tab=2`),
  ]);
  await first.reload();
  for (const tab of [first, second]) {
    await tab.locator('#greeting').filter({ hasText: 'Hello, Alice' }).waitFor();
  }
});

test(
  'a callback that is opened again ends on a page from which a fresh start is one click away',
  options,
  async (t) => {
    const demo = await startTestDemo(t);
    const context = await openContext(t);
    const page = await context.newPage();
    const callback = page.waitForRequest((request) =>
      request.url().startsWith(`${demo.gateUrl}/.auth/callback`),
    );
    await page.goto(demo.gateUrl);
    await signIn(page, 'alice');
    await page.locator('#greeting').filter({ hasText: 'Hello, Alice' }).waitFor();
    await context.clearCookies();
    const answer = await page.goto((await callback).url());
    assert.equal(answer?.status(), 400);
    assert.equal(await page.locator('h1').count(), 1);
    await page.locator('a.button').first().click();
    await page.getByLabel('Name').waitFor();
    await signIn(page, 'alice');
    await page.locator('#greeting').filter({ hasText: 'Hello, Alice' }).waitFor();
  },
);

test('a browser that takes no cookies ends on a page that explains it, not in a loop', options, async (t) => {
  const demo = await startTestDemo(t);
  const context = await openContextWithoutCookies(t, demo.gateUrl);
  const page = await context.newPage();
  await page.goto(demo.gateUrl);
  await signIn(page, 'alice');
  await page.waitForURL(/\/\.auth\/callback/);
  assert.deepEqual(await context.cookies(demo.gateUrl), []);
  assert.equal(await page.locator('h1').count(), 1);
  assert.match(await page.locator('main').innerText(), /cookie/i);
});
