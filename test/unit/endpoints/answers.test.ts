import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Respond } from '../../../src/core/decision.ts';
import { SallyportError } from '../../../src/core/errors.ts';
import { headerValue } from '../../../src/core/headers.ts';
import { renderFailure, renderRefusal } from '../../../src/endpoints/failure.ts';
import { createHead } from '../../support/heads.ts';

const page = createHead({ headers: { accept: 'text/html' } });
const data = createHead({ headers: { accept: 'application/json' } });
const failure = new SallyportError('ERR_STORE_UNAVAILABLE', 'disk /var/lib/secret is full', {
  retryAfter: 1.2,
});

test('a failure is a page for a person and problem details for a program, without its message', () => {
  const forPerson = renderFailure(page, failure, { login: 'https://app.test/login', home: '/' });
  const forProgram = renderFailure(data, failure, {});
  for (const answer of [forPerson, forProgram]) {
    assert.equal(answer.status, 503);
    assert.equal(headerValue(answer.headers, 'retry-after'), '2');
    assert.equal(headerValue(answer.headers, 'cache-control'), 'no-store');
    assert.doesNotMatch(answer.body, /disk|secret/);
    assert.match(answer.body, /test-request/);
    assert.equal(answer.reason, 'ERR_STORE_UNAVAILABLE');
  }
  assert.equal(headerValue(forProgram.headers, 'content-type'), 'application/problem+json');
  assert.deepEqual(JSON.parse(forProgram.body), {
    type: 'urn:sallyport:problem:ERR_STORE_UNAVAILABLE',
    title: 'Sessions are not available right now',
    status: 503,
    code: 'ERR_STORE_UNAVAILABLE',
    requestId: 'test-request',
  });
});

test('a request without a head gets a page without a request id', () => {
  const answer = renderFailure(null, new SallyportError('ERR_BAD_REQUEST', 'x'), {});
  assert.equal(answer.status, 400);
  assert.doesNotMatch(answer.body, /<dt>Request/);
  assert.match(answer.body, /ERR_BAD_REQUEST/);
});

test('a page allows no script, no frame, no form and nothing from elsewhere', () => {
  const answer = renderFailure(page, failure, {});
  const header = (name: string) => headerValue(answer.headers, name);
  const policy = header('content-security-policy') ?? '';
  for (const part of [
    "default-src 'none'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]) {
    assert.ok(policy.includes(part), part);
  }
  assert.doesNotMatch(policy, /unsafe|script-src|\*/);
  assert.deepEqual(
    [
      'x-frame-options',
      'x-content-type-options',
      'referrer-policy',
      'cross-origin-opener-policy',
      'cross-origin-resource-policy',
    ].map(header),
    ['DENY', 'nosniff', 'no-referrer', 'same-origin', 'same-origin'],
  );
});

test('a refusal carries its reason, its cookies and its headers in both forms', () => {
  const refusal = {
    status: 401,
    title: 'Nobody is signed in',
    text: 'Sign in first.',
    reason: 'login-required',
    setCookies: ['a=b'],
    headers: ['vary', 'cookie'],
  };
  const links = { login: 'https://app.test/.auth/login' };
  const answers: readonly Respond[] = [
    renderRefusal(page, refusal, links),
    renderRefusal(data, refusal, links),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 401);
    assert.equal(answer.reason, 'login-required');
    assert.deepEqual(answer.setCookies, ['a=b']);
    assert.equal(headerValue(answer.headers, 'vary'), 'cookie');
    assert.match(answer.body, /https:\/\/app\.test\/\.auth\/login/);
  }
  assert.match(answers[0]?.body ?? '', /Sign in first\./);
  assert.equal(JSON.parse(answers[1]?.body ?? '').code, 'login-required');
});
