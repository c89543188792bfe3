import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientName } from '../../../src/endpoints/client-name.ts';

const like = 'AppleWebKit/537.36 (KHTML, like Gecko)';
const cases: readonly (readonly [userAgent: string | null, name: string])[] = [
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${like} Chrome/140.0.0.0 Safari/537.36`, 'Chrome on Windows'],
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${like} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`,
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
    'Safari on macOS',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1',
    'Chrome on iPhone',
  ],
  [
    `Mozilla/5.0 (Linux; Android 15; Pixel 9) ${like} Chrome/140.0.0.0 Mobile Safari/537.36`,
    'Chrome on Android',
  ],
  ['curl/8.14.1', 'curl/8.14.1'],
  ['Firefox/1', 'Firefox'],
  ['x'.repeat(100), `${'x'.repeat(59)}…`],
  ['evil\u202e\n\u0000name', 'evil name'],
  ['', 'Unknown client'],
  [null, 'Unknown client'],
];

for (const [userAgent, name] of cases) {
  test(`${JSON.stringify(userAgent)?.slice(0, 60)} is called ${name}`, () => {
    assert.equal(clientName(userAgent), name);
  });
}
