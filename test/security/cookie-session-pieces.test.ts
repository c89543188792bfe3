/** Sessions in cookies are cut and put together in one way only; whatever is changed in a piece makes no session. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { createKeyRing } from '../../src/keys/create-key-ring.ts';
import { cookieBudget } from '../../src/sessions/cookie-budget.ts';
import { ambiguous, createNumberedCookieReader } from '../../src/sessions/cookie-header.ts';
import { createCutter, createWrite, mostPieces } from '../../src/sessions/in-cookies/pieces.ts';
import {
  decodeSession,
  encodeSession,
  openSession,
  type SealedSession,
  sealedLength,
  sealSession,
} from '../../src/sessions/in-cookies/sealed-session.ts';

const cutter = createCutter({ name: '__Host-sallyport', sameSite: 'lax', secure: true });
const readPieces = createNumberedCookieReader(cutter.prefix, mostPieces);
const keyRing = createKeyRing([randomBytes(32)]);

function sessionOf(accessToken: string): SealedSession {
  return {
    id: randomBytes(32).toString('base64url'),
    turn: 3,
    startedAt: 1,
    issuedAt: 2,
    endsAt: 9,
    record: {
      origin: 'https://app.test',
      provider: 'main',
      issuer: 'https://main.test',
      subject: 'alice',
      claims: { sub: 'alice', groups: ['staff'] },
      tokens: { accessToken, accessTokenExpiresAt: 5, refreshToken: 'r', idToken: 'a.b.c', scope: 'openid' },
      tokensReceivedAt: 4,
      createdAt: 4,
      lastSeenAt: 4,
      sid: 'sid-1',
      address: '',
      userAgent: null,
      fence: 0,
    },
  };
}

function write(session: SealedSession): readonly string[] {
  const encoded = encodeSession(session);
  const count = cutter.countFor(sealedLength(encoded));
  assert.ok(count !== null, 'it fits');
  const cut = { write: createWrite(randomBytes), count };
  return cutter.cut(sealSession(encoded, cut, keyRing), cut).values;
}

/** What a reader makes of these values; null is no session. */
function read(values: readonly string[]): SealedSession | null {
  const joined = cutter.join(values);
  if (joined === null) return null;
  const opened = openSession(joined.content, joined, keyRing);
  return opened.kind === 'opened' ? opened.session : null;
}

/** A token that cannot be compressed: the sealed session has so many bytes more. */
const noise = (bytes: number) => randomBytes(bytes).toString('base64url');

const plain = (session: SealedSession | null) => JSON.parse(JSON.stringify(session)) as unknown;

/** The longest content that still fits into so many pieces. */
function longestFor(count: number): number {
  const fits = (length: number) => (cutter.countFor(length) ?? mostPieces + 1) <= count;
  let length = 1;
  while (fits(length + 1)) length += 1;
  return length;
}

for (const [size, pieces] of [
  [4095, 1],
  [4096, 1],
  [4097, 2],
] as const) {
  test(`SC-030: a session that would be a cookie of ${size} bytes with its attributes makes ${pieces}, none over 4096`, () => {
    const around = cutter.setCookie(0, 'x').length - 1;
    const length = size - around - 14;
    const count = cutter.countFor(length);
    assert.equal(count, pieces);
    const { values } = cutter.cut('x'.repeat(length), { write: 'abcdefghijk', count: pieces });
    const lines = values.map((value, i) => cutter.setCookie(i, value));
    assert.deepEqual(
      lines.map((line) => line.length),
      pieces === 1 ? [size] : [4096, around + 14 + 1],
    );
    assert.equal(cutter.join(values)?.content.length, length);
  });
}

