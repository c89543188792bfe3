/** Section 2 and row DL-027: the DPoP proofs that come with bound tokens (RFC 9449). */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { beforeEach, describe, test } from 'node:test';
import { createDpopCheck, type DpopCheck } from '../../src/apis/dpop-check.ts';
import { dpopSchema } from '../../src/apis/dpop-config.ts';
import type { NonceSeal } from '../../src/apis/dpop-nonce.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { SallyportError } from '../../src/core/errors.ts';
import type { RequestHead } from '../../src/core/request-head.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import type { Store } from '../../src/stores/store.ts';
import { createDpopSender, macWith, type ProofOverrides } from '../support/dpop-sender.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFaultyStore } from '../support/faulty-store.ts';

const publicUrl = new URL('https://gate.test');
const token = 'bound-token';
const url = 'https://gate.test/orders/1';
const sender = createDpopSender();
const request = { method: 'GET', url, token };
const bound = { jkt: sender.jkt, token };

function head(proofs: readonly string[], over: Partial<RequestHead> = {}): RequestHead {
  return {
    id: 'r-1',
    method: 'GET',
    url: { path: '/orders/1', search: '?page=2' },
    host: 'gate.test',
    headers: ['host', 'gate.test', ...proofs.flatMap((proof) => ['dpop', proof])],
    client: { address: '192.0.2.7', scheme: 'https', certificateThumbprint: null },
    upgrade: null,
    ...over,
  };
}

/** A fleet's key ring, as far as nonces need one. */
const ring: NonceSeal = {
  seal: (plaintext) => Buffer.concat([macWith('ring', Buffer.from(plaintext).toString('hex')), plaintext]),
  open(sealed) {
    const plaintext = sealed.subarray(32);
    const expected = macWith('ring', Buffer.from(plaintext).toString('hex'));
    return expected.equals(sealed.subarray(0, 32)) ? plaintext : null;
  },
};

let store: Store;
beforeEach(() => {
  store = createMemoryStore({ clock: systemClock });
});

function makeCheck(
  config: Readonly<Record<string, unknown>> = {},
  deps: { readonly clock?: Clock; readonly store?: Store; readonly anyHost?: boolean } = {},
): DpopCheck {
  const parsed = dpopSchema.parse(config);
  return createDpopCheck(parsed, {
    store: deps.store ?? store,
    clock: deps.clock ?? systemClock,
    publicUrl,
    anyHost: deps.anyHost ?? false,
    sealing: ring,
  });
}

/** `ok`, or the word of the refusal. */
async function verdict(over: ProofOverrides = {}, check = makeCheck()): Promise<string> {
  return (await check(head([sender.prove(request, over)]), bound))?.detail ?? 'ok';
}

describe('good proofs', () => {
  for (const alg of ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA'] as const) {
    test(`one that is signed with ${alg} is accepted`, async () => {
      const other = createDpopSender(alg);
      assert.equal(await makeCheck()(head([other.prove(request)]), { jkt: other.jkt, token }), null);
    });
  }

  test('an RSA key of 4,096 bits fits', async () => {
    const large = createDpopSender('PS256', 4096);
    assert.equal(await makeCheck()(head([large.prove(request)]), { jkt: large.jkt, token }), null);
  });
});

