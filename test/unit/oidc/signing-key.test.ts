import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calculateJwkThumbprint, exportJWK, jwtVerify } from 'jose';
import { createJwtSigner } from '../../../src/oidc/sign-jwt.ts';
import { readSigningKey, type SigningKey, signingAlgorithms } from '../../../src/oidc/signing-key.ts';
import { type KeyKind, makeClientKey } from '../../support/client-keys.ts';

const kindOf = (algorithm: string): KeyKind => {
  if (algorithm.startsWith('E')) {
    return ({ ES256: 'p256', ES384: 'p384', ES512: 'p521' } as const)[algorithm] ?? 'ed25519';
  }
  return 'rsa';
};
const keys = new Map<KeyKind, ReturnType<typeof makeClientKey>>();
const keyFor = (algorithm: string) => {
  const kind = kindOf(algorithm);
  const key = keys.get(kind) ?? makeClientKey(kind);
  keys.set(kind, key);
  return key;
};

for (const algorithm of signingAlgorithms) {
  test(`what is signed with ${algorithm} verifies elsewhere, and nothing private is told`, async () => {
    const made = keyFor(algorithm);
    const key = readSigningKey(made.pem, algorithm) as SigningKey;
    const token = createJwtSigner(key, { typ: 'JWT', kid: key.kid })({ sub: 'gate' });
    const { payload, protectedHeader } = await jwtVerify(token, made.publicKey, { algorithms: [algorithm] });
    assert.equal(payload.sub, 'gate');
    assert.deepEqual(protectedHeader, { alg: algorithm, typ: 'JWT', kid: key.kid });
    const publicJwk = await exportJWK(made.publicKey);
    assert.deepEqual({ ...key.publicJwk }, publicJwk);
    assert.equal(key.thumbprint, await calculateJwkThumbprint(publicJwk));
    assert.equal(key.kid, key.thumbprint);
  });
}

test('the kid of a JWK is kept', () => {
  const key = readSigningKey(makeClientKey('ed25519').jwk({ kid: 'mine' })) as SigningKey;
  assert.equal(key.kid, 'mine');
  assert.notEqual(key.thumbprint, 'mine');
});
