import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose';
import type { SigningKey } from '../../../src/oidc/signing-key.ts';
import { type AssertionRule, createAssertions } from '../../../src/upstream-tokens/assertion.ts';
import { assertionsSchema } from '../../../src/upstream-tokens/assertion-config.ts';
import { parseAssertionKey } from '../../../src/upstream-tokens/assertion-key.ts';
import {
  generatedAssertionKeyFile,
  loadAssertionKeys,
  publicKeySet,
} from '../../../src/upstream-tokens/assertion-keys.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import {
  createCaller,
  createSession,
  createTokenNode,
  routeWith,
} from '../../support/upstream-token-fixture.ts';

const clock = createFakeClock();

function newPem(curve = 'P-256'): string {
  return generateKeyPairSync('ec', { namedCurve: curve }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

function keyOf(text: string): SigningKey {
  const read = parseAssertionKey(text);
  assert.ok(read.ok);
  return read.value;
}

const keys = [keyOf(newPem()), keyOf(newPem())] as const;
const assertions = createAssertions({ issuer: 'https://app.test', keys, clock, random: randomBytes });

const rule = (parts: Partial<AssertionRule> = {}): AssertionRule => ({
  kind: 'assertion',
  audience: 'orders',
  claims: [],
  header: 'authorization',
  lifetime: 60_000,
  ...parts,
});

function payloadOf(value: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString('utf8'));
}

describe('an assertion', () => {
  test('is a JWT that a foreign library verifies with the published keys', async () => {
    const { value, header, renew, prove } = assertions.sign(rule(), createSession(clock));
    assert.equal(header, 'authorization');
    assert.equal(renew, null);
    assert.equal(prove, null);
    assert.match(value, /^Bearer /);
    const published = JSON.parse(JSON.stringify(publicKeySet(keys)));
    const verified = await jwtVerify(value.slice('Bearer '.length), createLocalJWKSet(published), {
      issuer: 'https://app.test',
      audience: 'orders',
      algorithms: ['ES256'],
      typ: 'JWT',
      currentDate: new Date(clock.now()),
      requiredClaims: ['sub', 'iat', 'exp', 'jti'],
    });
    assert.equal(verified.payload.sub, 'alice');
    assert.equal(verified.protectedHeader.kid, keys[0].kid, 'the first key signs');
    assert.equal(Number(verified.payload.exp) - Number(verified.payload.iat), 60);
  });

  test('goes bare in a header of its own', () => {
    const { value, header } = assertions.sign(rule({ header: 'x-assertion' }), createSession(clock));
    assert.equal(header, 'x-assertion');
    assert.match(value, /^[\w-]+\.[\w-]+\.[\w-]{86}$/);
  });

  test('has another jti with every request', () => {
    const session = createSession(clock);
    const ids = Array.from({ length: 100 }, () => payloadOf(assertions.sign(rule(), session).value).jti);
    assert.equal(new Set(ids).size, 100);
  });

  test('repeats the chosen claims and no others, and none that the gate itself speaks of', () => {
    const reserved = [
      'iss',
      'sub',
      'aud',
      'exp',
      'nbf',
      'iat',
      'jti',
      'idp',
      '_claim_names',
      '_claim_sources',
    ];
    const forged = Object.fromEntries(reserved.map((name) => [name, 'forged']));
    const claims = { ...forged, email: 'a@example.test', groups: ['a', 'b'], phone: '1' };
    const session = createSession(clock, {
      identity: { provider: 'main', issuer: 'https://op.test', subject: 'alice', claims },
    });
    const names = [...reserved, 'email', 'groups', 'absent', 'toString', '__proto__', 'constructor'];
    const payload = payloadOf(assertions.sign(rule({ claims: names }), session).value);
    assert.deepEqual(Object.keys(payload).sort(), [
      'aud',
      'email',
      'exp',
      'groups',
      'iat',
      'idp',
      'iss',
      'jti',
      'sub',
    ]);
    assert.equal(Object.values(payload).includes('forged'), false);
    assert.equal(payload.idp, 'main');
    assert.deepEqual(payload.groups, ['a', 'b']);
  });

  test('names a caller by its subject, and an API key by its name', () => {
    assert.equal(payloadOf(assertions.sign(rule(), createCaller(clock)).value).sub, 'bob');
    const key = createCaller(clock, {
      kind: 'api-key',
      name: 'alice',
      identity: { provider: 'api-keys', issuer: 'api-keys', subject: 'alice', claims: {} },
      token: null,
      scheme: null,
    });
    const payload = payloadOf(assertions.sign(rule(), key).value);
    assert.equal(payload.sub, 'alice');
    assert.equal(payload.idp, 'api-keys', 'no key can pass for the person of the same name');
  });

  test('that would not fit into a header is not sent', () => {
    const claims = { groups: 'x'.repeat(10_000) };
    const identity = { provider: 'main', issuer: 'https://op.test', subject: 'alice', claims };
    assert.throws(() => assertions.sign(rule({ claims: ['groups'] }), createSession(clock, { identity })), {
      code: 'ERR_UPSTREAM_TOKEN',
      detail: 'assertion-too-long',
    });
  });

  test('is made for sessions and callers at once, and for nobody on a public route', () => {
    const { obtain } = createTokenNode({ clock, assertions });
    const route = routeWith(rule());
    for (const who of [createSession(clock), createCaller(clock)]) {
      const token = obtain(route, who);
      assert.ok(!(token instanceof Promise) && token !== null);
    }
    assert.equal(obtain(route, null), null);
  });
});

describe('the keys of assertions', () => {
  test('are read as PEM and as JWK, and are published by their public members alone', async () => {
    const pem = newPem();
    const key = keyOf(pem);
    const jwk = key.key.export({ format: 'jwk' });
    const same = keyOf(JSON.stringify({ ...jwk, kid: 'other', use: 'sig' }));
    const [published, ...more] = publicKeySet([key, same]).keys;
    assert.ok(published !== undefined && more.length === 0);
    assert.deepEqual(Object.keys(published).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    assert.equal(
      published.kid,
      await calculateJwkThumbprint(jwk as Parameters<typeof calculateJwkThumbprint>[0]),
    );
    assert.equal(JSON.stringify(publicKeySet([key])).includes(String(jwk.d)), false);
    const signed = createAssertions({ issuer: 'x', keys: [key], clock, random: randomBytes });
    const [header, payload, signature] = signed
      .sign(rule({ header: 'x' }), createSession(clock))
      .value.split('.');
    const publicKey = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' });
    assert.ok(
      verify(
        'sha256',
        Buffer.from(`${header}.${payload}`),
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature ?? '', 'base64url'),
      ),
    );
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const wrong = [
    ['a public key', createPublicKey(newPem()).export({ type: 'spki', format: 'pem' }) as string],
    ['a key on another curve', newPem('P-384')],
    ['an RSA key', rsa.export({ type: 'pkcs8', format: 'pem' }) as string],
    [
      'an Ed25519 key',
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    ],
    ['a JWK without d', JSON.stringify(keyOf(newPem()).publicJwk)],
    [
      'a JWK for encryption',
      JSON.stringify({ ...keyOf(newPem()).key.export({ format: 'jwk' }), use: 'enc' }),
    ],
    ['a symmetric JWK', '{"kty":"oct","k":"c2VjcmV0"}'],
    ['something else', 'letmein'],
    ['broken JSON', '{"kty":"EC","d":"secret'],
  ] as const;
  for (const [what, text] of wrong) {
    test(`${what} is refused when the configuration is read, without a word of it`, () => {
      const parsed = assertionsSchema.safeParse({ keys: [text] });
      assert.equal(parsed.success, false);
      assert.match(parsed.error?.issues[0]?.message ?? '', /write a private EC key on P-256/);
      assert.equal(parsed.error?.message.includes(text.slice(0, 40)), false);
      assert.deepEqual(parsed.error?.issues[0]?.path, ['keys', 0]);
    });
  }

  test('is made once in the data folder when none is configured, for its user only', (context) => {
    const dataDir = join(temporaryFolder(context), 'data');
    const deps = { dataDir, random: randomBytes, emit() {} };
    const [made] = loadAssertionKeys({ keys: [] }, deps);
    const file = generatedAssertionKeyFile(dataDir);
    assert.equal(file, join(dataDir, 'assertions.key'));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(loadAssertionKeys({ keys: [] }, deps)[0].kid, made.kid);
    assert.deepEqual(readdirSync(dataDir), ['assertions.key']);
  });

  test('in the data folder, open to others, is warned of; a damaged one is not replaced', (context) => {
    const dataDir = temporaryFolder(context);
    const file = generatedAssertionKeyFile(dataDir);
    const warnings: unknown[] = [];
    const deps = {
      dataDir,
      random: randomBytes,
      emit: (_name: unknown, event: unknown) => void warnings.push(event),
    };
    loadAssertionKeys({ keys: [] }, deps);
    chmodSync(file, 0o644);
    loadAssertionKeys({ keys: [] }, deps);
    assert.match(JSON.stringify(warnings), /open to other users \(mode 644\): run chmod 600/);
    writeFileSync(file, 'damaged');
    assert.throws(() => loadAssertionKeys({ keys: [] }, deps), { code: 'ERR_KEYS_UNAVAILABLE' });
    assert.equal(readFileSync(file, 'utf8'), 'damaged');
  });

  test('that cannot be made fails with a message that says what to do', () => {
    const deps = { dataDir: '/dev/null/x', random: randomBytes, emit() {} };
    assert.throws(() => loadAssertionKeys({ keys: [] }, deps), {
      code: 'ERR_KEYS_UNAVAILABLE',
      message: /make (it readable|the folder writable)/,
    });
  });

  test('of the configuration: the first signs, each is published once', () => {
    const [one, two] = [newPem(), newPem()];
    const config = assertionsSchema.parse({ keys: [one, two, one] });
    const loaded = loadAssertionKeys(config, { dataDir: '/nowhere', random: randomBytes, emit() {} });
    assert.equal(loaded[0].kid, keyOf(one).kid);
    assert.deepEqual(
      publicKeySet(loaded).keys.map(({ kid }) => kid),
      [keyOf(one).kid, keyOf(two).kid],
    );
  });

  test('an issuer that is no URL, one with a query, and too many keys are refused', () => {
    assert.equal(assertionsSchema.safeParse({ issuer: 'gate' }).success, false);
    assert.equal(assertionsSchema.safeParse({ issuer: 'https://gate.test/?a' }).success, false);
    assert.equal(assertionsSchema.safeParse({ issuer: 'https://gate.test/a' }).success, true);
    assert.equal(
      assertionsSchema.safeParse({ keys: Array.from({ length: 9 }, () => newPem()) }).success,
      false,
    );
    assert.equal(assertionsSchema.safeParse({ key: newPem() }).success, false);
  });
});
