/** The demo on free ports with a data directory of its own: what the browser tests walk through. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Demo, startDemo } from '../../demo/demo.ts';
import { freePort } from '../support/free-port.ts';

/** Started for one test and stopped at its end. `environment` is laid over the demo's configuration. */
export async function startTestDemo(
  t: TestContext,
  environment: Readonly<Record<string, string>> = {},
): Promise<Demo> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-browser-'));
  const demo = await startDemo({
    port: await freePort(),
    providerPort: 0,
    appPort: 0,
    dataDir,
    environment: { SALLYPORT_LOG__LEVEL: 'silent', SALLYPORT_LISTEN__TIMEOUTS__DRAIN: '1s', ...environment },
  });
  t.after(async () => {
    await demo.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return demo;
}
