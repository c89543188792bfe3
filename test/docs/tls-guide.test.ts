/** The guide to TLS is true: its command makes a file that the TLS listener opens. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { configOf, validConfig } from '../support/configs.ts';
import { makeTlsFiles } from '../support/tls-files.ts';

const guide = readFileSync(new URL('../../docs/guides/tls.md', import.meta.url), 'utf8');

test('its command makes a PFX file that the listener opens', () => {
  using files = makeTlsFiles();
  const file = (name: string) => join(files.folder, name);
  copyFileSync(file('server.crt'), file('app.crt'));
  copyFileSync(file('server.key'), file('app.key'));
  writeFileSync(file('pfx-passphrase'), 'correct horse\n');
  const command = /^```sh\n([\s\S]*?)^```$/m.exec(guide)?.[1] ?? '';
  execFileSync('bash', ['-c', command], { cwd: files.folder, env: { PATH: process.env.PATH ?? '' } });
  const tls = {
    address: '0.0.0.0:8443',
    pfx: readFileSync(file('app.pfx')).toString('base64'),
    passphrase: { env: 'PASSPHRASE' },
  };
  const config = parseConfig({ ...validConfig(), listen: { tls } }, { PASSPHRASE: 'correct horse' });
  assert.ok(configOf(config).listen.tls?.pfx !== undefined);
});
