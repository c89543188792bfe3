/** Section 4A of the catalogue: wherever a login is asked to lead, it leads to our own origin. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { createReturnTo } from '../../src/endpoints/return-to.ts';
import {
  createBrowser,
  createGate,
  type GateOptions,
  locationOf,
  publicOrigin,
} from '../support/endpoint-gate.ts';

const home = `${publicOrigin}/`;

/** RFC 3986 appendix B: what a client sees that does not parse as browsers do. */
const rfc3986 = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)/;

function assertOurs(location: string, what: string): void {
  const url = new URL(location);
  assert.equal(url.origin, publicOrigin, what);
  assert.ok(!url.pathname.startsWith('//'), `${what}: ${location}`);
  const [, scheme, authority, path] = rfc3986.exec(location) ?? [];
  assert.equal(scheme, 'https', what);
  assert.equal(authority, 'app.test', what);
  assert.ok(path?.startsWith('/') && !path.startsWith('//'), `${what}: ${location}`);
  assert.doesNotMatch(location, /[\p{C}\p{Z}\\]/u, what);
}

/** Signs in through the endpoints with this query and answers where that leads. */
async function landing(query: string, options: GateOptions = {}): Promise<string> {
  return locationOf(await createBrowser(createGate(options)).signIn(query));
}

/** As it stands (cut at what ends a query), percent-encoded once, twice, and given twice. */
function spellings(value: string): Readonly<Record<'raw' | 'once' | 'twice' | 'repeated', string>> {
  const once = encodeURIComponent(value);
  return {
    raw: `?returnTo=${value}`,
    once: `?returnTo=${once}`,
    twice: `?returnTo=${encodeURIComponent(once)}`,
    repeated: `?returnTo=${once}&returnTo=${once}`,
  };
}

const accepted: readonly (readonly [id: string, value: string, location?: string])[] = [
  ['RD-001', '/ok?a=b#c'],
  ['RD-001', '/ok?a=b&c=d&e=#/route?x'],
  ['RD-002', '/caf%C3%A9/%E2%82%AC?q=%E2%82%AC+1%2F2&plus=a%2Bb'],
  ['RD-002', '/café/€', '/caf%C3%A9/%E2%82%AC'],
  ['RD-002', '/ok?next=https://evil.example/%2F'],
  ['RD-016', '/x%0d%0aSet-Cookie:a=b'],
];

for (const [id, value, location = value] of accepted) {
  test(`${id}: a login leads back to ${value}`, async () => {
    assert.equal(await landing(spellings(value).once), publicOrigin + location);
  });
}

const refused: Readonly<Record<string, readonly string[]>> = {
  'RD-010': [
    '//app.test/x',
    '//evil',
    '///evil',
    '////evil',
    '/\\evil',
    '\\\\evil',
    '\\/evil',
    '/\\/evil',
    '//\\evil',
  ],
  'RD-011': [
    ...['/\t/evil', '/\n/evil', '/\r/evil', ' //evil', '\t//evil', '\u0001//evil', '/\u000b/evil'],
    ...[
      '/\u0000/evil',
      '/ /evil',
      '/\u2028/evil',
      '/\u00a0/evil',
      '/\ufeff/evil',
      '/\u007f/evil',
      '/\u0085/e',
    ],
  ],
  'RD-012': [
    ...['/.//evil.com', '/./\\evil.com', '/..//evil.com', '/a/..//evil.com', '/%2e%2e//evil.com'],
    ...['/.%2e//evil.com', 'https://app.test/..//evil.com', 'https://app.test//evil.com'],
  ],
  'RD-013': [
    ...['https:evil', 'https:/evil', 'https:///evil', 'http:evil', 'HTTPS://evil', '//evil:80%40app.test'],
    'https:app.test',
  ],
  'RD-014': [
    ...[
      'https://app.test@evil',
      'https://app.test:pw@evil',
      'https://evil#app.test',
      'https://evil?app.test',
    ],
    ...[
      'https://evil\\@app.test',
      'https://evil\\.app.test',
      'https://app.test.evil',
      'https://app.test%2eevil',
    ],
    ...['https://app.testevil', 'https://evilapp.test', 'https://app。example', 'https://ａpp.test/'],
    ...[
      'https://x@app.test/',
      'https://:@app.test/',
      'https://:pw@app.test/',
      'http://app.test/',
      'https://app.test:8443/',
      'http://0xd83ad6ce',
      '〵evil.com',
    ],
  ],
  'RD-015': [
    ...[
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'java\nscript:alert(1)',
      'data:text/html,x',
      'vbscript:x',
    ],
    ...[
      'blob:https://app.test/x',
      'file:///etc/passwd',
      'about:blank',
      'intent://x',
      'view-source:https://x',
    ],
  ],
  'RD-016': ['/x\r\nSet-Cookie: a=b', '/x\nLocation: https://evil'],
  'RD-019': [
    ...[
      '/.auth/login',
      '/.auth/logout',
      '/.auth/callback?code=x&state=y',
      '/.auth/me',
      '/.auth',
      '/.auth/any',
    ],
    ...['/%2eauth/login', '/%2Eauth%2Flogout', '/x/../.auth/logout', '/.auth//logout', '/.auth/./logout'],
    ...['/%252eauth/login', '/x/%252e%252e/.auth/logout', '/.auth%5clogout', 'https://app.test/.auth/logout'],
    ...['/%25252525252eauth/logout', '/.auth%2f..', '/.auth%2fx%2f..%2f..'],
  ],
  'RD-020': [`/${'a'.repeat(64 * 1024)}`, '', `/${'a'.repeat(2048)}`, `/${'\u{1f600}'.repeat(900)}`],
  'RD-023': ['//evil.com/%2e%2e', '//evil.com/..'],
};

