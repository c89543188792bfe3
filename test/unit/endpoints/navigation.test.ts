import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepts, isNavigation, isSpeculative, prefersHtml } from '../../../src/endpoints/navigation.ts';
import { createHead } from '../../support/heads.ts';

const html = 'text/html,application/xhtml+xml,*/*;q=0.8';

interface Row {
  readonly what: string;
  readonly method?: string;
  readonly upgrade?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly navigation: boolean;
  readonly html: boolean;
}

const rows: readonly Row[] = [
  {
    what: 'an address that is typed',
    headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: html },
    navigation: true,
    html: true,
  },
  {
    what: 'a navigation that asks for anything',
    headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: '*/*' },
    navigation: true,
    html: true,
  },
  {
    what: 'a form that is posted',
    method: 'POST',
    headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    navigation: false,
    html: true,
  },
  {
    what: 'a frame',
    headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', accept: html },
    navigation: false,
    html: true,
  },
  {
    what: 'a fetch',
    headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: '*/*' },
    navigation: false,
    html: false,
  },
  {
    what: 'a fetch that asks for HTML',
    headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: html },
    navigation: false,
    html: false,
  },
  {
    what: 'a picture',
    headers: { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', accept: 'image/*' },
    navigation: false,
    html: false,
  },
  {
    what: 'an event stream',
    headers: { 'sec-fetch-mode': 'cors', accept: 'text/event-stream' },
    navigation: false,
    html: false,
  },
  {
    what: 'a WebSocket',
    upgrade: 'websocket',
    headers: { 'sec-fetch-mode': 'websocket', accept: html },
    navigation: false,
    html: false,
  },
  {
    what: 'a WebSocket without Sec-Fetch',
    upgrade: 'websocket',
    headers: { accept: html },
    navigation: false,
    html: false,
  },
  { what: 'an old browser', headers: { accept: html }, navigation: true, html: true },
  {
    what: 'an old browser that posts',
    method: 'POST',
    headers: { accept: html },
    navigation: false,
    html: true,
  },
  {
    what: 'an old browser asking for the head',
    method: 'HEAD',
    headers: { accept: html },
    navigation: true,
    html: true,
  },
  {
    what: 'an old script library',
    headers: { accept: html, 'x-requested-with': 'XMLHttpRequest' },
    navigation: false,
    html: false,
  },
  { what: 'a command line', headers: { accept: '*/*' }, navigation: false, html: false },
  { what: 'nothing said', headers: {}, navigation: false, html: false },
  {
    what: 'HTML refused by weight',
    headers: { accept: 'application/json, text/html;q=0' },
    navigation: false,
    html: false,
  },
  {
    what: 'a destination without a mode',
    headers: { 'sec-fetch-dest': 'document', accept: html },
    navigation: false,
    html: true,
  },
];

for (const { what, method = 'GET', upgrade = null, headers, navigation, html: page } of rows) {
  test(`RD-027: ${what} is ${navigation ? 'a' : 'no'} navigation and gets ${page ? 'a page' : 'data'}`, () => {
    const head = createHead({ method, headers, upgrade });
    assert.equal(isNavigation(head), navigation);
    assert.equal(prefersHtml(head), page);
  });
}

test('Accept is read by media type, whatever the case, parameters and weight', () => {
  const accept = (value: string, type = 'text/html') =>
    accepts(createHead({ headers: { accept: value } }), type);
  assert.ok(accept('TEXT/HTML'));
  assert.ok(accept('a/b , text/html ; charset=utf-8 ; q=0.1'));
  assert.ok(accept('application/json;q=1', 'application/json'));
  for (const value of [
    'text/html;q=0',
    'text/html; q=0.000',
    'text/htmlx',
    'xtext/html',
    'text/*',
    '*/*',
    '',
    ';,;',
  ]) {
    assert.ok(!accept(value), value);
  }
});

test('fetches that nobody asked for yet are told apart', () => {
  for (const [name, value] of [
    ['sec-purpose', 'prefetch;prerender'],
    ['purpose', 'Prefetch'],
    ['x-moz', 'prefetch'],
    ['x-purpose', 'preview'],
  ] as const) {
    assert.ok(isSpeculative(createHead({ headers: { [name]: value } })), name);
  }
  assert.ok(!isSpeculative(createHead({ headers: { 'sec-purpose': '' } })));
});