test('SC-032: what the writer may write at most the reader takes, within the budget, and one character more is refused', () => {
  assert.equal(longestFor(mostPieces), cutter.capacity);
  const count = cutter.countFor(cutter.capacity) as number;
  const { values } = cutter.cut('x'.repeat(cutter.capacity), { write: 'abcdefghijk', count });
  assert.equal(cutter.join(values)?.content.length, cutter.capacity);
  const bytes = values.reduce((sum, value) => sum + cutter.prefix.length + 1 + value.length + 3, 0);
  assert.ok(bytes <= cookieBudget.session && bytes > cookieBudget.session - 8, `${bytes} bytes`);
  assert.equal(cutter.countFor(cutter.capacity + 1), null);
  const more = cutter.cut('x'.repeat(cutter.capacity + 1), { write: 'abcdefghijk', count });
  assert.equal(cutter.join(more.values), null);
});

test('SC-034: all own cookies together stay within 8 KiB', () => {
  const { all, session, logins, others } = cookieBudget;
  assert.equal(all, 8192);
  assert.ok(session + logins + others <= all);
});

test('a session of any size up to the limit is read as it was written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3400 }), fc.string(), (length, name) => {
      const session = sessionOf(noise(length) + name);
      const count = cutter.countFor(sealedLength(encodeSession(session)));
      fc.pre(count !== null);
      const values = write(session);
      assert.ok(values.length <= mostPieces);
      assert.deepEqual(plain(read(values)), plain(session));
    }),
    { numRuns: 60 },
  );
});

test('SC-031: a change of any character of any piece makes no session', () => {
  const values = write(sessionOf(noise(3000)));
  assert.equal(values.length, 2);
  assert.ok(read(values) !== null);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/=%" ';
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.constantFrom(...alphabet), (which, where, character) => {
      const piece = which % values.length;
      const value = values[piece] as string;
      const at = where % value.length;
      fc.pre(value[at] !== character);
      const changed = value.slice(0, at) + character + value.slice(at + 1);
      assert.equal(read(values.with(piece, changed)), null);
    }),
    { numRuns: 500 },
  );
});

test('SC-031: the last character of a piece is ours to the last bit', () => {
  for (let size = 0; size < 3; size += 1) {
    const values = write(sessionOf(`x${noise(size)}`));
    const last = values.at(-1) as string;
    for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      if (last.endsWith(character)) continue;
      assert.equal(read([...values.slice(0, -1), last.slice(0, -1) + character]), null);
    }
  }
});

const session = sessionOf(noise(3000));
const [first, second] = write(session) as [string, string];
const [otherFirst, otherSecond] = write(session) as [string, string];
const [small] = write(sessionOf('x')) as [string];
const shifted = [first.slice(0, -1), second.slice(0, 14) + first.at(-1) + second.slice(14)] as const;
const renamed = (value: string, head: string) => head + value.slice(14);

for (const [what, values] of [
  ['the first alone', [first]],
  ['the second alone', [second]],
  ['in the wrong order', [second, first]],
  ['of two writings of one session', [first, otherSecond]],
  ['of two writings, the other way round', [otherFirst, second]],
  ['with a tail of an older and larger session', [small, second]],
  ['with one too many', [first, second, second]],
  ['cut at another place', shifted],
  ['of which one is empty', [first, '']],
  ['of which all are empty', ['', '']],
  ['of which one has no content', [first, second.slice(0, 14)]],
  [
    'under the name of another writing',
    [renamed(first, 'AAAAAAAAAAA.2.'), renamed(second, 'AAAAAAAAAAA.2.')],
  ],
  ['with a count of another length', [renamed(small, `${small.slice(0, 11)}.10.`)]],
  ['with a negative count', [renamed(small, `${small.slice(0, 11)}.-1.`)]],
  ['with a count of a milliard', [renamed(small, `${small.slice(0, 11)}.1e9.`)]],
  ['two made one', [first + second.slice(14)]],
  ['two made one that says so', [renamed(first, `${first.slice(0, 11)}.1.`) + second.slice(14)]],
  ['none', []],
] as const) {
  test(`SC-031: pieces ${what} are no session`, () => {
    assert.ok(read([first, second]) !== null);
    assert.equal(read(values), null);
  });
}

