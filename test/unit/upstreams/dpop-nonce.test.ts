/** What of an answer of an application is a nonce, and a demand for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demandsNonce, readNonce } from '../../../src/upstreams/dpop-nonce.ts';

test('a nonce is a single value of its own alphabet and not endless', () => {
  assert.equal(readNonce({ 'dpop-nonce': 'eyJ7S_zG.eyJH0-Z.HX4w-7v~+/=' }), 'eyJ7S_zG.eyJH0-Z.HX4w-7v~+/=');
  for (const wrong of [undefined, '', 'a b', 'a"b', 'a\\b', 'é', 'x'.repeat(513), ['a', 'b']]) {
    assert.equal(readNonce({ 'dpop-nonce': wrong }), null, String(wrong));
  }
});

for (const [challenge, expected] of [
  ['DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"', true],
  ['dpop error=use_dpop_nonce', true],
  ['DPoP realm="x", error = "use_dpop_nonce"', true],
  ['Bearer realm="a", DPoP algs="ES256", error="use_dpop_nonce"', true],
  [['Bearer realm="a"', 'DPoP error="use_dpop_nonce"'], true],
  ['DPoP error="invalid_token"', false],
  ['DPoP error="use_dpop_nonces_not"', false],
  ['Bearer error="use_dpop_nonce"', false],
  ['', false],
  [undefined, false],
] as const) {
  test(`${JSON.stringify(challenge) ?? 'no challenge'} ${expected ? 'demands' : 'does not demand'} a nonce`, () => {
    assert.equal(demandsNonce({ 'www-authenticate': challenge, 'dpop-nonce': 'n' }), expected);
    assert.equal(demandsNonce({ 'www-authenticate': challenge }), false);
  });
}
