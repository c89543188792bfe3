import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { ClientError } from 'openid-client';
import { SallyportError } from '../../../src/core/errors.ts';
import { translateErrorCode, translateLibraryError } from '../../../src/oidc/library-errors.ts';
import { Refusal } from '../../../src/oidc/refusal.ts';

const secret = { access_token: 'hunter2' };

test('what our own code threw comes out again, however deep the library wrapped it', () => {
  const own = new Refusal('id-token-signature');
  assert.equal(translateLibraryError(new ClientError('x', { cause: new Error('y', { cause: own }) })), own);
  const failure = new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'x');
  assert.equal(translateLibraryError(new Error('x', { cause: failure })), failure);
});

const codes = [
  ['OAUTH_TIMEOUT', 'timeout'],
  ['OAUTH_PARSE_ERROR', 'response-not-json'],
  ['OAUTH_INVALID_RESPONSE', 'response-invalid'],
  ['OAUTH_JWT_CLAIM_COMPARISON_FAILED', 'id-token-claim'],
  ['OAUTH_JWT_TIMESTAMP_CHECK_FAILED', 'id-token-time'],
  ['OAUTH_SOMETHING_NEW', 'library-check'],
] as const;
for (const [code, word] of codes) {
  test(`L-4: ${code} becomes ${word}, and what it carried is gone`, () => {
    const translated = translateLibraryError(
      Object.assign(new ClientError('hunter2', { cause: secret }), { code }),
    );
    assert.equal(translated instanceof Refusal ? translated.reason : translated.detail, word);
    assert.ok(!inspect(translated, { depth: 9, showHidden: true }).includes('hunter2'));
  });
}

test('L-4: an error that nobody knows is a bug with its code and without its contents', () => {
  for (const error of [
    Object.assign(new TypeError('hunter2'), { code: 'ERR_X' }),
    'hunter2',
    null,
    undefined,
  ]) {
    const translated = translateLibraryError(error);
    assert.ok(translated instanceof SallyportError);
    assert.equal(translated.code, 'ERR_INTERNAL');
    assert.ok(!inspect(translated, { depth: 9, showHidden: true }).includes('hunter2'));
  }
});

test('of all errors of the provider only invalid_grant is about the person', () => {
  const about = (code: string) => {
    const translated = translateErrorCode(code);
    return translated instanceof Refusal ? translated.about : translated.code;
  };
  assert.equal(about('invalid_grant'), 'content');
  assert.equal(about('invalid_client'), 'ERR_PROVIDER_CLIENT');
  assert.equal(about('unauthorized_client'), 'ERR_PROVIDER_CLIENT');
  assert.equal(about('temporarily_unavailable'), 'ERR_PROVIDER_UNAVAILABLE');
  for (const code of ['invalid_request', 'constructor', '__proto__', '<b>'])
    assert.equal(about(code), 'response');
});
