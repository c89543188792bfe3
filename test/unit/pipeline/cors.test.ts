/** What pages of other origins may send and see when they call with a token of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerValue, headerValues } from '../../../src/core/headers.ts';
import { corsHeaders, preflightHeaders, preflightMethod } from '../../../src/pipeline/cors.ts';
import { createHead, createRoute } from '../../support/heads.ts';

const page = 'https://page.test';
const route = createRoute({ path: '/**', authenticate: ['bearer'], api: 'main', corsOrigins: [page] });

const asking = (headers: Readonly<Record<string, string>>) => createHead({ method: 'OPTIONS', headers });
const preflight = (headers: Readonly<Record<string, string>>) =>
  asking({ origin: page, 'access-control-request-method': 'PUT', ...headers });

test('RS-016: a preflight names an origin and one method', () => {
  assert.equal(preflightMethod(preflight({})), 'PUT');
  assert.equal(preflightMethod(asking({ origin: page })), null);
  assert.equal(preflightMethod(asking({ 'access-control-request-method': 'PUT' })), null);
  for (const method of ['', 'PUT, DELETE', 'PUT DELETE', 'PUT;', 'é', 'X'.repeat(65)]) {
    assert.equal(preflightMethod(preflight({ 'access-control-request-method': method })), null, method);
  }
});

test('RS-016: the answer allows an allowed origin what it asked for, and never its cookies', () => {
  const asked = 'authorization, dpop, content-type';
  const headers = preflightHeaders(preflight({ 'access-control-request-headers': asked }), route, 'PUT');
  assert.equal(headerValue(headers, 'access-control-allow-origin'), page);
  assert.equal(headerValue(headers, 'access-control-allow-methods'), 'PUT');
  assert.equal(headerValue(headers, 'access-control-allow-headers'), asked);
  assert.equal(headerValue(headers, 'access-control-max-age'), '600');
  assert.equal(headerValue(headers, 'access-control-allow-credentials'), null);
  assert.deepEqual(headerValues(headers, 'vary'), ['Origin']);
});

test('RS-016: a preflight without headers, or with what are none, allows none', () => {
  for (const asked of [{}, { 'access-control-request-headers': 'a: b' }, tooMany]) {
    const headers = preflightHeaders(preflight(asked), route, 'GET');
    assert.equal(headerValue(headers, 'access-control-allow-headers'), null);
    assert.equal(headerValue(headers, 'access-control-allow-origin'), page);
  }
});
const tooMany = { 'access-control-request-headers': 'x'.repeat(2001) };

for (const origin of [
  'https://evil.test',
  'http://page.test',
  'https://page.test.evil.test',
  'https://page.test:444',
  'https://PAGE.test',
  'https://page.test/',
  'null',
  '*',
  '',
]) {
  test(`RS-016: ${JSON.stringify(origin)} is not the allowed origin`, () => {
    const headers = preflightHeaders(preflight({ origin }), route, 'PUT');
    assert.deepEqual(headers, ['vary', 'Origin']);
    assert.deepEqual(corsHeaders(createHead({ headers: { origin } }), route), ['vary', 'Origin']);
  });
}

test('with `*` every origin is allowed by its name', () => {
  const open = createRoute({ path: '/**', corsOrigins: ['*'] });
  const headers = corsHeaders(createHead({ headers: { origin: 'https://any.test' } }), open);
  assert.equal(headerValue(headers, 'access-control-allow-origin'), 'https://any.test');
  assert.equal(headerValue(headers, 'access-control-allow-credentials'), null);
});

test('an answer depends on the origin even when none was named', () => {
  assert.deepEqual(corsHeaders(createHead(), route), ['vary', 'Origin']);
});

test('a route that knows no other origins says nothing', () => {
  const head = createHead({ headers: { origin: page } });
  assert.deepEqual(corsHeaders(head, createRoute({ path: '/**' })), []);
});

test('challenges and nonces can be read', () => {
  const headers = corsHeaders(createHead({ headers: { origin: page } }), route);
  const exposed = headerValue(headers, 'access-control-expose-headers') ?? '';
  assert.ok(exposed.includes('WWW-Authenticate') && exposed.includes('DPoP-Nonce'));
});
