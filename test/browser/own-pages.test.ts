/** The gate's own pages in a browser: readable in light and dark, without script, under a policy that nothing violates. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { openContext, signIn, withoutBrowser } from './chromium.ts';
import { startTestDemo } from './demo-fixture.ts';

const options = { skip: withoutBrowser };
const pictures = join(import.meta.dirname, '../../.tmp');

const pages = [
  { name: 'error', path: '/.auth/callback?state=unknown&code=x', status: 400 },
  { name: 'signed-out', path: '/.auth/signed-out', status: 200 },
  { name: 'logout', path: '/.auth/logout', status: 200 },
] as const;

const describePage = `(() => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!/^rgba\\(.*, 0\\)$/.test(color)) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const contrast = (element) => {
    const pair = [luminance(getComputedStyle(element).color), luminance(background(element))].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  };
  return {
    title: document.title,
    lang: document.documentElement.lang,
    headings: document.querySelectorAll('h1').length,
    mains: document.querySelectorAll('main').length,
    scripts: document.scripts.length,
    unnamed: [...document.querySelectorAll('a, button, input:not([type=hidden])')]
      .filter((e) => (e.textContent.trim() || e.labels?.[0]?.textContent || e.ariaLabel || '') === '').length,
    unlabelledPictures: [...document.querySelectorAll('svg, img')]
      .filter((e) => !e.closest('[aria-hidden=true]') && !e.getAttribute('aria-label') && !e.getAttribute('alt')).length,
    contrast: Math.min(...[...document.querySelectorAll('h1, p, a, button, dt, dd, footer')].map(contrast)),
    dark: luminance(background(document.body)) < 0.2,
    overflow: document.documentElement.scrollWidth > innerWidth,
  };
})()`;

interface Description {
  readonly title: string;
  readonly lang: string;
  readonly headings: number;
  readonly mains: number;
  readonly scripts: number;
  readonly unnamed: number;
  readonly unlabelledPictures: number;
  readonly contrast: number;
  readonly dark: boolean;
  readonly overflow: boolean;
}

/** What the console says of refused styles, scripts and the like. */
function recordViolations(page: Page): readonly string[] {
  const violations: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/i.test(message.text())) violations.push(message.text());
  });
  return violations;
}

for (const { name, path, status } of pages) {
  test(`the ${name} page is accessible in light and dark, and violates no policy`, options, async (t) => {
    const demo = await startTestDemo(t);
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await openContext(t, { colorScheme, viewport: { width: 320, height: 640 } });
      const page = await context.newPage();
      const violations = recordViolations(page);
      const answer = await page.goto(demo.gateUrl + path);
      assert.equal(answer?.status(), status);
      assert.match(answer?.headers()['content-security-policy'] ?? '', /default-src 'none'/);
      const found = await page.evaluate<Description>(describePage);
      const { title, lang, contrast, dark, ...counts } = found;
      assert.ok(title.length > 0 && lang === 'en');
      assert.deepEqual(counts, {
        headings: 1,
        mains: 1,
        scripts: 0,
        unnamed: 0,
        unlabelledPictures: 0,
        overflow: false,
      });
      assert.ok(contrast >= 4.5, `contrast ${contrast.toFixed(2)} in ${colorScheme} (WCAG 2.2 AA)`);
      assert.equal(dark, colorScheme === 'dark');
      assert.deepEqual(violations, []);
      mkdirSync(pictures, { recursive: true });
      await page.setViewportSize({ width: 900, height: 620 });
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}.png`) });
    }
  });
}

async function signOutByPage(t: TestContext, javaScriptEnabled: boolean): Promise<void> {
  const demo = await startTestDemo(t);
  const context = await openContext(t, { javaScriptEnabled });
  const page = await context.newPage();
  const violations = recordViolations(page);
  await page.goto(demo.gateUrl);
  await signIn(page, 'alice');
  await page.waitForURL(`${demo.gateUrl}/`);
  await page.goto(`${demo.gateUrl}/.auth/logout`);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  // Without script the provider asks for one click more.
  if (!javaScriptEnabled) await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/\.auth\/signed-out/);
  assert.deepEqual(violations, []);
  assert.deepEqual(await context.cookies(demo.gateUrl), []);
}

test(
  'the logout page leads through the provider to the signed-out page, past its own form-action',
  options,
  (t) => signOutByPage(t, true),
);

test('signing in and out needs no script', options, (t) => signOutByPage(t, false));
