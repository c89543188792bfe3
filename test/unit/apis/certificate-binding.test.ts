import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBoundToCertificate } from '../../../src/apis/certificate-binding.ts';

const thumbprint = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0';

test('the certificate that the token names is the one', () => {
  assert.ok(isBoundToCertificate(thumbprint, thumbprint));
});

for (const [title, presented] of [
  ['none', null],
  ['an empty one', ''],
  ['another one', `B${thumbprint.slice(1)}`],
  ['one that begins alike', thumbprint.slice(0, -1)],
  ['one that goes on', `${thumbprint}A`],
  ['one in another case', thumbprint.toLowerCase()],
  ['one of as many characters and more bytes', `ä${thumbprint.slice(1)}`],
] as const) {
  test(`${title} is not`, () => assert.ok(!isBoundToCertificate(thumbprint, presented)));
}
