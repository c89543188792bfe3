import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkCsrf } from '../../../src/pipeline/csrf.ts';
import { createHead, createRoute } from '../../support/heads.ts';

const origin = 'https://app.test';
const publicUrl = new URL(origin);
const plain = createRoute({ path: '/**' });
const strict = createRoute({ path: '/**', csrf: 'header' });

interface Case {
  readonly title: string;
  readonly method?: string;
  readonly upgrade?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expected: ReturnType<typeof checkCsrf>;
}

const cases: readonly Case[] = [
  { title: 'a same-origin POST passes', headers: { 'sec-fetch-site': 'same-origin' }, expected: null },
  { title: 'a POST that the person began passes', headers: { 'sec-fetch-site': 'none' }, expected: null },
  {
    title: 'RD-040: a cross-site POST is refused',
    headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' },
    expected: 'cross-site',
  },
  {
    title: 'RD-040: a cross-site POST that claims our origin is refused',
    headers: { 'sec-fetch-site': 'cross-site', origin },
    expected: 'cross-site',
  },
  {
    title: 'a POST from a sibling host is refused',
    headers: { 'sec-fetch-site': 'same-site' },
    expected: 'cross-site',
  },
  { title: 'an older browser is judged by its Origin', headers: { origin }, expected: null },
  {
    title: 'a foreign Origin is refused',
    headers: { origin: 'https://app.test.evil' },
    expected: 'cross-site',
  },
  {
    title: 'another port is another origin',
    headers: { origin: 'https://app.test:8443' },
    expected: 'cross-site',
  },
  { title: 'RD-044: Origin null alone is refused', headers: { origin: 'null' }, expected: 'cross-site' },
  {
    title: 'a form of our own page without a referrer passes',
    headers: { 'sec-fetch-site': 'same-origin', origin: 'null' },
    expected: null,
  },
  {
    title: 'RD-044: without either it is refused',
    headers: {},
    expected: 'cross-site',
  },
  { title: 'RD-044: without either the static header is enough', headers: { 'x-csrf': '1' }, expected: null },
  {
    title: 'a GET from another site may be read',
    method: 'GET',
    headers: { 'sec-fetch-site': 'cross-site' },
    expected: null,
  },
  {
    title: 'a WebSocket from another origin is refused although its method is GET',
    method: 'GET',
    upgrade: 'websocket',
    headers: { origin: 'https://evil.test' },
    expected: 'cross-site',
  },
  {
    title: 'a WebSocket of our own page passes',
    method: 'GET',
    upgrade: 'websocket',
    headers: { origin },
    expected: null,
  },
];

describe('a request with a session cookie', () => {
  for (const { title, method, upgrade, headers, expected } of cases) {
    test(title, () => {
      const head = createHead({ method: method ?? 'POST', headers, upgrade: upgrade ?? null });
      assert.equal(checkCsrf(head, plain, publicUrl), expected);
    });
  }

  for (const type of [
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    '',
  ]) {
    test(`RD-043: a body of type "${type}" that needs no preflight is refused from another site`, () => {
      const headers = { origin: 'https://evil.test', 'content-type': type };
      assert.equal(checkCsrf(createHead({ method: 'POST', headers }), plain, publicUrl), 'cross-site');
    });
  }
});

describe('a route that asks for the static header', () => {
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
    test(`RD-042: ${method} without it is refused, from our own page too`, () => {
      const head = createHead({ method, headers: { 'sec-fetch-site': 'same-origin' } });
      assert.equal(checkCsrf(head, strict, publicUrl), 'csrf-header-missing');
    });
  }

  test('the header does not excuse another site', () => {
    const head = createHead({ method: 'POST', headers: { 'sec-fetch-site': 'cross-site', 'x-csrf': '1' } });
    assert.equal(checkCsrf(head, strict, publicUrl), 'cross-site');
  });

  test('other values of the header do not count', () => {
    const head = createHead({ headers: { 'x-csrf': 'true' } });
    assert.equal(checkCsrf(head, strict, publicUrl), 'csrf-header-missing');
  });
});
