/** Signed answers (JARM): what is not signed, or signed by another, for another or for another time, is worth nothing. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { CompactEncrypt } from 'jose';
import { SallyportError } from '../../src/core/errors.ts';
import type { LoginSecrets } from '../../src/oidc/provider.ts';
import { assertNoSecrets, makeEvilGate, makeLoginSecrets } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  evilSecrets,
  firstKey,
  makeIdToken,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { makeSignedAnswer } from '../support/signed-answer.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
beforeEach(() => evil.reset());
after(() => evil.close());

type MakeAnswer = (secrets: LoginSecrets) => Promise<URLSearchParams> | URLSearchParams;

const seconds = () => Math.floor(Date.now() / 1000);

/** One login whose answer is made by the test; the word that refuses it, or the person. */
async function logIn(make: MakeAnswer, config: Readonly<Record<string, unknown>> = {}) {
  const gate = makeEvilGate(evil, { config: { responseMode: 'jwt', ...config } });
  const secrets = makeLoginSecrets();
  evil.nonce = secrets.nonce;
  try {
    return (await gate.provider.redeem(await make(secrets), secrets)).subject;
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    assertNoSecrets([error, gate.events], secrets);
    return `${error.code} ${error.detail}`;
  } finally {
    await gate.provider.close();
  }
}

const signed =
  (behaviour: EvilBehaviour = {}): MakeAnswer =>
  (secrets) =>
    new URLSearchParams({ response: makeSignedAnswer(evil, secrets, behaviour) });

for (const responseMode of ['jwt', 'query.jwt', 'form_post.jwt']) {
  test(`RP-042: a correct signed answer (${responseMode}) signs in with one token request`, async () => {
    assert.equal(await logIn(signed(), { responseMode }), 'alice');
    assert.equal(evil.hits.token, 1);
  });
}

for (const typ of ['JWT', 'oauth-authz-resp+jwt', 'application/oauth-authz-resp+jwt']) {
  test(`a signed answer of type ${typ} is accepted`, async () => {
    assert.equal(await logIn(signed({ header: { typ } })), 'alice');
  });
}

const failing: readonly (readonly [title: string, behaviour: () => EvilBehaviour, detail: string])[] = [
  [
    'RP-042: no signature (alg none)',
    () => ({ header: { alg: 'none' }, signature: () => Buffer.alloc(0) }),
    'jarm-malformed',
  ],
  ['RP-042: alg none with some signature', () => ({ header: { alg: 'none' } }), 'jarm-algorithm'],
  ['RP-042: a signature by another key', () => ({ key: 'attacker' }), 'jarm-signature'],
  ['RP-042: an answer that has expired', () => ({ claims: { exp: seconds() - 300 } }), 'jarm-expired'],
  ['RP-042: no exp', () => ({ claims: { exp: undefined } }), 'jarm-expiry'],
  ['RP-042: no aud', () => ({ claims: { aud: undefined } }), 'audience-mismatch'],
  ['RP-042: the aud of another client', () => ({ claims: { aud: 'other' } }), 'audience-mismatch'],
  ['RP-042: no iss', () => ({ claims: { iss: undefined } }), 'issuer-mismatch'],
  ['RP-042: another iss', () => ({ claims: { iss: 'https://other.test' } }), 'issuer-mismatch'],
  [
    'RP-042: another client beside us in aud',
    () => ({ claims: { aud: ['app', 'b'] } }),
    'audience-untrusted',
  ],
  ['an exp for ever', () => ({ payload: forEver() }), 'jarm-expiry'],
  ['an exp in text', () => ({ claims: { exp: '9999999999' } }), 'jarm-expiry'],
  ['an iat in the future', () => ({ claims: { iat: seconds() + 300 } }), 'clock-skew'],
  ['an nbf in the future', () => ({ claims: { nbf: seconds() + 300 } }), 'clock-skew'],
  ['HMAC with the public key', () => ({ header: { alg: 'HS256' } }), 'jarm-algorithm'],
  ['a critical extension', () => ({ header: { crit: ['x'], x: 1 } }), 'jarm-crit'],
  ['an access token (at+jwt)', () => ({ header: { typ: 'at+jwt' } }), 'jarm-type'],
  ['a logout token', () => ({ header: { typ: 'logout+jwt' } }), 'jarm-type'],
  [
    'the key in its own header',
    () => ({ key: 'attacker', header: { jwk: publicJwk('attacker') } }),
    'jarm-signature',
  ],
  ['an unknown key', () => ({ header: { kid: 'other' } }), 'key-unknown'],
  ['another state', () => ({ claims: { state: makeLoginSecrets().state } }), 'state-mismatch'],
  ['no state', () => ({ claims: { state: undefined } }), 'state-mismatch'],
  ['a state in a list', () => ({ claims: { state: ['x'] } }), 'jarm-member'],
  ['no code', () => ({ claims: { code: undefined } }), 'code-missing'],
  ['a code and an error', () => ({ claims: { error: 'access_denied' } }), 'code-and-error'],
  ['a changed payload', () => ({ mangle: changePayload }), 'jarm-signature'],
  ['a repeated member', () => ({ payload: '{"iss":"a","iss":"b"}' }), 'jarm-json-duplicate-member'],
];

/** JSON knows 1e400, which becomes infinite. */
const forEver = () => `{"iss":"${evil.issuer}","aud":"app","exp":1e400}`;

