/** After signing out, the Back button shows nothing of what was there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openContext, signIn, withoutBrowser } from './chromium.ts';
import { startTestDemo } from './demo-fixture.ts';
import { startPlainServer } from './plain-server.ts';

/** Applications that say nothing about caching, and one that invites it. */
const cacheControls = [null, 'private, max-age=3600'] as const;

for (const cacheControl of cacheControls) {
  const title = cacheControl === null ? 'that says nothing about caching' : `that says ${cacheControl}`;
  test(`LO-051: Back after signing out shows no page of an application ${title}`, {
    skip: withoutBrowser,
  }, async (t) => {
    const application = await startPlainServer(t, (_request, response) => {
      response.writeHead(200, {
        'content-type': 'text/html',
        ...(cacheControl === null ? {} : { 'cache-control': cacheControl }),
      });
      response.end(`<!doctype html><title>secret</title><h1>The secret of alice</h1>
        <form method="post" action="/.auth/logout"><button>Sign out</button></form>`);
    });
    const demo = await startTestDemo(t, { SALLYPORT_CLUSTERS__APP__TARGETS: application.crossSite });
    const page = await (await openContext(t)).newPage();
    await page.goto(`${demo.gateUrl}/secret`);
    await signIn(page, 'alice');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(/\/\.auth\/signed-out/);
    for (let step = 0; step < 4; step += 1) {
      await page.goBack({ waitUntil: 'domcontentloaded' }).catch(() => null);
      assert.doesNotMatch(await page.content(), /The secret of alice/, `after ${step + 1} steps back`);
    }
  });
}
