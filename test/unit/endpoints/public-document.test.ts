import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Respond } from '../../../src/core/decision.ts';
import { headerValue } from '../../../src/core/headers.ts';
import { endpointsSchema } from '../../../src/endpoints/endpoints-config.ts';
import { createPublicDocument } from '../../../src/endpoints/public-document.ts';
import { parseAssertionKey } from '../../../src/upstream-tokens/assertion-key.ts';
import { publicKeySet } from '../../../src/upstream-tokens/assertion-keys.ts';
import { createHead } from '../../support/heads.ts';

test('the key set is public: every origin may read it, caches may keep it, and no private member is in it', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const read = parseAssertionKey(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  assert.ok(read.ok);
  const keySet = publicKeySet([read.value]);
  const methods = createPublicDocument(keySet, 'application/jwk-set+json', 300);
  const answer = (await methods.get('GET')?.(createHead(), async () => '')) as Respond;
  assert.equal(answer.status, 200);
  assert.equal(headerValue(answer.headers, 'content-type'), 'application/jwk-set+json');
  assert.equal(headerValue(answer.headers, 'cache-control'), 'public, max-age=300');
  assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), '*');
  assert.deepEqual(answer.setCookies, []);
  assert.deepEqual(JSON.parse(answer.body), keySet);
  assert.equal(answer.body.includes('"d"'), false);
});

test('a page may fetch it with headers of its own', async () => {
  const methods = createPublicDocument({}, 'application/json', 300);
  const answer = (await methods.get('OPTIONS')?.(createHead(), async () => '')) as Respond;
  assert.equal(answer.status, 204);
  assert.equal(headerValue(answer.headers, 'access-control-allow-origin'), '*');
  assert.equal(headerValue(answer.headers, 'access-control-allow-headers'), '*');
});

test('its path is below the prefix unless it is a whole one', () => {
  assert.equal(endpointsSchema.parse({}).paths.jwks, '/.auth/jwks.json');
  assert.equal(endpointsSchema.parse({ paths: { jwks: '/keys' } }).paths.jwks, '/keys');
});