function changePayload(token: string): string {
  const [header, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, code: 'stolen' })).toString('base64url');
  return `${header}.${changed}.${signature}`;
}

for (const [title, behaviour, detail] of failing) {
  test(`${title} makes a signed answer worthless, and no token is asked for`, async () => {
    assert.equal(await logIn(signed(behaviour())), `ERR_LOGIN_FAILED ${detail}`);
    assert.equal(evil.hits.token, 0);
  });
}

test('RP-042: an ID token of the same provider is no answer', async () => {
  const make: MakeAnswer = ({ nonce }) =>
    new URLSearchParams({ response: makeIdToken(evil.issuer, nonce, {}) });
  assert.equal(await logIn(make), 'ERR_LOGIN_FAILED state-mismatch');
  assert.equal(evil.hits.token, 0);
});

test('RP-042: without keys nothing is believed', async () => {
  evil.behaviour = { jwks: { raw: true, status: 500 } };
  assert.match(await logIn(signed()), /^ERR_PROVIDER_UNAVAILABLE/);
  assert.equal(evil.hits.token, 0);
});

test('RP-042, RP-066: a plain answer is refused where signed ones are expected', async () => {
  const plain: MakeAnswer = ({ state }) =>
    new URLSearchParams({ code: evilSecrets.code, state, iss: evil.issuer });
  assert.equal(await logIn(plain), 'ERR_LOGIN_FAILED unsigned-answer');
  assert.equal(evil.hits.token, 0);
});

for (const [name, value] of [
  ['code', 'other'],
  ['state', 'other'],
  ['iss', 'https://other.test'],
  ['id_token', 'eyJ'],
  ['error', 'access_denied'],
] as const) {
  test(`RP-068: ${name} beside a signed answer is refused`, async () => {
    const make: MakeAnswer = (secrets) =>
      new URLSearchParams({ response: makeSignedAnswer(evil, secrets), [name]: value });
    assert.equal(await logIn(make), 'ERR_LOGIN_FAILED unexpected-parameter');
    assert.equal(evil.hits.token, 0);
  });
}

test('RP-060: two signed answers at once are refused', async () => {
  const make: MakeAnswer = (secrets) => {
    const response = makeSignedAnswer(evil, secrets);
    return new URLSearchParams([
      ['response', response],
      ['response', response],
    ]);
  };
  assert.equal(await logIn(make), 'ERR_LOGIN_FAILED duplicate-parameter');
});

for (const responseMode of ['query', 'form_post']) {
  test(`RP-068: a signed answer is refused where nobody asked for one (${responseMode})`, async () => {
    assert.equal(await logIn(signed(), { responseMode }), 'ERR_LOGIN_FAILED unexpected-parameter');
    assert.equal(evil.hits.token, 0);
  });
}

test('RP-056: a signed denial is told by its code, without its description', async () => {
  const claims = { code: undefined, error: 'access_denied', error_description: '<script>' };
  assert.equal(await logIn(signed({ claims })), 'ERR_LOGIN_DENIED access_denied');
});

test('RP-056: a denial that nobody signed is not believed', async () => {
  const claims = { code: undefined, error: 'access_denied' };
  assert.equal(await logIn(signed({ claims, key: 'attacker' })), 'ERR_LOGIN_FAILED jarm-signature');
});

test('RP-044: the key is found among decoys under its own id', async () => {
  const kid = firstKey.kid;
  evil.behaviour = { jwks: [publicJwk('ec', { kid }), publicJwk('rsa2', { kid, use: 'enc' }), firstKey] };
  assert.equal(await logIn(signed()), 'alice');
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const decryptionKeys = [rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })];
const encrypted =
  (behaviour: EvilBehaviour = {}): MakeAnswer =>
  async (secrets) => {
    const response = await new CompactEncrypt(Buffer.from(makeSignedAnswer(evil, secrets, behaviour)))
      .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT' })
      .encrypt(rsa.publicKey);
    return new URLSearchParams({ response });
  };

test('an encrypted signed answer signs in with the key for it, and is refused without', async () => {
  assert.equal(await logIn(encrypted(), { decryptionKeys }), 'alice');
  assert.equal(await logIn(encrypted()), 'ERR_LOGIN_FAILED jarm-encrypted');
});

test('RP-042: what is inside an encrypted answer has to be signed as well', async () => {
  assert.equal(
    await logIn(encrypted({ key: 'attacker' }), { decryptionKeys }),
    'ERR_LOGIN_FAILED jarm-signature',
  );
  assert.equal(evil.hits.token, 0);
});

test('the state is read from a signed answer only to find the login: whatever else it is, it does not throw', async () => {
  const { provider } = makeEvilGate(evil, { config: { responseMode: 'jwt', decryptionKeys } });
  const secrets = makeLoginSecrets();
  const read = (response: string | null) => provider.readSignedState?.(response ?? '');
  assert.equal(await read(makeSignedAnswer(evil, secrets, { key: 'attacker' })), secrets.state);
  assert.equal(await read((await encrypted()(secrets)).get('response')), secrets.state);
  for (const text of [
    '',
    'x',
    'a.b',
    '..',
    'a.e30.c',
    'a.W10.c',
    'a.%.c',
    'a.b.c.d.e',
    `a.${'b'.repeat(200_000)}.c`,
  ]) {
    assert.equal(await read(text), null, text.slice(0, 20));
  }
  assert.equal(evil.requests.length, 0, 'nothing is asked of the provider');
  await provider.close();
});
