import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeAnswer, judgeClaims } from '../../../src/apis/access-token-rules.ts';
import { apiSchema } from '../../../src/apis/api-config.ts';

const rules = apiSchema.parse({ issuers: ['main'], audience: ['https://api.test'] });
const source = { token: 'token', issuer: { name: 'main', issuer: 'https://login.test' }, now: 1_000_000 };
const claims = {
  iss: 'https://login.test',
  aud: 'https://api.test',
  sub: 'alice',
  client_id: 'cli',
  jti: '1',
  iat: 1000,
  exp: 1300,
};

test('RS-021: the issuer is compared once more with the one that verified the token', () => {
  assert.equal(judgeClaims({ ...claims }, source, rules).caller.identity.subject, 'alice');
  for (const iss of ['https://evil.test', undefined, ['https://login.test']]) {
    assert.throws(() => judgeClaims({ ...claims, iss }, source, rules), { reason: 'issuer' });
  }
});

test('a token is good until it expires, and for the leeway after that', () => {
  assert.equal(judgeClaims({ ...claims }, source, rules).goodUntil, 1_305_000);
});

test('an answer without an expiry has none; what is remembered of it ends with the answer', () => {
  const { exp, ...endless } = claims;
  assert.equal(judgeAnswer({ ...endless }, source, rules).caller.expiresAt, Number.POSITIVE_INFINITY);
  assert.throws(() => judgeClaims(endless, source, rules), { reason: 'expiry' });
});

test('the name for logs is short and visible', () => {
  const { name } = judgeClaims({ ...claims, client_id: `my client${'x'.repeat(300)}` }, source, rules).caller;
  assert.match(name, /^my_clientx{91}$/);
});
