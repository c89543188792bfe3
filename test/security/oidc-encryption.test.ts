/** Encrypted ID tokens and logout tokens (RP-104, RP-105, LO-021). */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { CompactEncrypt } from 'jose';
import { SallyportError } from '../../src/core/errors.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { loginAtEvil, makeEvilGate } from '../support/evil-login.ts';
import {
  type EvilProvider,
  evilSecrets,
  makeIdToken,
  makeLogoutToken,
  startEvilProvider,
} from '../support/evil-provider.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
beforeEach(() => evil.reset());
after(() => evil.close());

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string;
const jwk = (key: KeyObject, kid: string) => JSON.stringify({ ...key.export({ format: 'jwk' }), kid });
const keys = { decryptionKeys: [pem(rsa.privateKey), jwk(ec.privateKey, 'ec-1')] };

interface Encryption {
  readonly alg?: string;
  readonly enc?: string;
  readonly key?: KeyObject;
  readonly header?: Readonly<Record<string, unknown>>;
}

function encrypt(token: string, { alg = 'RSA-OAEP-256', enc = 'A256GCM', key, header }: Encryption = {}) {
  const fallback = alg.startsWith('RSA') ? rsa.publicKey : ec.publicKey;
  return new CompactEncrypt(Buffer.from(token))
    .setProtectedHeader({ alg, enc, cty: 'JWT', ...header })
    .encrypt(key ?? fallback);
}

async function logOutBy(token: string, config: Readonly<Record<string, unknown>> = keys) {
  const gate = makeEvilGate(evil, { config });
  try {
    return await gate.provider.verifyLogoutToken(token);
  } catch (error) {
    if (error instanceof SallyportError) return error;
    throw error;
  } finally {
    await gate.provider.close();
  }
}

const methods: readonly Encryption[] = [
  { alg: 'RSA-OAEP', enc: 'A128CBC-HS256' },
  { alg: 'RSA-OAEP-256', enc: 'A256GCM' },
  { alg: 'ECDH-ES', enc: 'A256CBC-HS512' },
  { alg: 'ECDH-ES+A128KW', enc: 'A128GCM' },
  { alg: 'ECDH-ES+A256KW', enc: 'A192GCM', header: { kid: 'ec-1' } },
];

for (const method of methods) {
  test(`LO-021: a logout token under ${method.alg} and ${method.enc} is decrypted, then verified`, async () => {
    const good = await logOutBy(await encrypt(makeLogoutToken(evil.issuer), method));
    assert.ok(!(good instanceof SallyportError), String(good));
    assert.equal(good.sid, 'sid-1');
    const forged = await logOutBy(await encrypt(makeLogoutToken(evil.issuer, { key: 'attacker' }), method));
    assert.ok(forged instanceof SallyportError);
    assert.equal(forged.detail, 'logout-token-signature');
  });
}

test('LO-021: with keys, a token that is not encrypted is accepted as well', async () => {
  assert.ok(!((await logOutBy(makeLogoutToken(evil.issuer))) instanceof SallyportError));
});

const refused: readonly (readonly [title: string, make: () => Promise<string>, detail: RegExp])[] = [
  [
    'for the key of somebody else',
    () => encrypt(makeLogoutToken(evil.issuer), { key: stranger.publicKey }),
    /^logout-token-decryption$/,
  ],
  [
    'under a key id that is not ours',
    () => encrypt(makeLogoutToken(evil.issuer), { alg: 'ECDH-ES', header: { kid: 'other' } }),
    /^logout-token-decryption$/,
  ],
  [
    'that was changed on the way',
    async () => (await encrypt(makeLogoutToken(evil.issuer))).replace(/.{4}$/, 'AAAA'),
    /^logout-token-decryption$/,
  ],
  [
    'around another encrypted one (RP-106, DL-029)',
    async () => encrypt(await encrypt('x')),
    /^logout-token-encrypted$/,
  ],
  [
    'around something that is not signed (RP-106)',
    () => encrypt('{"sub":"alice"}'),
    /^logout-token-malformed$/,
  ],
  [
    'that is far too long',
    () => encrypt(makeLogoutToken(evil.issuer, { claims: { x: 'x'.repeat(100_000) } })),
    /^logout-token-too-large$/,
  ],
];
for (const [title, make, detail] of refused) {
  test(`LO-021: an encrypted token ${title} is refused`, async () => {
    const result = await logOutBy(await make());
    assert.ok(result instanceof SallyportError);
    assert.equal(result.code, 'ERR_LOGOUT_TOKEN');
    assert.match(result.detail ?? '', detail);
  });
}

