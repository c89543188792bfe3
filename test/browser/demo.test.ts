/** The demo, walked as a person would: everything on the page works, and no token is in reach of it. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { openContext, signIn, withoutBrowser } from './chromium.ts';
import { startTestDemo } from './demo-fixture.ts';

const pictures = join(import.meta.dirname, '../../.tmp');

/** Everything that came over the wire to the browser from the gate: what a script or an extension could have read. */
function recordAnswers(context: BrowserContext, gateUrl: string): { settled(): Promise<string> } {
  const answers: Promise<string>[] = [];
  context.on('response', (response) => {
    if (!response.url().startsWith(gateUrl)) return;
    const type = response.headers()['content-type'] ?? '';
    const body = type.startsWith('text/event-stream') ? '' : response.text().catch(() => '');
    answers.push(
      (async () => {
        const headers = (await response.headersArray()).map(
          ({ name, value }) => `${name}: ${withoutHint(value)}`,
        );
        return [response.url(), ...headers, await body].join('\n');
      })(),
    );
  });
  return { settled: async () => (await Promise.all(answers)).join('\n\n') };
}

/** The one token that the protocol itself sends through the browser: which session to end, at sign-out. */
function withoutHint(value: string): string {
  return value.includes('/session/end?') ? value.replace(/id_token_hint=[\w.-]+/, '') : value;
}

/** The shapes of tokens: a JWT anywhere, or a member or parameter by the name of one with a value. */
function assertNoToken(text: string, where: string): void {
  assert.doesNotMatch(text, /eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+/, `a JWT in ${where}`);
  assert.doesNotMatch(text, /(?:access|refresh)_token["']?\s*[:=]\s*["']?[\w-]{8}/i, `a token in ${where}`);
}

function untilText(page: Page, selector: string, pattern: RegExp): Promise<void> {
  return page.locator(selector).filter({ hasText: pattern }).waitFor();
}

test('the demo can be walked from sign-in to sign-out, and shows no token to the browser', {
  skip: withoutBrowser,
}, async (t) => {
  const demo = await startTestDemo(t);
  const context = await openContext(t, { viewport: { width: 1280, height: 1150 } });
  const answers = recordAnswers(context, demo.gateUrl);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));

  await page.goto(`${demo.gateUrl}/?from=the+first+request`);
  assert.equal(new URL(page.url()).origin, demo.issuer, 'the browser is sent to the provider');
  await signIn(page, 'alice');
  await page.waitForURL(`${demo.gateUrl}/?from=the+first+request`);

  await untilText(page, '#greeting', /Hello, Alice Arden/);
  await untilText(page, '#who', /alice@example\.com/);
  await untilText(page, '#received', /Bearer .{4}… \(\d+ characters/);
  await untilText(page, '#received', /x-user.*alice/i);
  await untilText(page, '#verdict', /No token anywhere/);
  assert.doesNotMatch(
    await page.locator('#received').innerText(),
    /\bcookie\b/i,
    'the session cookie stays at the gate',
  );

  await page.getByRole('button', { name: 'Call /api/echo' }).click();
  await untilText(page, '#answer', /POST \/api\/echo[\s\S]*token at the application: Bearer/);
  await untilText(page, '#ticks', /^(?:[2-9]|\d{2,})$/);
  await untilText(page, '#echoes', /connected/);
  await page.getByLabel('Message').fill('hello there');
  await page.getByRole('button', { name: 'Send' }).click();
  await untilText(page, '#echoes', /← hello there/);

  mkdirSync(pictures, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(pictures, `demo-${colorScheme}.png`), fullPage: true });
  }

  const cookies = await context.cookies(demo.gateUrl);
  assert.deepEqual(
    cookies.map((cookie) => cookie.httpOnly),
    cookies.map(() => true),
    'every cookie is HttpOnly',
  );
  assertNoToken(JSON.stringify(cookies), 'cookies');
  assert.equal(await page.evaluate('document.cookie'), '');
  assertNoToken(
    await page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])'),
    'storage',
  );

  await demo.restartGate();
  await page.goto(demo.gateUrl);
  await untilText(page, '#greeting', /Hello, Alice Arden/);
  assert.equal(new URL(page.url()).origin, demo.gateUrl, 'alice is still signed in after a restart');

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/\.auth\/signed-out/);
  assert.match(await page.locator('h1').innerText(), /signed out/i);
  assert.deepEqual(
    (await context.cookies(demo.gateUrl)).filter((cookie) => cookie.name.includes('sallyport')),
    [],
    'the session cookie is gone',
  );
  await page.goto(demo.gateUrl);
  assert.equal(new URL(page.url()).origin, demo.issuer, 'the next visit asks for a sign-in');
  await page.getByLabel('Password').waitFor();

  assertNoToken(await answers.settled(), 'an answer of the gate');
  assert.deepEqual(
    complaints.filter(
      (complaint) => !/WebSocket|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION|Failed to load/.test(complaint),
    ),
    [],
  );
});
