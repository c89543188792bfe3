/** The guide to fleets is true: every configuration in it is valid over an otherwise complete one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { parseSource } from '../../src/config/source.ts';
import { configOf, validConfig } from '../support/configs.ts';
import { localhostCertificate } from '../support/localhost-certificate.ts';
import { redisAcl } from '../support/redis-acl.ts';

const guide = readFileSync(new URL('../../docs/guides/fleet.md', import.meta.url), 'utf8');
const blocks = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((block) => block[1] as string);

const env = {
  REDIS_URL: 'rediss://redis.internal:6379',
  KEYS: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
  PASSWORD: 'a password',
  PEM: localhostCertificate,
};

/** Files of the guide are not there: what stands in for them. */
const withoutFiles = (text: string): string =>
  text
    .replace(/\{ file: [^}]*keys \}/g, '{ env: KEYS }')
    .replace(/\{ file: [^}]*password \}/g, '{ env: PASSWORD }')
    .replace(/\{ file: [^}]*\.pem \}/g, '{ env: PEM }');

test('the guide shows workers, each kind of Redis, and cookies', () => {
  for (const word of ['workers:', 'url:', 'sentinel:', 'cluster:', 'store: cookie']) {
    assert.ok(
      blocks.some((block) => block.includes(word)),
      word,
    );
  }
});

for (const [index, block] of blocks.entries()) {
  test(`configuration ${index + 1} of the guide is valid`, () => {
    const source = parseSource(withoutFiles(block), 'yaml');
    assert.ok(source.ok);
    configOf(parseConfig({ ...validConfig(), ...(source.data as object) }, env));
  });
}

test('the rights of the guide are those that the tests of Redis get along with', () => {
  const rights = /^ {2}user (.*)$/m.exec(guide)?.[1]?.split(' ') ?? [];
  assert.deepEqual([...rights].sort(), [...redisAcl('sallyport', '…', 'sallyport:')].sort());
});
