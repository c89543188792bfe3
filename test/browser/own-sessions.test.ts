/** A person's own sessions in a browser, and the goodbye that is posted: on a phone, without script, past the policy. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { pageAnswer } from '../../src/endpoints/answers.ts';
import { goodbyePage, goodbyeScriptHash } from '../../src/pages/goodbye-page.ts';
import { openContext, signIn, withoutBrowser } from './chromium.ts';
import { startTestDemo } from './demo-fixture.ts';
import { startPlainServer } from './plain-server.ts';

const options = { skip: withoutBrowser };
const android =
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36';
const pictures = join(import.meta.dirname, '../../.tmp');

function recordViolations(page: Page): readonly string[] {
  const violations: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/i.test(message.text())) violations.push(message.text());
  });
  return violations;
}

async function signedIn(
  t: TestContext,
  gateUrl: string,
  settings: BrowserContextOptions = {},
): Promise<{ readonly context: BrowserContext; readonly page: Page }> {
  const context = await openContext(t, settings);
  const page = await context.newPage();
  await page.goto(gateUrl);
  await signIn(page, 'alice');
  await page.waitForURL(`${gateUrl}/`);
  return { context, page };
}

const isSignedIn = async (context: BrowserContext, gateUrl: string) =>
  (await context.request.get(`${gateUrl}/.auth/me`)).status() === 200;

for (const colorScheme of ['light', 'dark'] as const) {
  test(
    `LO-053: on a phone (${colorScheme}), without script, a person ends another session of theirs`,
    options,
    async (t) => {
      const { gateUrl } = await startTestDemo(t);
      const other = await signedIn(t, gateUrl);
      const viewport = { width: 320, height: 640 };
      const phone = { colorScheme, javaScriptEnabled: false, viewport, userAgent: android };
      const { context, page } = await signedIn(t, gateUrl, phone);
      const violations = recordViolations(page);
      await page.goto(`${gateUrl}/.auth/sessions`);
      assert.equal(await page.getByRole('listitem').count(), 2);
      assert.match(await page.getByRole('listitem').first().innerText(), /Chrome on Android\s+This one/);
      const width = await page.getByRole('main').evaluate((main) => [main.scrollWidth, main.clientWidth]);
      assert.equal(width[0], width[1], 'nothing sticks out');
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: join(pictures, `sessions-${colorScheme}.png`), fullPage: true });
      await page.getByRole('button', { name: 'End the session of' }).click();
      await page.waitForURL(`${gateUrl}/.auth/sessions`);
      assert.equal(await page.getByRole('listitem').count(), 1);
      assert.equal(await isSignedIn(other.context, gateUrl), false);
      assert.equal(await isSignedIn(context, gateUrl), true);
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await page.waitForURL(/\/\.auth\/signed-out/);
      assert.equal(await isSignedIn(context, gateUrl), false);
      assert.deepEqual(violations, []);
    },
  );
}

test('LO-053: the logout page signs a person out everywhere', options, async (t) => {
  const { gateUrl } = await startTestDemo(t);
  const other = await signedIn(t, gateUrl);
  const { context, page } = await signedIn(t, gateUrl);
  await page.goto(`${gateUrl}/.auth/logout`);
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, 'logout-everywhere.png') });
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.waitForURL(/\/\.auth\/signed-out/);
  assert.equal(await isSignedIn(context, gateUrl), false);
  assert.equal(await isSignedIn(other.context, gateUrl), false);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'by itself' : 'with its button where there is no script';
  test(`LO-042: a goodbye that is too long for an address is posted ${how}`, options, async (t) => {
    const hint = 'h'.repeat(6000);
    let posted = '';
    const provider = await startPlainServer(t, async (request, response) => {
      for await (const chunk of request) posted += chunk;
      response.writeHead(303, { location: `${gate.sameSite}/back` }).end();
    });
    const gate = await startPlainServer(t, (request, response) => {
      if (request.url === '/back') {
        response.end('back');
        return;
      }
      const page = goodbyePage({ action: `${provider.crossSite}/end`, fields: [['id_token_hint', hint]] });
      const answer = pageAnswer(page, {
        status: 200,
        reason: 'logged-out',
        formAction: "'self' http: https:",
        scriptSource: goodbyeScriptHash,
      });
      for (let i = 0; i < answer.headers.length; i += 2) {
        response.setHeader(answer.headers[i] as string, answer.headers[i + 1] as string);
      }
      response.end(answer.body);
    });
    const page = await (await openContext(t, { javaScriptEnabled })).newPage();
    const violations = recordViolations(page);
    await page.goto(gate.sameSite, { waitUntil: 'commit' });
    if (!javaScriptEnabled) await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${gate.sameSite}/back`);
    assert.equal(new URLSearchParams(posted).get('id_token_hint'), hint);
    assert.deepEqual(violations, []);
  });
}
