import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type ErrorCode, errorTable } from '../../../src/core/errors.ts';
import { continuePage } from '../../../src/pages/continue-page.ts';
import { errorPage, explain } from '../../../src/pages/error-page.ts';
import { framePage } from '../../../src/pages/frame-page.ts';
import { goodbyePage, goodbyeScriptHash } from '../../../src/pages/goodbye-page.ts';
import { type Html, html, renderHtml } from '../../../src/pages/html.ts';
import { logoutPage } from '../../../src/pages/logout-page.ts';
import { noSessionsPage, sessionsPage } from '../../../src/pages/sessions-page.ts';
import { signedOutPage, stillSignedInPage } from '../../../src/pages/signed-out-page.ts';
import { styleHash, styleSheet } from '../../../src/pages/style.ts';

const nasty = `"><script>alert('x')</script>&amp;`;

const pages: Readonly<Record<string, (text: string) => Html>> = {
  error: (text) =>
    errorPage({
      title: text,
      text,
      code: text,
      requestId: text,
      links: [
        { href: text, text },
        { href: text, text },
      ],
    }),
  'signed-out': (loginUrl) => signedOutPage({ loginUrl, providerSessionMayLive: true }),
  'still-signed-in': (url) => stillSignedInPage({ logoutUrl: url, homeUrl: url }),
  logout: (url) => logoutPage({ action: url, homeUrl: url, everywhere: true }),
  sessions: (text) =>
    sessionsPage({
      action: text,
      homeUrl: text,
      sessions: [true, false].map((current) => ({
        id: text,
        current,
        client: text,
        address: text,
        since: 0,
        lastSeen: 0,
      })),
      more: true,
    }),
  'no-sessions': (url) => noSessionsPage({ homeUrl: url, logoutUrl: url }),
  continue: (url) => continuePage({ url }),
};

for (const [name, page] of Object.entries(pages)) {
  test(`the ${name} page escapes whatever is put into it`, () => {
    const text = renderHtml(page(nasty));
    assert.doesNotMatch(text, /<script|alert\('/);
    assert.match(text, /&quot;&gt;&lt;script&gt;alert\(&#39;x&#39;\)&lt;\/script&gt;&amp;amp;/);
  });

  test(`the ${name} page has a language, a title, one heading, a landmark, and needs nothing from elsewhere`, () => {
    const text = renderHtml(page('/x'));
    assert.match(text, /^<!doctype html>\n<html lang="en">/);
    assert.match(text, /<meta name="viewport" content="width=device-width, initial-scale=1">/);
    const [, title] = /<title>([^<]+)<\/title>/.exec(text) ?? [];
    const headings = [...text.matchAll(/<h1>([^<]+)<\/h1>/g)];
    assert.equal(headings.length, 1);
    assert.equal(headings[0]?.[1], title);
    assert.equal(text.match(/<main>/g)?.length, 1);
    assert.doesNotMatch(text, /<script|\ssrc=|<link|style="|@import|\burl\(|\son[a-z]+=/i);
  });

  test(`the style of the ${name} page is the one that the policy allows`, () => {
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(renderHtml(page('/x'))) ?? [];
    assert.equal(`'sha256-${createHash('sha256').update(style).digest('base64')}'`, styleHash);
  });
}

test('text is escaped in every hole, and markup only comes from the tag', () => {
  const forged = { markup: '<b>', toString: () => '<b>' } as unknown as string;
  assert.equal(
    renderHtml(html`<p title="${'"'}">${'<&>'}${1}${null}${[html`<i>${"'"}</i>`]}</p>`),
    '<p title="&quot;">&lt;&amp;&gt;1<i>&#39;</i></p>',
  );
  assert.doesNotMatch(renderHtml(html`${forged}`), /<b>/);
});

test('every error has an explanation that says nothing of the inside', () => {
  for (const code of Object.keys(errorTable) as ErrorCode[]) {
    const text = explain(code);
    assert.ok(text.length > 10, code);
    assert.notEqual(text, errorTable[code].help, code);
    assert.doesNotMatch(text, /`|undefined/, code);
  }
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const full = hex.length === 4 ? [...hex.slice(1)].map((c) => c + c).join('') : hex.slice(1);
    const [r = 0, g = 0, blue = 0] = [0, 2, 4].map((at) => {
      const value = Number.parseInt(full.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

for (const [index, scheme] of ['light', 'dark'].entries()) {
  test(`every text of the ${scheme} scheme has a contrast of at least 4.5`, () => {
    const color = (name: string) =>
      [...styleSheet.matchAll(new RegExp(`--${name}:(#[0-9a-f]+)`, 'g'))][index]?.[1] as string;
    for (const [ink, ground] of [
      ...[
        ['text', 'card'],
        ['soft', 'card'],
        ['soft', 'back'],
        ['on-accent', 'accent'],
        ['on-accent', 'accent-over'],
      ],
      ...[
        ['calm-ink', 'calm'],
        ['good-ink', 'good'],
        ['warn-ink', 'warn'],
        ['accent', 'card'],
      ],
    ] as const) {
      const ratio = contrast(color(ink as string), color(ground as string));
      assert.ok(ratio >= 4.5, `${ink} on ${ground}: ${ratio.toFixed(2)}`);
    }
  });
}

test('LO-042: the goodbye page posts every field by one line of script that the policy can name, or by its button', () => {
  const text = renderHtml(goodbyePage({ action: nasty, fields: [['id_token_hint', nasty]] }));
  const scripts = [...text.matchAll(/<script>([\s\S]*?)<\/script>/g)];
  assert.equal(scripts.length, 1);
  const hash = createHash('sha256')
    .update(scripts[0]?.[1] ?? '')
    .digest('base64');
  assert.equal(`'sha256-${hash}'`, goodbyeScriptHash);
  assert.doesNotMatch(text, /alert\('/);
  assert.match(text, /<form method="post" action="&quot;&gt;/);
  assert.match(text, /<input type="hidden" name="id_token_hint" value="&quot;&gt;/);
  assert.match(text, /<button class="button" type="submit">Continue<\/button>/);
});

test('LO-030: the page for frames is tiny and the same for everybody', () => {
  assert.ok(renderHtml(framePage()).length < 200);
});

test('the logout page offers everywhere only where that can be done', () => {
  const page = (everywhere: boolean) => renderHtml(logoutPage({ action: '/x', homeUrl: '/', everywhere }));
  assert.match(page(true), /name="everywhere" value="1"/);
  assert.doesNotMatch(page(false), /everywhere/i);
});
