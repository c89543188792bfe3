/** The guide to MCP servers is true: what it says that clients see is what its configuration makes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createChallenges } from '../../src/apis/challenges.ts';
import { createResourceMetadata } from '../../src/apis/resource-metadata.ts';
import { parseConfig } from '../../src/config/load.ts';
import { parseSource } from '../../src/config/source.ts';
import { configOf } from '../support/configs.ts';

const guide = readFileSync(new URL('../../docs/guides/mcp.md', import.meta.url), 'utf8');
const block = (language: string) =>
  new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(guide)?.[1] ?? '';

const source = parseSource(block('yaml'), 'yaml');
assert.ok(source.ok);
const { apis, routes, publicUrl } = configOf(parseConfig(source.data));
const api = apis.mcp;
const [route] = routes;
assert.ok(api !== undefined && route !== undefined);
const metadata = createResourceMetadata(api, {
  publicUrl: new URL(publicUrl).origin,
  issuers: api.issuers.map((issuer) => (typeof issuer === 'string' ? issuer : issuer.issuer)),
  proofAlgorithms: api.dpop.algorithms,
  takesCertificates: false,
});

test('the metadata in the guide are those of its configuration', () => {
  assert.deepEqual(JSON.parse(block('json')), metadata?.document);
});

test('the challenge in the guide is that of its configuration', () => {
  const challenges = createChallenges({
    realm: 'mcp',
    metadataUrl: `${new URL(publicUrl).origin}${metadata?.path}`,
    schemes: ['Bearer'],
    proofAlgorithms: api.dpop.algorithms,
  });
  const demand = { scopes: route.scopes, acrValues: [], maxAge: null };
  const [, line] = challenges.nothing(demand, 'no-token').headers;
  assert.equal(block('http').trim(), `WWW-Authenticate: ${line}`);
});
