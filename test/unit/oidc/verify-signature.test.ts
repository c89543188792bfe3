import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { CompactSign } from 'jose';
import { verifyMac, verifySignature } from '../../../src/oidc/verify-signature.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: generateKeyPairSync('ed25519'),
  Ed25519: generateKeyPairSync('ed25519'),
} as const;

async function signed(alg: string, key: KeyObject | Uint8Array) {
  const token = await new CompactSign(Buffer.from('{"sub":"alice"}')).setProtectedHeader({ alg }).sign(key);
  const at = token.lastIndexOf('.');
  return { input: token.slice(0, at), signature: Buffer.from(token.slice(at + 1), 'base64url') };
}

for (const [alg, { publicKey, privateKey }] of Object.entries(pairs)) {
  test(`${alg}: what another library signs is good, and nothing else is`, async () => {
    const { input, signature } = await signed(alg, privateKey);
    assert.ok(verifySignature(alg, publicKey, input, signature));
    assert.ok(!verifySignature(alg, publicKey, `${input}A`, signature));
    for (const at of [0, signature.length >> 1, signature.length - 1]) {
      const changed = Buffer.from(signature);
      changed[at] = (changed[at] as number) ^ 1;
      assert.ok(!verifySignature(alg, publicKey, input, changed));
    }
    for (const wrong of [
      signature.subarray(1),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.alloc(0),
    ]) {
      assert.ok(!verifySignature(alg, publicKey, input, wrong));
    }
  });
}

test('RFC 8725: a key is good for its own algorithm alone, and an unknown one for nothing', async () => {
  const { input, signature } = await signed('RS256', rsa.privateKey);
  for (const alg of ['PS256', 'RS384', 'ES256', 'EdDSA', 'none', '', 'HS256', 'RS1']) {
    assert.ok(!verifySignature(alg, rsa.publicKey, input, signature), alg);
  }
  assert.ok(!verifySignature('RS256', createPublicKey(pairs.ES256.privateKey), input, signature));
});

test('PS256 demands a salt as long as the hash (RFC 7518 section 3.5)', async () => {
  const input = 'e30.e30';
  for (const [saltLength, good] of [
    [32, true],
    [0, false],
    [64, false],
  ] as const) {
    const signature = sign('sha256', Buffer.from(input), { key: rsa.privateKey, padding: 6, saltLength });
    assert.equal(verifySignature('PS256', rsa.publicKey, input, signature), good);
  }
});

for (const alg of ['HS256', 'HS384', 'HS512']) {
  test(`${alg}: the code of another library is good with the same secret alone`, async () => {
    const secret = Buffer.alloc(64, 7);
    const { input, signature } = await signed(alg, secret);
    assert.ok(verifyMac(alg, secret, input, signature));
    assert.ok(!verifyMac(alg, Buffer.alloc(64, 8), input, signature));
    assert.ok(!verifyMac(alg, secret, `${input}A`, signature));
    assert.ok(!verifyMac(alg, secret, input, signature.subarray(1)));
    assert.ok(!verifyMac(alg, secret, input, Buffer.alloc(0)));
  });
}
