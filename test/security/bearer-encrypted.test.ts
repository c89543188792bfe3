/** Encrypted access tokens (JWE) and those that are signed by a secret. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { CompactEncrypt } from 'jose';
import { SallyportError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { createTokenDecryption } from '../../src/oidc/token-decryption.ts';
import { assertRefused, callerOf, createApiFixture } from '../support/api-fixture.ts';
import {
  createFakeTokenIssuer,
  type FakeTokenIssuer,
  signAccessToken,
  testKeys,
} from '../support/fake-token-issuer.ts';

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string;
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const encrypt = (token: string, key: KeyObject = ours, alg = 'ECDH-ES') =>
  new CompactEncrypt(Buffer.from(token))
    .setProtectedHeader({ alg, enc: 'A256GCM', cty: 'JWT' })
    .encrypt(createPublicKey(key));

describe('encrypted tokens', () => {
  for (const [alg, key] of [
    ['ECDH-ES', ours],
    ['RSA-OAEP-256', testKeys.rsa],
  ] as const) {
    test(`pass when they are encrypted to our key (${alg}), and are known again`, async () => {
      const fixture = createApiFixture({ decryptionKeys: [pem(key)] });
      const token = await encrypt(await signAccessToken(fixture.claims()), key, alg);
      const caller = callerOf(await fixture.ask(`Bearer ${token}`));
      assert.equal(caller.identity.subject, 'alice');
      assert.equal(caller.token, token);
      assert.equal(callerOf(await fixture.ask(`Bearer ${token}`)), caller);
    });
  }

  test('encryption proves nothing: what is inside is verified', async () => {
    const fixture = createApiFixture({ decryptionKeys: [pem(ours)] });
    const forged = await signAccessToken(fixture.claims(), { key: testKeys.otherEc });
    assertRefused(await fixture.ask(`Bearer ${await encrypt(forged)}`), 'access-token-signature');
    const foreign = await signAccessToken(fixture.claims({ aud: 'other' }));
    assertRefused(await fixture.ask(`Bearer ${await encrypt(foreign)}`), 'audience');
  });

  for (const inside of ['{"sub":"root"}', 'hello', 'a.b.c']) {
    test(`RP-106: with ${inside} inside is refused`, async () => {
      const fixture = createApiFixture({ decryptionKeys: [pem(ours)] });
      assertRefused(await fixture.ask(`Bearer ${await encrypt(inside)}`), 'access-token-decryption');
      assert.equal(fixture.issuers[0]?.asked.open, 0);
    });
  }

  test('RP-106, DL-029: inside another encrypted token is refused', async () => {
    const fixture = createApiFixture({ decryptionKeys: [pem(ours)] });
    const inner = await encrypt(await signAccessToken(fixture.claims()));
    assertRefused(await fixture.ask(`Bearer ${await encrypt(inner)}`), 'access-token-decryption');
  });

  test('to another key are refused', async () => {
    const fixture = createApiFixture({ decryptionKeys: [pem(ours)] });
    const token = await encrypt(await signAccessToken(fixture.claims()), testKeys.otherEc);
    assertRefused(await fixture.ask(`Bearer ${token}`), 'access-token-decryption');
  });

  test('without a key are opaque: refused, or asked about', async () => {
    const plain = createApiFixture();
    const token = await encrypt(await signAccessToken(plain.claims()));
    assertRefused(await plain.ask(`Bearer ${token}`), 'opaque');
    const issuer = createFakeTokenIssuer({ canIntrospect: true });
    const asking = createApiFixture({ introspection: {} }, [issuer]);
    issuer.answerWith(() => ({ active: true, aud: asking.config.audience[0], client_id: 'cli', sub: 'bob' }));
    assert.equal(callerOf(await asking.ask(`Bearer ${token}`)).identity.subject, 'bob');
  });
});

describe('tokens that are encrypted to keys of the issuers', () => {
  const decrypt = createTokenDecryption({ decryptionKeys: [new Secret(pem(ours))] });
  const withOurKey = (issuer: FakeTokenIssuer): FakeTokenIssuer => ({
    ...issuer,
    open: async (token, rules) => issuer.open(await decrypt(token, rules.name), rules),
  });
  const first = { name: 'first', issuer: 'https://first.test' };
  const second = { name: 'second', issuer: 'https://second.test', key: testKeys.otherEc };
  const pair = () =>
    createApiFixture({}, [
      withOurKey(createFakeTokenIssuer(first)),
      withOurKey(createFakeTokenIssuer(second)),
    ]);

  test('RS-028: issuers that share one verify what is inside with their own keys, each in turn', async () => {
    const fixture = pair();
    const inner = await signAccessToken(fixture.claims({ iss: second.issuer }), { key: second.key });
    const { identity } = callerOf(await fixture.ask(`Bearer ${await encrypt(inner)}`));
    assert.deepEqual([identity.provider, identity.issuer], ['second', second.issuer]);
  });

  test('RS-028: what none of them has signed is refused, and told from one that nobody can open', async () => {
    const fixture = pair();
    const forged = await signAccessToken(fixture.claims(), {
      key: testKeys.ed25519,
      header: { alg: 'EdDSA' },
    });
    assertRefused(await fixture.ask(`Bearer ${await encrypt(forged)}`), 'key-unknown');
    const foreign = await encrypt(forged, testKeys.rsa, 'RSA-OAEP-256');
    assertRefused(await fixture.ask(`Bearer ${foreign}`), 'opaque');
  });

  test('an issuer without keys to check with keeps out no token of another', async () => {
    const down = withOurKey(createFakeTokenIssuer(first));
    const failure = new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'no keys', { detail: 'test' });
    const fixture = createApiFixture({}, [
      { ...down, open: () => Promise.reject(failure) },
      withOurKey(createFakeTokenIssuer(second)),
    ]);
    const inner = await signAccessToken(fixture.claims({ iss: second.issuer }), { key: second.key });
    callerOf(await fixture.ask(`Bearer ${await encrypt(inner)}`));
    const theirs = await encrypt(await signAccessToken(fixture.claims()));
    await assert.rejects(fixture.ask(`Bearer ${theirs}`), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  });
});

describe('tokens that are signed by a secret', () => {
  for (const [alg, length] of [
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ] as const) {
    const hmacSecret = 'k'.repeat(length);
    const key = Buffer.from(hmacSecret);

    test(`${alg}: pass when the secret is the one of the API`, async () => {
      const fixture = createApiFixture({ algorithms: [alg], hmacSecret });
      const good = await signAccessToken(fixture.claims(), { key, header: { alg } });
      callerOf(await fixture.ask(`Bearer ${good}`));
      const forged = await signAccessToken(fixture.claims(), { key: Buffer.alloc(64, 1), header: { alg } });
      assertRefused(await fixture.ask(`Bearer ${forged}`), 'access-token-signature');
      const byKey = await signAccessToken(fixture.claims());
      assertRefused(await fixture.ask(`Bearer ${byKey}`), 'access-token-algorithm');
    });

    test(`RS-020: ${alg}: the secret is of no use where the algorithm is not named`, async () => {
      const other = alg === 'HS256' ? 'HS512' : 'HS256';
      const fixture = createApiFixture({ algorithms: [other, 'ES256'], hmacSecret: 'k'.repeat(64) });
      const token = await signAccessToken(fixture.claims(), {
        key: Buffer.from('k'.repeat(64)),
        header: { alg },
      });
      assertRefused(await fixture.ask(`Bearer ${token}`), 'access-token-algorithm');
    });
  }
});
