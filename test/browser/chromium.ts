/** A real Chromium for the tests that only a browser can answer. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';

const executablePath = process.env.SALLYPORT_CHROMIUM ?? '/usr/bin/chromium';

/** Where there is no browser its tests are skipped with this line; under `CI=true` they run, and fail. */
export const withoutBrowser: string | false =
  existsSync(executablePath) || process.env.CI === 'true'
    ? false
    : `no Chromium at ${executablePath}: install it (apt-get install chromium) or set SALLYPORT_CHROMIUM`;

const launchOptions = {
  executablePath,
  args: [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
  // Automation switches it off, people have it on: what Back shows after a sign-out depends on it.
  ignoreDefaultArgs: ['--disable-back-forward-cache'],
};

let launched: Promise<Browser> | null = null;

/** One browser for a test file, with a profile of its own that is removed at the end. */
function launch(): Promise<Browser> {
  launched ??= chromium.launch(launchOptions);
  return launched;
}

after(async () => {
  await (await launched)?.close();
});

/** A browser without cookies; closed at the end of the test. */
export async function openContext(
  t: TestContext,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await (await launch()).newContext(options);
  context.setDefaultTimeout(15_000);
  t.after(() => context.close());
  return context;
}

/** A browser of its own that takes no cookies from `origin`, as people set it in their preferences. */
export async function openContextWithoutCookies(t: TestContext, origin: string): Promise<BrowserContext> {
  const profile = mkdtempSync(join(tmpdir(), 'sallyport-chromium-'));
  const exceptions = { cookies: { [`${origin},*`]: { setting: 2 } } };
  mkdirSync(join(profile, 'Default'));
  writeFileSync(
    join(profile, 'Default', 'Preferences'),
    JSON.stringify({ profile: { content_settings: { exceptions } } }),
  );
  const context = await chromium.launchPersistentContext(profile, launchOptions);
  context.setDefaultTimeout(15_000);
  t.after(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  });
  return context;
}

/** Fills in the provider's form, from wherever the page was sent there. */
export async function signIn(page: Page, person: string): Promise<void> {
  await page.getByLabel('Name').fill(person);
  await page.getByLabel('Password').fill('any password');
  await page.getByRole('button', { name: 'Sign in' }).click();
}
