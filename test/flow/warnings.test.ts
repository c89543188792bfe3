/** What the configuration check warned of is in the log of the gate that runs with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/index.ts';
import { validConfig } from '../support/configs.ts';
import { type LogLine, startGateAlone } from '../support/gate-alone.ts';
import { waitUntil } from '../support/raw.ts';

test('an unsafe switch is logged at start', async () => {
  const data = { ...validConfig(), dangerouslyAllowHttpPublicUrl: true };
  const loaded = parseConfig(data);
  assert.ok(loaded.ok);
  const gate = await startGateAlone({
    config: {
      clusters: { app: { targets: ['http://127.0.0.1:9'] } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
    },
    gate: { warnings: loaded.warnings },
  });
  try {
    const isThere = ({ message }: LogLine) =>
      String(message).startsWith('dangerouslyAllowHttpPublicUrl takes');
    await waitUntil(() => gate.events('config.warned').some(isThere));
  } finally {
    await gate.close();
  }
});