const name = cutter.prefix;
for (const [what, fields, found] of [
  ['nothing of it', ['a=b; __Host-sallyport=x; __Host-sallyport-login-1=y'], null],
  ['one', [`${name}0=a`], ['a']],
  ['three in any order and in two fields', [`${name}2=c; x=y; ${name}0=a`, `${name}1=b`], ['a', 'b', 'c']],
  ['a missing first', [`${name}1=b`], ambiguous],
  ['a gap', [`${name}0=a; ${name}2=c`], ambiguous],
  ['one twice with one value', [`${name}0=a; ${name}0=a`], ambiguous],
  ['one twice with two values', [`${name}0=a`, `${name}0=b`], ambiguous],
  ['one twice in place of one that is missing', [`${name}0=a; ${name}0=b; ${name}2=c`], ambiguous],
  ['a number that is too large', [`${name}0=a; ${name}8=x`], ambiguous],
  ['a number with many digits', [`${name}0=a; ${name}1000000000=x`], ambiguous],
  ['a number with a zero in front', [`${name}00=a`], ambiguous],
  ['a hexadecimal number', [`${name}0=a; ${name}0x1=b`], ambiguous],
  ['an exponent', [`${name}1e9=a`], ambiguous],
  ['a number without a value', [`${name}0`], ambiguous],
  ['a blank behind the number', [`${name}0 =a`], ambiguous],
  ['a negative number', [`${name}-1=x`], null],
  ['an underscore', [`${name}_0x1=x; __Host-sallyport_0=y`], null],
  ['other cases', [`__host-sallyport-0=x; __HOST-SALLYPORT-0=y`], null],
  ['quotes and versions', [`"${name}0"=x; $Version=1`], null],
  ['a name within another cookie', [`x=${name}0=a; y${name}0=b`], null],
] as const) {
  test(`SC-031: of a request with ${what} a reader finds ${found === null ? 'nothing' : String(found)}`, () => {
    const headers = fields.flatMap((field) => ['cookie', field]);
    assert.deepEqual(readPieces(headers), found);
  });
}

test('SC-033: 16 KB of semicolons, equals signs and half names are read in no time', () => {
  for (const garbage of [';', '=', `${name}`, `${name}0`, `;${name}0`, ` ;${name}`]) {
    const headers = ['cookie', garbage.repeat(Math.ceil(16_000 / garbage.length))];
    const began = process.cpuUsage();
    readPieces(headers);
    assert.ok(process.cpuUsage(began).user < 50_000, garbage);
  }
});

test('a login cookie is not read as a session, and a session not as a login', () => {
  const cut = { write: 'abcdefghijk', count: 1 };
  const encoded = encodeSession(sessionOf('x'));
  const login = keyRing
    .seal('login-transaction', encoded, Buffer.from('abcdefghijk.1'))
    .toString('base64url');
  assert.equal(openSession(login, cut, keyRing).kind, 'sealed');
  const sealed = Buffer.from(sealSession(encoded, cut, keyRing), 'base64url');
  assert.equal(keyRing.open('login-transaction', sealed), null);
  assert.equal(keyRing.open('session-cookie', sealed), null);
  assert.equal(openSession(sealed.toString('base64url'), cut, keyRing).kind, 'opened');
});

/** What stays out of the compression is in front, with its length. */
const compress = (plain: Uint8Array, apart = '') => {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(apart.length);
  return Buffer.concat([head, Buffer.from(apart), brotliCompressSync(plain)]);
};
const wrap = (value: unknown, bytes = '', apart = '') => {
  const json = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(json.length);
  return compress(Buffer.concat([head, json, Buffer.from(bytes)]), apart);
};
const { record, ...names } = sessionOf('x');
const { tokens: allTokens, ...members } = record;
const { accessToken: _a, idToken: _i, refreshToken: _r, ...tokens } = allTokens;
const good = { v: 1, names, record: members, tokens, parts: [['id'], ['access'], ['refresh']] };