describe('RS-051: proofs that are none', () => {
  const again = createDpopSender();
  const bad: readonly (readonly [string, ProofOverrides, string])[] = [
    ['without a type', { header: { typ: undefined } }, 'dpop-proof-type'],
    ['of type JWT', { header: { typ: 'JWT' } }, 'dpop-proof-type'],
    ['of type at+jwt', { header: { typ: 'at+jwt' } }, 'dpop-proof-type'],
    ['with algorithm none', { header: { alg: 'none' } }, 'dpop-proof-algorithm'],
    [
      'with HS256',
      { header: { alg: 'HS256' }, signature: (input) => macWith('k', input) },
      'dpop-proof-algorithm',
    ],
    ['with an unknown algorithm', { header: { alg: 'ES256K' } }, 'dpop-proof-algorithm'],
    ['with an algorithm that its key cannot do', { header: { alg: 'PS256' } }, 'dpop-proof-jwk'],
    ['with an algorithm of another curve', { header: { alg: 'ES384' } }, 'dpop-proof-jwk'],
    ['with critical extensions', { header: { crit: ['b64'], b64: true } }, 'dpop-proof-crit'],
    ['without a key', { header: { jwk: undefined } }, 'dpop-proof-jwk'],
    ['with a list for a key', { header: { jwk: [sender.publicJwk] } }, 'dpop-proof-jwk'],
    ['with a private key', { header: { jwk: sender.privateJwk } }, 'dpop-proof-jwk'],
    ['with a symmetric key', { header: { jwk: { kty: 'oct', k: 'c2VjcmV0' } } }, 'dpop-proof-jwk'],
    ['with a certificate alone', { header: { jwk: undefined, x5c: ['MIIB'] } }, 'dpop-proof-jwk'],
    ['with the key of somebody else', { header: { jwk: again.publicJwk } }, 'dpop-proof-key'],
    ['signed by somebody else', { signature: () => randomBytes(64) }, 'dpop-proof-signature'],
    [
      'signed in another form (DER)',
      { signature: () => Buffer.from(`3044${'00'.repeat(66)}`, 'hex') },
      'dpop-proof-signature',
    ],
    ['signed with zeros', { signature: () => Buffer.alloc(64) }, 'dpop-proof-signature'],
    ['without a signature', { mangle: (proof) => proof.replace(/[^.]+$/, '') }, 'dpop-proof-malformed'],
    ['with two parts', { mangle: (proof) => proof.replace(/\.[^.]+$/, '') }, 'dpop-proof-malformed'],
    ['with four parts', { mangle: (proof) => `${proof}.AA` }, 'dpop-proof-malformed'],
    ['with padding', { mangle: (proof) => `${proof}=` }, 'dpop-proof-malformed'],
    ['twice in one header', { mangle: (proof) => `${proof}, ${proof}` }, 'dpop-proof-malformed'],
    ['that is empty', { mangle: () => '' }, 'dpop-proof-malformed'],
    ['that is no JSON', { headerText: '{' }, 'dpop-proof-json-invalid'],
    [
      'that names its key twice',
      { headerText: '{"typ":"dpop+jwt","alg":"ES256","jwk":{},"jwk":{}}' },
      'dpop-proof-json-duplicate-member',
    ],
    ['without an id', { claims: { jti: undefined } }, 'dpop-proof-jti'],
    ['with an empty id', { claims: { jti: '' } }, 'dpop-proof-jti'],
    ['with a number for an id', { claims: { jti: 7 } }, 'dpop-proof-jti'],
    ['for another method', { claims: { htm: 'POST' } }, 'dpop-proof-htm'],
    ['for the method in lower case', { claims: { htm: 'get' } }, 'dpop-proof-htm'],
    ['without a method', { claims: { htm: undefined } }, 'dpop-proof-htm'],
    ['without a URL', { claims: { htu: undefined } }, 'dpop-proof-htu'],
    ['for a path alone', { claims: { htu: '/orders/1' } }, 'dpop-proof-htu'],
    ['for another path', { claims: { htu: 'https://gate.test/orders/2' } }, 'dpop-proof-htu'],
    ['for a longer path', { claims: { htu: 'https://gate.test/orders/1/' } }, 'dpop-proof-htu'],
    ['for the path in another case', { claims: { htu: 'https://gate.test/Orders/1' } }, 'dpop-proof-htu'],
    ['for another host', { claims: { htu: 'https://evil.test/orders/1' } }, 'dpop-proof-htu'],
    [
      'for another host that begins alike',
      { claims: { htu: 'https://gate.test.evil.test/orders/1' } },
      'dpop-proof-htu',
    ],
    ['for another port', { claims: { htu: 'https://gate.test:8443/orders/1' } }, 'dpop-proof-htu'],
    ['for http', { claims: { htu: 'http://gate.test/orders/1' } }, 'dpop-proof-htu'],
    ['for a user', { claims: { htu: 'https://gate.test@gate.test/orders/1' } }, 'dpop-proof-htu'],
    ['for a list of URLs', { claims: { htu: [url] } }, 'dpop-proof-htu'],
  ];
  for (const [title, over, detail] of bad) {
    test(`RS-051: one ${title} is refused, and leaves nothing in the store`, async () => {
      const counting = createFaultyStore(store);
      assert.equal(await verdict(over, makeCheck({}, { store: counting })), detail);
      assert.equal(counting.calls.size, 0);
    });
  }

  test('RS-051: none at all, and two, are refused', async () => {
    const proof = () => sender.prove(request);
    assert.equal((await makeCheck()(head([]), bound))?.detail, 'dpop-proof-missing');
    assert.equal((await makeCheck()(head([proof(), proof()]), bound))?.detail, 'dpop-proof-several');
  });

  test('every refusal but for a nonce is `invalid_dpop_proof`, and says nothing else', async () => {
    const refusal = await makeCheck()(head([]), bound);
    assert.deepEqual(refusal, { error: 'invalid_dpop_proof', detail: 'dpop-proof-missing', headers: [] });
  });
});

