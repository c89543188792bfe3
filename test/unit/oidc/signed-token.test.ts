import assert from 'node:assert/strict';
import { createPublicKey, sign } from 'node:crypto';
import { test } from 'node:test';
import { openSignedToken, type SignedTokenRules, type TokenHeader } from '../../../src/oidc/signed-token.ts';
import { verifySignature } from '../../../src/oidc/verify-signature.ts';
import { testKeys } from '../../support/fake-token-issuer.ts';

const publicKey = createPublicKey(testKeys.ec);
const keys = { source: { select: () => [publicKey] }, uri: 'https://login.test/jwks' };

function makeToken(header: object, claims: object = { sub: 'alice' }): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  const key = { key: testKeys.ec, dsaEncoding: 'ieee-p1363' } as const;
  const signature = sign('sha256', Buffer.from(input), key);
  assert.ok(verifySignature('ES256', publicKey, input, signature));
  return `${input}.${signature.toString('base64url')}`;
}

function remembering(): { readonly rules: SignedTokenRules; readonly headers: Map<string, TokenHeader> } {
  const headers = new Map<string, TokenHeader>();
  const rules = { name: 'access-token', algorithms: ['ES256'], types: ['at+jwt'], headers } as const;
  return { rules, headers };
}

test('a header that was found good is remembered, and the signature of the next token is checked all the same', async () => {
  const { rules, headers } = remembering();
  const token = makeToken({ alg: 'ES256', typ: 'at+jwt', kid: 'one' });
  await openSignedToken(token, keys, rules);
  assert.deepEqual([...headers.values()], [{ alg: 'ES256', kid: 'one' }]);
  const [header, , signature] = token.split('.');
  const forged = `${header}.${Buffer.from('{"sub":"mallory"}').toString('base64url')}.${signature}`;
  await assert.rejects(openSignedToken(forged, keys, rules), { reason: 'access-token-signature' });
  const { claims } = await openSignedToken(
    makeToken({ alg: 'ES256', typ: 'at+jwt', kid: 'one' }, { sub: 'bob' }),
    keys,
    rules,
  );
  assert.equal(claims.sub, 'bob');
});

const refused = [
  [{ alg: 'none', typ: 'at+jwt' }, 'access-token-algorithm'],
  [{ alg: 'ES256', typ: 'dpop+jwt' }, 'access-token-type'],
  [{ alg: 'ES256', typ: 'at+jwt', crit: ['exp'] }, 'access-token-crit'],
  [{ alg: 'ES256', typ: 'at+jwt', kid: 7 }, 'key-id'],
] as const;
for (const [header, reason] of refused) {
  test(`a header ${JSON.stringify(header)} is refused each time, and never remembered`, async () => {
    const { rules, headers } = remembering();
    for (let i = 0; i < 2; i += 1) {
      await assert.rejects(openSignedToken(makeToken(header), keys, rules), { reason });
    }
    assert.equal(headers.size, 0);
  });
}