for (const [what, encoded, expected] of [
  ['of this format', wrap(good), 'opened'],
  ['of a newer format', wrap({ ...good, v: 2 }), 'newer'],
  ['of an older format', wrap({ ...good, v: 0 }), 'malformed'],
  ['without a format', wrap({ ...good, v: undefined }), 'malformed'],
  ['that is no object', wrap([good]), 'malformed'],
  ['that is no JSON', compress(Buffer.from([0, 0, 0, 1, 123])), 'malformed'],
  ['that is not compressed', Buffer.from(JSON.stringify(good)), 'malformed'],
  ['that is empty', Buffer.alloc(0), 'malformed'],
  ['that is cut off', wrap(good).subarray(0, 40), 'malformed'],
  ['that lies about its length', compress(Buffer.from([255, 255, 255, 255, 123])), 'malformed'],
  ['that is a bomb', compress(Buffer.alloc(50_000_000)), 'malformed'],
  ['that is longer than any session', wrap({ ...good, more: ' '.repeat(300_000) }), 'malformed'],
  ['with bytes behind it', wrap(good, 'x'), 'malformed'],
  ["with bytes apart that are nobody's", wrap(good, '', 'x'), 'malformed'],
  ['with a token apart', wrap({ ...good, parts: [['id'], ['access'], -7] }, '', 'refresh'), 'opened'],
  ['with less apart than it says', Buffer.from([1, 0, 120]), 'malformed'],
  ['of one byte', Buffer.from([0]), 'malformed'],
  ['with an id that is none', wrap({ ...good, names: { ...names, id: '../x' } }), 'malformed'],
  ['with a turn that is none', wrap({ ...good, names: { ...names, turn: -1 } }), 'malformed'],
  ['with a time that is a text', wrap({ ...good, names: { ...names, startedAt: '1' } }), 'malformed'],
  ['without an end', wrap({ ...good, names: { ...names, endsAt: null } }), 'malformed'],
  ['with a sign-in that is a text', wrap({ ...good, names: { ...names, issuedAt: '1' } }), 'malformed'],
  ['with claims that are a list', wrap({ ...good, record: { ...members, claims: [] } }), 'malformed'],
  ['without a subject', wrap({ ...good, record: { ...members, subject: '' } }), 'malformed'],
  ['with a scope that is a list', wrap({ ...good, tokens: { ...tokens, scope: [] } }), 'malformed'],
  ['with one token', wrap({ ...good, parts: [['id']] }), 'malformed'],
  ['with tokens of other types', wrap({ ...good, parts: [[null], [{}]] }), 'malformed'],
] as const) {
  test(`SC-016, SC-052, FL-042: what is sealed ${what} is ${expected}, and nothing throws`, () => {
    const decoded = decodeSession(encoded);
    assert.equal(typeof decoded === 'string' ? decoded : 'opened', expected);
  });
}

/** CRIME, BREACH: whoever sees how long cookies are, and chooses a claim, must not learn a token letter by letter. */
for (const [what, refreshToken] of [
  ['base64url', noise(150)],
  ['words with a dot', `v1.${noise(150)}`],
  ['other letters', noise(150).replaceAll('A', '/')],
] as const) {
  test(`the length of a session does not tell whether a claim holds its refresh token, which is ${what}`, () => {
    const session = sessionOf('a.b.c');
    const { record } = session;
    const lengthWith = (nickname: string) => {
      const tokens = { ...record.tokens, refreshToken };
      return encodeSession({ ...session, record: { ...record, claims: { nickname }, tokens } }).length;
    };
    const other =
      what === 'other letters' ? noise(150).replaceAll('A', '/') : noise(refreshToken.length * 0.75);
    const guess = lengthWith(refreshToken.slice(0, 190));
    // Noise differs by some bytes from noise; a claim that were found again would save more than a hundred.
    const difference = Math.abs(guess - lengthWith(other.slice(0, 190)));
    assert.ok(difference < 60, `${difference} bytes`);
  });
}
