/** The guide to ooproxy's users is true: every setting is in it, and its configuration is what the converter makes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ooproxy, settingNames } from '../../src/config/convert/ooproxy.ts';
import { parseSource } from '../../src/config/source.ts';

const guide = readFileSync(new URL('../../docs/guides/moving-from-ooproxy.md', import.meta.url), 'utf8');

test('the guide says of every setting where it went', () => {
  for (const name of settingNames)
    assert.match(guide, new RegExp(`^\\| \`${name}\` \\| \`[\\w.[\\]]+\``, 'm'));
});

test('the configuration of the guide is what the converter makes', () => {
  const source = parseSource(/^```yaml\n([\s\S]*?)^```$/m.exec(guide)?.[1] ?? '', 'yaml');
  assert.ok(source.ok);
  const env = {
    LISTEN_URL: '0.0.0.0:8080',
    PROVIDER_URL: 'https://identity.example.com',
    UPSTREAM_URL: 'http://upstream:3000',
    AUDIENCE: '"https://api.example.com"',
  };
  const converted = ooproxy.convert({ env, file: null });
  assert.ok(converted.ok);
  assert.deepEqual(source.data, converted.config);
});