for (const [id, values] of Object.entries(refused)) {
  test(`${id}: a login goes to the default page instead`, async () => {
    for (const value of values) {
      const { raw, once, twice, repeated } = spellings(value);
      assert.equal(await landing(once), home, `${JSON.stringify(value)} encoded once`);
      assert.equal(await landing(repeated), home, `${JSON.stringify(value)} repeated`);
      assertOurs(await landing(raw), `${JSON.stringify(value)} raw`);
      assertOurs(await landing(twice), `${JSON.stringify(value)} encoded twice`);
    }
  });
}

test('RD-020: what percent-encoding makes longer than the bound is refused', () => {
  const returnTo = createReturnTo(new URL(publicOrigin), ['/.auth'], { default: '/', allow: [] });
  assert.equal(returnTo.accept(`/${'\u{1f600}'.repeat(900)}`), null);
  assert.notEqual(returnTo.accept(`/${'\u{1f600}'.repeat(100)}`), null);
});

test('RD-019: renamed endpoints are own paths too', async () => {
  const config = { paths: { logout: '/bye', signedOut: 'gone' } };
  for (const value of ['/bye', '/b%79e', '/.auth/gone']) {
    assert.equal(await landing(`?returnTo=${encodeURIComponent(value)}`, { config }), home, value);
  }
  assert.equal(await landing('?returnTo=/byebye', { config }), `${publicOrigin}/byebye`);
});

test('RD-020: a missing target and an array lead to the configured default', async () => {
  const config = { returnTo: { default: '/start?x=1' } };
  for (const query of ['', '?returnTo', '?returnTo=', '?returnTo[]=/a&returnTo[]=/b', '?returnTo[0]=/a']) {
    assert.equal(await landing(query, { config }), `${publicOrigin}/start?x=1`, query);
  }
});

test('RD-018: allow-listed origins match by exact labels, scheme and port', async () => {
  const config = {
    returnTo: { allow: ['https://*.app.test', 'https://shop.example:8443', 'https://a-b.example:443'] },
  };
  const good = ['https://x.app.test/p?q#f', 'https://shop.example:8443/', 'https://a-b.example/x'];
  const bad = [
    ...['https://x.app.test.evil/', 'https://evilapp.test/', 'https://a.b.app.test/', 'https://.app.test/'],
    ...[
      'https://x.app.test:8443/',
      'http://x.app.test/',
      'https://shop.example/',
      'https://shop.example:84430/',
    ],
    ...['https://user@x.app.test/', 'https://xxapp.test/', 'https://X.app.test/', 'https://x.app.test./'],
    ...[
      'https://evil/x.app.test',
      'https://x.app.test\\.evil/',
      'https://x.app.test//evil/',
      'https://aXb.example',
    ],
  ];
  for (const value of good) {
    assert.equal(await landing(`?returnTo=${encodeURIComponent(value)}`, { config }), value);
  }
  for (const value of bad) {
    assert.equal(await landing(`?returnTo=${encodeURIComponent(value)}`, { config }), home, value);
  }
});