describe('the URL, in all its spellings', () => {
  const same: readonly (readonly [string, string, string])[] = [
    ['with query and fragment', '/orders/1', 'https://gate.test/orders/1?x=1#y'],
    ['with the default port and capitals', '/orders/1', 'HTTPS://GATE.test:443/orders/1'],
    ['with dot segments', '/orders/1', 'https://gate.test/a/../orders/./1'],
    ['with encoded letters', '/orders/~a', 'https://gate.test/orders/%7ea'],
    ['with lower-case hex', '/caf%C3%A9', 'https://gate.test/caf%c3%a9'],
    ['with brackets', '/a%5B0%5D', 'https://gate.test/a[0]'],
    ['with repeated slashes', '/a/b', 'https://gate.test//a//b'],
    ['without a path', '/', 'https://gate.test'],
  ];
  for (const [title, path, htu] of same) {
    test(`${title} it is the same`, async () => {
      const proof = sender.prove(request, { claims: { htu } });
      assert.equal(await makeCheck()(head([proof], { url: { path, search: '' } }), bound), null);
    });
  }

  test('at another host that is served it is the host that the client named, or the public one', async () => {
    const internal = {
      host: 'gate.internal:8080',
      client: { address: '::1', scheme: 'http', certificateThumbprint: null },
    } as const;
    const at = (htu: string) =>
      makeCheck()(head([sender.prove(request, { claims: { htu } })], internal), bound);
    assert.equal(await at('http://gate.internal:8080/orders/1'), null);
    assert.equal(await at(url), null);
    assert.equal((await at('https://gate.internal:8080/orders/1'))?.detail, 'dpop-proof-htu');
    const open = makeCheck({}, { anyHost: true });
    const sent = sender.prove(request, { claims: { htu: 'http://gate.internal:8080/orders/1' } });
    assert.equal((await open(head([sent], internal), bound))?.detail, 'dpop-proof-htu');
  });
});

