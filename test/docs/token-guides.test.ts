/** The guides to tokens, TLS and providers are true: every configuration in them is valid, every name in them exists. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { referencePages } from '../../scripts/reference/pages.ts';
import { parseConfig } from '../../src/config/load.ts';
import { parseSource } from '../../src/config/source.ts';
import { eventTable } from '../../src/core/event-table.ts';
import { metricTable } from '../../src/observe/metric-table.ts';
import { makeClientKey } from '../support/client-keys.ts';
import { configOf, validConfig } from '../support/configs.ts';
import { makeTlsFiles, passphrase } from '../support/tls-files.ts';

const tlsFiles = makeTlsFiles();
after(() => tlsFiles[Symbol.dispose]());

const env = {
  CLIENT_SECRET: 'hush-hush-hush-hush',
  KEYS: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
  SECRET: 'x'.repeat(64),
  EC_KEY: makeClientKey('p256').pem,
  CERTIFICATE: tlsFiles.server.certificate,
  CERTIFICATE_KEY: tlsFiles.server.key,
  PFX: tlsFiles.pfx().toString('base64'),
  PASSPHRASE: passphrase,
};

/** What stands in for the files of the guides, by the end of their names. */
const standIns: readonly (readonly [RegExp, keyof typeof env])[] = [
  [/session-keys$/, 'KEYS'],
  [/certificate-key\.pem$|\.key$/, 'CERTIFICATE_KEY'],
  [/certificate\.pem$|\.crt$|ca\.pem$/, 'CERTIFICATE'],
  [/\.pfx$/, 'PFX'],
  [/passphrase$/, 'PASSPHRASE'],
  [/(?:client|dpop)\.pem$|assertion-(?:new|old)$/, 'EC_KEY'],
  [/hmac$|introspection$/, 'SECRET'],
];

const withoutFiles = (text: string): string =>
  text.replace(/\{ file: ([^ }]+) \}/g, (whole, file: string) => {
    const name = standIns.find(([pattern]) => pattern.test(file))?.[1];
    assert.ok(name !== undefined, whole);
    return `{ env: ${name} }`;
  });

/** Around a part of a configuration: the clusters and APIs that the guides speak of. */
function around(part: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const target = { targets: ['http://127.0.0.1:3000'] };
  const names = ['app', 'orders', 'billing', 'reports', 'graph'];
  return {
    ...validConfig(),
    clusters: Object.fromEntries(names.map((name) => [name, target])),
    apis: { orders: { issuers: ['main'], audience: ['https://app.example.com/orders'] } },
    routes: [{ path: '/**', cluster: 'app', access: 'signed-in' }],
    ...part,
  };
}

/** Names of others in the guides: claims, members of metadata, parts of programs. */
const foreign = new Set(['requestedAccessTokenVersion']);

/** As renderers make anchors of headings. */
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');

const known = Object.values(referencePages()).join('\n');

const guides = ['apis', 'upstream-tokens', 'fapi', 'tls'].map((name) => `guides/${name}`);
const setups = ['keycloak', 'entra-id', 'auth0', 'okta'].map((name) => `setup/${name}`);

for (const guide of [...guides, ...setups]) {
  const text = readFileSync(new URL(`../../docs/${guide}.md`, import.meta.url), 'utf8');
  const shown = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  const words = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, word = '']) => word);

  describe(`docs/${guide}.md`, () => {
    for (const [index, block] of shown.entries()) {
      test(`configuration ${index + 1} is valid`, () => {
        const source = parseSource(withoutFiles(block), 'yaml');
        assert.ok(source.ok);
        configOf(parseConfig(around(source.data as Record<string, unknown>), env));
      });
    }

    test('every link into a page leads to a heading', () => {
      for (const [, file = '', anchor = ''] of text.matchAll(/\]\(([\w./-]*)#([^)]+)\)/g)) {
        const page =
          file === ''
            ? text
            : readFileSync(new URL(`../../docs/${guide}/../${file}`, import.meta.url), 'utf8');
        const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slugOf(heading));
        assert.ok(headings.includes(anchor), `${file}#${anchor}`);
      }
    });

    test('every option that it names exists', () => {
      const options = words
        .flatMap(
          (word) => word.match(/(?<![\w./-])[a-z]+(?:\.[a-zA-Z<>]+)*\.?[A-Z][A-Za-z]*(?![\w/-])/g) ?? [],
        )
        .filter((word) => !foreign.has(word));
      for (const option of options) assert.ok(known.includes(option), option);
    });

    test('every error, event and metric that it names exists', () => {
      for (const word of words) {
        if (/^ERR_/.test(word)) assert.ok(known.includes(`\`${word}\``), word);
        if (/^sallyport_/.test(word)) assert.ok(word in metricTable, word);
        if (/^(?:request|token|credential|provider|header)\.[a-z-]+$/.test(word))
          assert.ok(word in eventTable, word);
      }
    });
  });
}
