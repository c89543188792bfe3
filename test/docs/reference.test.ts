/** The reference pages are made from the code, and current. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { referencePages } from '../../scripts/reference/pages.ts';
import { configSchema } from '../../src/config/schema.ts';
import { errorTable } from '../../src/core/errors.ts';
import { eventTable } from '../../src/core/event-table.ts';

const pages = referencePages();

for (const [name, text] of Object.entries(pages)) {
  test(`docs/reference/${name} is what \`npm run docs\` writes`, () => {
    assert.equal(readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8'), text);
  });
}

test('every section, error and event has its place in the reference', () => {
  for (const section of Object.keys(configSchema.shape))
    assert.ok(pages['configuration.md']?.includes(`\`${section}`));
  for (const code of Object.keys(errorTable)) assert.ok(pages['errors.md']?.includes(`\`${code}\``));
  for (const name of Object.keys(eventTable)) assert.ok(pages['events.md']?.includes(`\`${name}\``));
});

test('a mapping that may stand in place of a word has its fields in the reference', () => {
  for (const field of [
    'apis.<name>.issuers[].jwksUri',
    'routes[].upstreamToken.assertion.lifetime',
    'session.store.redis.url',
  ]) {
    assert.ok(pages['configuration.md']?.includes(`\n| \`${field}\` |`), field);
  }
});