describe('RS-053: the token', () => {
  for (const [title, ath] of [
    ['missing', undefined],
    ['that of another token', 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ'],
    ['the token itself', token],
    ['a list', [token]],
  ] as const) {
    test(`RS-053: an \`ath\` that is ${title} is refused`, async () => {
      assert.equal(await verdict({ claims: { ath } }), 'dpop-proof-ath');
    });
  }
});

describe('RS-054: time', () => {
  const now = Math.floor(Date.now() / 1000);
  for (const [iat, detail] of [
    [now - 3600, 'dpop-proof-too-old'],
    [now - 70, 'dpop-proof-too-old'],
    [now + 3600, 'dpop-proof-in-future'],
    [now + 12, 'dpop-proof-in-future'],
    [String(now), 'dpop-proof-issued-at'],
    [undefined, 'dpop-proof-issued-at'],
    [null, 'dpop-proof-issued-at'],
  ] as const) {
    test(`RS-054: an \`iat\` of ${typeof iat === 'number' ? `${iat - now} s` : typeof iat} is refused`, async () => {
      assert.equal(await verdict({ claims: { iat } }), detail);
    });
  }

  test('RS-054: an `iat` of 1e400 is refused', async () => {
    const text = `{"jti":"x","htm":"GET","htu":"${url}","iat":1e400,"ath":"${sender.jkt}"}`;
    const ath = sender.prove(request).split('.')[1] as string;
    const real = JSON.parse(Buffer.from(ath, 'base64url').toString()).ath;
    assert.equal(await verdict({ payloadText: text.replace(sender.jkt, real) }), 'dpop-proof-issued-at');
  });

  test('RS-054: within the window it is accepted, on both sides', async () => {
    for (const iat of [now - 50, now + 3]) assert.equal(await verdict({ claims: { iat } }), 'ok');
  });
});

describe('RS-054: nonces of the gate', () => {
  const clock = createFakeClock(Date.now());
  const nonces = (config = {}) => makeCheck({ nonce: true, ...config }, { clock });

  test('RS-054: without one the answer brings one; with it the proof is accepted', async () => {
    const check = nonces();
    const refusal = await check(head([sender.prove(request)]), bound);
    assert.equal(refusal?.error, 'use_dpop_nonce');
    const [name, nonce, ...rest] = refusal.headers;
    assert.equal(name, 'dpop-nonce');
    assert.deepEqual(rest, []);
    assert.match(nonce ?? '', /^[\x21\x23-\x5b\x5d-\x7e]+$/);
    assert.equal(await verdict({ claims: { nonce } }, check), 'ok');
    // Another process of the fleet has never seen it.
    assert.equal(await verdict({ claims: { nonce } }, nonces()), 'ok');
  });

  test('RS-054: one that is old, from elsewhere, changed, or no string gets another one', async () => {
    const check = nonces({ nonceLifetime: '60s' });
    const nonce = (await check(head([sender.prove(request)]), bound))?.headers[1] ?? '';
    const changed = `${nonce.startsWith('A') ? 'B' : 'A'}${nonce.slice(1)}`;
    for (const wrong of [changed, 'eyJ', '', 'x'.repeat(300), 7, [nonce], null]) {
      assert.equal(await verdict({ claims: { nonce: wrong } }, check), 'dpop-nonce');
    }
    assert.equal(await verdict({ claims: { nonce } }, check), 'ok');
    clock.advance(61_000);
    assert.equal(
      await verdict({ claims: { nonce, iat: Math.floor(clock.now() / 1000) } }, check),
      'dpop-nonce',
    );
  });
});

describe('RS-055: replays', () => {
  test('RS-055: a proof counts once, here and at every other replica', async () => {
    const proof = head([sender.prove(request)]);
    assert.equal(await makeCheck()(proof, bound), null);
    assert.equal((await makeCheck()(proof, bound))?.detail, 'dpop-proof-replayed');
  });

  test('RS-055: of many at once exactly one counts', async () => {
    const shared = createFaultyStore(store);
    shared.hold();
    const proof = head([sender.prove(request)]);
    const checks = [makeCheck({}, { store: shared }), makeCheck({}, { store: shared })];
    const verdicts = await Promise.all(Array.from({ length: 50 }, (_, i) => checks[i % 2]?.(proof, bound)));
    assert.equal(verdicts.filter((one) => one === null).length, 1);
  });

  test('RS-055: the same id under another key is another proof', async () => {
    const other = createDpopSender();
    const over = { claims: { jti: 'same' } };
    assert.equal(await verdict(over), 'ok');
    assert.equal(await makeCheck()(head([other.prove(request, over)]), { jkt: other.jkt, token }), null);
    assert.equal(await verdict(over), 'dpop-proof-replayed');
  });

  test('RS-055: an id is remembered for as long as its proof could be used, and no longer', async () => {
    const clock = createFakeClock(Date.now());
    const own = createMemoryStore({ clock });
    const check = makeCheck({}, { clock, store: own });
    const iat = Math.floor(clock.now() / 1000) + 4;
    const proof = head([sender.prove(request, { claims: { iat } })]);
    assert.equal(await check(proof, bound), null);
    assert.equal(await own.count('p:'), 1);
    for (let second = 0; second < 140; second += 1) {
      assert.notEqual(await check(proof, bound), null, `after ${second} s`);
      clock.advance(1000);
    }
    assert.equal(await own.sweep(100), 1);
    assert.equal(await own.count('p:'), 0);
  });

  test('RS-056: while the store is down no proof is accepted: 503', async () => {
    const down = createFaultyStore(store);
    down.fail('addIfAbsent');
    const asked = async () => makeCheck({}, { store: down })(head([sender.prove(request)]), bound);
    await assert.rejects(
      asked,
      (error) => error instanceof SallyportError && error.code === 'ERR_STORE_UNAVAILABLE',
    );
    down.hold();
    await assert.rejects(asked, (error) => error instanceof SallyportError && error.status === 503);
  });
});

describe('DL-027: keys and proofs to compute at', () => {
  const noise = (bytes: number) => randomBytes(bytes).fill(0xff, 0, 1).toString('base64url');
  const withJwk = (jwk: Readonly<Record<string, unknown>>) => ({ header: { alg: 'RS256', jwk } });
  const bad: readonly (readonly [string, ProofOverrides, string])[] = [
    ['a proof of more than 4 KiB', { claims: { noise: 'x'.repeat(4000) } }, 'dpop-proof-too-large'],
    ['a key of 16,384 bits', withJwk({ kty: 'RSA', e: 'AQAB', n: noise(2048) }), 'dpop-proof-jwk'],
    ['a key of 5,120 bits', withJwk({ kty: 'RSA', e: 'AQAB', n: noise(640) }), 'dpop-proof-jwk'],
    ['a key of 1,024 bits', withJwk({ kty: 'RSA', e: 'AQAB', n: noise(128) }), 'dpop-proof-jwk'],
    ['a huge exponent', withJwk({ kty: 'RSA', e: noise(256), n: noise(256) }), 'dpop-proof-jwk'],
    ['the exponent 1', withJwk({ kty: 'RSA', e: 'AQ', n: noise(256) }), 'dpop-proof-jwk'],
    ['a password', { header: { alg: 'PBES2-HS256+A128KW', p2c: 2_000_000_000 } }, 'dpop-proof-algorithm'],
    ['an unknown curve', { header: { jwk: { kty: 'EC', crv: 'P-1', x: 'AA', y: 'AA' } } }, 'dpop-proof-jwk'],
    ['JSON a thousand levels deep', { payloadText: '['.repeat(1000) }, 'dpop-proof-json-too-deep'],
  ];
  for (const [title, over, detail] of bad) {
    test(`DL-027: ${title} is refused before anything is computed`, async () => {
      assert.equal(await verdict(over), detail);
    });
  }

  test('DL-027: a point off its curve is refused', async () => {
    const jwk: Readonly<Record<string, unknown>> = {
      ...sender.publicJwk,
      y: Buffer.alloc(32, 1).toString('base64url'),
    };
    const proof = sender.prove(request, { header: { jwk } });
    const text = `{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
    const jkt = createHash('sha256').update(text).digest('base64url');
    assert.equal((await makeCheck()(head([proof]), { jkt, token }))?.detail, 'dpop-proof-signature');
  });

  test('DL-027: whoever holds no bound token never makes the gate check a signature', async () => {
    const others = head([createDpopSender().prove(request, { signature: () => randomBytes(64) })]);
    assert.equal((await makeCheck()(others, bound))?.detail, 'dpop-proof-key');
    const wrongToken = { claims: { ath: 'x' }, signature: () => randomBytes(64) };
    assert.equal(await verdict(wrongToken), 'dpop-proof-ath');
  });
});