test('RD-021: what a transaction remembers is judged again when it is used', async () => {
  for (const planted of [
    'https://evil.example/',
    '//evil.example',
    '/.auth/logout',
    'javascript:alert(1)',
    '',
  ]) {
    const gate = createGate();
    const browser = createBrowser(gate);
    const state = await browser.startLogin('?returnTo=/ok');
    const transaction = gate.transactions.open.get(state);
    assert.ok(transaction);
    gate.transactions.open.set(state, { ...transaction, returnTo: planted });
    assert.equal(locationOf(await browser.visit(`/.auth/callback?code=c&state=${state}`)), home, planted);
  }
});

const corpus = readFileSync(new URL('../vectors/open-redirects.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '');

test(`RD-022: ${corpus.length} known payloads, raw and encoded once and twice, stay on our origin`, async () => {
  assert.ok(corpus.length > 250);
  for (const line of corpus) {
    for (const [spelling, query] of Object.entries(spellings(line))) {
      assertOurs(await landing(query), `${line} (${spelling})`);
    }
  }
});

test('RD-022: known payloads as the target of a logout stay on our origin or go to the provider', async () => {
  for (const line of corpus) {
    const gate = createGate();
    gate.provider.script.endSession = async () => null;
    const browser = createBrowser(gate);
    await browser.signIn();
    const answer = await browser.visit(`/.auth/logout?returnTo=${encodeURIComponent(line)}`, {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    assertOurs(locationOf(answer), line);
  }
});

test('RD-022: whatever is asked for, what is emitted is ours, parses to itself and is no own endpoint', () => {
  const returnTo = createReturnTo(new URL(publicOrigin), ['/.auth'], { default: '/', allow: [] });
  const piece = fc.constantFrom(
    ...[
      '/',
      '//',
      '\\',
      '.',
      '..',
      '%2e',
      '%2f',
      '%5c',
      '%00',
      '%0d%0a',
      '@',
      ':',
      '?',
      '#',
      '&',
      ' ',
      '\t',
      '\n',
    ],
    ...[
      'https:',
      'http:',
      'javascript:',
      'app.test',
      'evil.com',
      '.auth',
      'login',
      '%',
      '%25',
      '。',
      '\u2028',
      '[',
      ']',
    ],
  );
  const value = fc.oneof(
    fc
      .array(fc.oneof(piece, fc.string({ maxLength: 3, unit: 'binary' })), { maxLength: 12 })
      .map((p) => p.join('')),
    fc.array(piece, { maxLength: 10 }).map((pieces) => `/${pieces.join('')}`),
    fc.array(piece, { maxLength: 10 }).map((pieces) => `https://app.test${pieces.join('')}`),
  );
  fc.assert(
    fc.property(value, (text) => {
      const url = returnTo.accept(text);
      if (url === null) return;
      assertOurs(url, JSON.stringify(text));
      assert.equal(new URL(url).href, url);
      assert.equal(returnTo.accept(url), url, 'what was emitted is accepted again as it is');
      assert.doesNotMatch(
        decodeURIComponent(new URL(url).pathname.replace(/%(?![0-7])/g, '')),
        /^\/+\.auth(\/|$)/,
      );
    }),
    { numRuns: 5000 },
  );
});

test('RD-024: hosts that a client names reach neither the provider nor the way back', async () => {
  const gate = createGate();
  const browser = createBrowser(gate);
  const hostile = {
    host: 'evil.example',
    headers: {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example;proto=http',
      host: 'evil.example',
    },
  };
  const started = await browser.visit('/.auth/login?returnTo=/ok', hostile);
  const state = new URL(locationOf(started)).searchParams.get('state');
  assert.equal(new URL(locationOf(started)).origin, 'https://main.idp.test');
  const done = await browser.visit(`/.auth/callback?code=c&state=${state}`, hostile);
  assert.equal(locationOf(done), `${publicOrigin}/ok`);
  const me = await gate.call('/.auth/me', hostile);
  assert.equal(JSON.parse(me.body).loginUrl, `${publicOrigin}/.auth/login`);
  const out = await browser.visit('/.auth/logout', {
    ...hostile,
    method: 'POST',
    headers: { 'x-csrf': '1' },
  });
  assert.equal(
    new URL(locationOf(out)).searchParams.get('post_logout_redirect_uri'),
    `${publicOrigin}/.auth/signed-out`,
  );
});