const headers: readonly (readonly [title: string, header: Readonly<Record<string, unknown>>])[] = [
  ['RSA1_5', { alg: 'RSA1_5' }],
  ['a shared key', { alg: 'dir' }],
  ['a password (DL-029)', { alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31, p2s: 'x' }],
  ['an algorithm that does not exist', { alg: 'NONE' }],
  ['a content encryption that does not exist', { enc: 'A256CTR' }],
  ['compression (DL-029)', { zip: 'DEF' }],
  ['a critical extension', { crit: ['x'] }],
];
for (const [title, header] of headers) {
  test(`LO-021: an encrypted token with ${title} is refused before any key is tried`, async () => {
    const text = JSON.stringify({ alg: 'RSA-OAEP', enc: 'A256GCM', ...header });
    const result = await logOutBy(`${Buffer.from(text).toString('base64url')}.AAAA.AAAA.AAAA.AAAA`);
    assert.ok(result instanceof SallyportError);
    assert.match(result.detail ?? '', /^logout-token-(?:encryption-algorithm|crit)$/);
  });
}

test('RP-104: without keys an encrypted token is refused by name', async () => {
  const result = await logOutBy(await encrypt(makeLogoutToken(evil.issuer)), {});
  assert.ok(result instanceof SallyportError);
  assert.equal(result.detail, 'logout-token-encrypted');
});

/** A hostile provider that encrypts every ID token, of logins and of renewals. */
async function encryptedLogin(config: Readonly<Record<string, unknown>>) {
  const gate = makeEvilGate(evil, { config });
  const secrets = { state: 's'.repeat(43), nonce: 'n'.repeat(43), codeVerifier: 'v'.repeat(43) };
  const idToken = makeIdToken(evil.issuer, secrets.nonce, {});
  evil.behaviour = { tokens: { id_token: await encrypt(idToken) } };
  const answer = new URLSearchParams({ code: evilSecrets.code, state: secrets.state, iss: evil.issuer });
  return { gate, idToken, signIn: () => gate.provider.redeem(answer, secrets) };
}

test('RP-105: an encrypted ID token signs in and renews; the signed one inside is what is kept', async () => {
  const { gate, idToken, signIn } = await encryptedLogin(keys);
  const person = await signIn();
  assert.equal(person.subject, 'alice');
  assert.equal(person.tokens.idToken, idToken);
  const renewed = await gate.provider.refresh('alice', person.claims, person.tokens);
  assert.ok(renewed.kind === 'refreshed');
  assert.equal(renewed.tokens.idToken, idToken);
  await gate.provider.close();
});

test('RP-105: without keys, or with others, it signs nobody in', async () => {
  for (const [config, detail] of [
    [{}, 'id-token-encrypted'],
    [{ decryptionKeys: [pem(stranger.privateKey)] }, 'id-token-decryption'],
  ] as const) {
    const { gate, signIn } = await encryptedLogin(config);
    await assert.rejects(signIn(), { code: 'ERR_LOGIN_FAILED', detail });
    await gate.provider.close();
  }
});

test('RP-105: what is inside is verified like any ID token', async () => {
  const token = await encrypt(makeIdToken(evil.issuer, 'other nonce', {}));
  const { error } = await loginAtEvil(evil, { behaviour: { tokens: { id_token: token } }, config: keys });
  assert.equal(error?.detail, 'nonce-mismatch');
});

const badKeys: readonly (readonly [title: string, key: string, message: RegExp])[] = [
  [
    'a public key',
    createPublicKey(rsa.privateKey).export({ type: 'spki', format: 'pem' }) as string,
    /not a private/,
  ],
  ['a short RSA key', pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), /fewer than 2048/],
  ['a key for signatures alone', pem(generateKeyPairSync('ed25519').privateKey), /neither an RSA key/],
  ['a symmetric key', '{"kty":"oct","k":"AAAA"}', /not a private/],
  ['text', 'secret', /not a private/],
];
for (const [title, key, message] of badKeys) {
  test(`the configuration refuses ${title} as a decryption key, without quoting it`, () => {
    const result = providerSchema.safeParse({ issuer: evil.issuer, clientId: 'app', decryptionKeys: [key] });
    assert.ok(!result.success);
    const [issue] = result.error.issues;
    assert.deepEqual(issue?.path, ['decryptionKeys', 0]);
    assert.match(issue?.message ?? '', message);
    assert.ok(!(issue?.message ?? '').includes(key));
  });
}
