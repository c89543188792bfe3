/** Catalogue 1A to 1D through the whole gate: whatever a hostile provider answers, a login fails safely (LF). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createEcho, type Echo } from '../support/echo.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  evilSecrets,
  publicJwk,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { waitUntil } from '../support/raw.ts';
import { type Answer, createUserAgent, fetchHeaders, type UserAgent } from '../support/user-agent.ts';

let evil: EvilProvider;
let echo: Echo;
before(async () => {
  evil = await startEvilProvider();
  echo = await createEcho();
});
after(async () => {
  await evil.close();
  await echo.close();
});

async function withGate(provider: object, run: (gate: GateAlone) => Promise<void>): Promise<void> {
  evil.reset();
  echo.reset();
  const gate = await startGateAlone({
    config: {
      providers: {
        evil: {
          issuer: evil.issuer,
          clientId: 'app',
          clientSecret: evilSecrets.clientSecret,
          userinfo: 'never',
          ...provider,
        },
      },
      clusters: { app: { targets: [echo.url] } },
      session: { store: 'memory' },
      log: { level: 'debug' },
      routes: [
        { path: '/**', cluster: 'app', access: 'signed-in', requestHeaders: { 'X-User': '{claims.sub}' } },
      ],
    },
  });
  try {
    await run(gate);
  } finally {
    await gate.close();
  }
}

interface Begun {
  readonly agent: UserAgent;
  readonly state: string;
  readonly nonce: string;
  /** The login cookies as they were when the browser left. */
  readonly cookies: ReadonlyMap<string, string>;
}

/** Goes to the provider; the next ID token is for this login. */
async function begin(gate: GateAlone): Promise<Begun> {
  const agent = createUserAgent();
  const sent = await agent.ask(`${gate.url}/.auth/login?returnTo=/after`);
  assert.equal(sent.status, 303);
  const { searchParams } = new URL(String(sent.headers.location));
  const state = searchParams.get('state') as string;
  const nonce = searchParams.get('nonce') as string;
  evil.nonce = nonce;
  return { agent, state, nonce, cookies: new Map(agent.cookies(gate.url)) };
}

type Parameters = Readonly<Record<string, string | null | readonly string[]>>;

function callbackUrl(gate: GateAlone, { state }: Begun, over: Parameters = {}): URL {
  const url = new URL(`${gate.url}/.auth/callback`);
  const members = { code: evilSecrets.code, state, iss: evil.issuer, ...over };
  for (const [name, value] of Object.entries(members)) {
    for (const one of value === null ? [] : [value].flat()) url.searchParams.append(name, one);
  }
  return url;
}

interface Failing {
  readonly id: string;
  readonly what: string;
  readonly behaviour?: EvilBehaviour | (() => EvilBehaviour);
  /** Over `code`, `state` and `iss` of the answer. */
  readonly answer?: Parameters;
  readonly provider?: object;
  /** 400 when absent. */
  readonly status?: number;
  /** `ERR_LOGIN_FAILED` when absent. */
  readonly code?: string;
  /** Whether the code may be redeemed; it may when absent. */
  readonly redeems?: boolean;
  /** How often userinfo is asked: never when absent. */
  readonly userinfo?: number;
  /** Texts of the request or the token that no page may show. */
  readonly hidden?: readonly string[];
}

const alg = (value: unknown): EvilBehaviour => ({ header: { alg: value }, signature: () => Buffer.alloc(0) });
const text = (body: string, type = 'application/json') => ({
  tokens: { raw: true as const, body, headers: { 'content-type': type } },
});
const now = () => Math.floor(Date.now() / 1000);
const huge = 'x'.repeat(2 * 1024 * 1024);

const failing: readonly Failing[] = [
  {
    id: 'RP-002',
    what: 'another issuer',
    behaviour: { claims: { iss: 'https://other.test' } },
    hidden: ['other.test'],
  },
  { id: 'RP-003', what: 'no subject', behaviour: { claims: { sub: undefined } } },
  {
    id: 'RP-004',
    what: 'another audience',
    behaviour: { claims: { aud: 'other-client' } },
    hidden: ['other-client'],
  },
  { id: 'RP-010', what: 'no signature and alg none', behaviour: alg('none') },
  { id: 'RP-011', what: 'a signature by another key under the right kid', behaviour: { key: 'attacker' } },
  { id: 'RP-012', what: 'a MAC made with the public key', behaviour: { header: { alg: 'HS256' } } },
  {
    id: 'RP-012',
    what: 'an ES256 signature by another key',
    behaviour: {
      jwks: [publicJwk('ec', { kid: 'key-1', use: 'sig', alg: 'ES256' })],
      key: 'ec2',
      header: { alg: 'ES256' },
    },
  },
  { id: 'RP-014', what: 'another nonce', behaviour: { claims: { nonce: 'another-nonce' } } },
  { id: 'RP-014', what: 'no nonce', behaviour: { claims: { nonce: undefined } } },
  {
    id: 'RP-056',
    what: 'an error with markup in its description',
    answer: {
      code: null,
      error: 'access_denied',
      error_description: '<script>alert(1)</script>',
      error_uri: 'javascript:alert(2)',
    },
    status: 403,
    code: 'ERR_LOGIN_DENIED',
    redeems: false,
    hidden: ['alert(1)', 'alert(2)', 'javascript:'],
  },
  { id: 'RP-058', what: 'a code and an error', answer: { error: 'access_denied' }, redeems: false },
  {
    id: 'RP-060',
    what: 'two codes',
    answer: { code: ['first-code', 'second-code'] },
    redeems: false,
    hidden: ['first-code', 'second-code'],
  },
  {
    id: 'RP-060',
    what: 'two issuers',
    answer: { iss: ['https://a.test', 'https://b.test'] },
    redeems: false,
  },
  { id: 'RP-060', what: 'two errors', answer: { code: null, error: ['a', 'b'] }, redeems: false },
  { id: 'RP-037', what: 'no iss although it is announced', answer: { iss: null }, redeems: false },
  { id: 'RP-064', what: 'an iss with a slash more', answer: { iss: 'SLASH' }, redeems: false },
  {
    id: 'RP-065',
    what: 'a wrong iss that was not announced',
    behaviour: { metadata: { authorization_response_iss_parameter_supported: undefined } },
    answer: { iss: 'https://other.test' },
    redeems: false,
  },
  {
    id: 'RP-066',
    what: 'the iss of another provider',
    answer: { iss: 'https://honest.test' },
    redeems: false,
  },
  { id: 'RP-068', what: 'a JARM response', answer: { response: 'eyJhbGciOiJub25lIn0.e30.' }, redeems: false },
  {
    id: 'RP-068',
    what: 'an ID token in the query',
    answer: { id_token: 'eyJhbGciOiJub25lIn0.e30.' },
    redeems: false,
  },
  {
    id: 'RP-068',
    what: 'an access token in the query',
    answer: { access_token: 'planted' },
    redeems: false,
    hidden: ['planted'],
  },
  { id: 'RP-081', what: 'another authorized party', behaviour: { claims: { azp: 'other' } } },
  { id: 'RP-083', what: 'an exp of the past', behaviour: () => ({ claims: { exp: now() - 60 } }) },
  { id: 'RP-083', what: 'no exp', behaviour: { claims: { exp: undefined } } },
  { id: 'RP-083', what: 'an exp that is text', behaviour: { claims: { exp: '9999999999' } } },
  {
    id: 'RP-083',
    what: 'an infinite exp',
    behaviour: () => ({
      payload: JSON.stringify({
        iss: evil.issuer,
        sub: 'alice',
        aud: 'app',
        exp: 9,
        iat: now(),
        nonce: evil.nonce,
      }).replace('"exp":9', '"exp":1e400'),
    }),
  },
  ...['', 12, null, 'x'.repeat(300), 'a\r\nb', 'a\u0000b'].map((sub) => ({
    id: 'RP-087',
    what: `the subject ${JSON.stringify(sub)?.slice(0, 20)}`,
    behaviour: { claims: { sub } },
  })),
  ...['nOnE', '', undefined, ['RS256'], 5].map((value) => ({
    id: 'RP-090',
    what: `the algorithm ${JSON.stringify(value)}`,
    behaviour: alg(value),
  })),
  {
    id: 'RP-092',
    what: 'a key in its own header',
    behaviour: () => ({
      key: 'attacker' as const,
      header: {
        jwk: publicJwk('attacker'),
        jku: `${evil.issuer}/attacker-keys`,
        x5u: `${evil.issuer}/attacker-cert`,
        kid: 'mine',
      },
    }),
  },
  ...['../../etc/passwd', "' OR 1=1", 'k'.repeat(10_000), { a: 1 }, '\u0000', '__proto__'].map((kid) => ({
    id: 'RP-093',
    what: `the kid ${JSON.stringify(kid).slice(0, 24)}`,
    behaviour: { header: { kid } },
    hidden: ['etc/passwd', 'OR 1=1', 'kkkkkkkk'],
  })),
  {
    id: 'RP-099',
    what: 'two audiences by a repeated member',
    behaviour: () => ({
      payload: `{"iss":"${evil.issuer}","sub":"alice","aud":"evil","aud":"app","exp":${now() + 300},"iat":${now()},"nonce":"${evil.nonce}"}`,
    }),
  },
  {
    id: 'RP-101',
    what: 'a payload that is no object',
    behaviour: { payload: '["a"]' },
  },
  { id: 'RP-110', what: 'a token response that is a page', behaviour: text('<html></html>', 'text/html') },
  { id: 'RP-110', what: 'a token response that is a list', behaviour: text('[]') },
  { id: 'RP-110', what: 'a token response that is null', behaviour: text('null') },
  { id: 'RP-110', what: 'a token response that breaks off', behaviour: text('{"access_token":"abc') },
  {
    id: 'RP-110',
    what: 'a token response of 2 MiB',
    behaviour: text(JSON.stringify({ access_token: huge })),
  },
  ...['a\r\nX-Evil: 1', 'a\u0000b', 'token-\u65e5\u672c', 't'.repeat(100_000)].map((token) => ({
    id: 'RP-111',
    what: `the access token ${JSON.stringify(token).slice(0, 20)}`,
    behaviour: { tokens: { access_token: token } },
  })),
  { id: 'RP-112', what: 'another token type', behaviour: { tokens: { token_type: 'mac' } } },
  { id: 'RP-114', what: 'no ID token', behaviour: { tokens: { id_token: undefined } } },
  {
    id: 'RP-117',
    what: 'a redirect at the token endpoint',
    behaviour: () => ({
      tokens: { raw: true, status: 307, headers: { location: `${evil.issuer}/elsewhere` } },
    }),
    status: -1,
  },
  {
    id: 'RP-118',
    what: 'a client that the provider refuses',
    behaviour: { tokens: { raw: true, status: 401, body: '{"error":"invalid_client"}' } },
    status: 503,
    code: 'ERR_PROVIDER_CLIENT',
  },
  {
    id: 'RP-118',
    what: 'a token endpoint that is broken',
    behaviour: { tokens: { raw: true, status: 500, body: '<h1>stack trace</h1>' } },
    status: 503,
    code: 'ERR_PROVIDER_UNAVAILABLE',
    hidden: ['stack trace'],
  },
  ...['["a"]', '"text"', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.'].map((body) => ({
    id: 'RP-127',
    what: `userinfo that answers ${body.slice(0, 8)}`,
    behaviour: { userinfo: { raw: true as const, body } },
    provider: { userinfo: 'always' },
    userinfo: 1,
    status: -1,
  })),
  {
    id: 'RP-127',
    what: 'userinfo about somebody else',
    behaviour: { userinfo: { sub: 'bob' } },
    provider: { userinfo: 'always' },
    userinfo: 1,
  },
  {
    id: 'RP-149',
    what: 'no key that can be used',
    behaviour: { jwks: [{ kty: 'oct', k: 'AAAA', kid: 'key-1' }, publicJwk('small', { kid: 'key-1' })] },
    status: -1,
  },
];

/** Nothing of this may be on a page, in a header that we answer with, or in the log. */
function secretsOf({ state, nonce, cookies }: Begun): readonly string[] {
  const verifiers = evil.requests.flatMap(({ body }) => new URLSearchParams(body).getAll('code_verifier'));
  return [...Object.values(evilSecrets), state, nonce, ...verifiers, ...cookies.values(), 'eyJhbGciOi'];
}

function assertHidden(where: string, shown: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    assert.ok(!shown.includes(secret), `${where} shows ${secret.slice(0, 12)}…`);
  }
}

function assertPage(answer: Answer, row: Failing, secrets: readonly string[]): void {
  if (row.status === -1) assert.ok([400, 503].includes(answer.status), `${answer.status}`);
  else assert.equal(answer.status, row.status ?? 400);
  assert.match(String(answer.headers['content-type']), /^text\/html/);
  assert.equal(answer.headers.location, undefined);
  assert.match(String(answer.headers['cache-control']), /no-store/);
  assertHidden('the page', answer.body + JSON.stringify(answer.headers), [...secrets, ...(row.hidden ?? [])]);
}

/** The transaction is used up: the same answer with the same cookie is not redeemed again. */
async function assertConsumed(gate: GateAlone, begun: Begun, callback: URL): Promise<void> {
  const hits = evil.hits.token;
  const again = createUserAgent();
  for (const [name, value] of begun.cookies) again.setCookie(gate.url, name, value);
  const answer = await again.ask(callback);
  assert.equal(answer.status, 400);
  assert.equal(evil.hits.token, hits);
  assert.equal(again.cookie(gate.url, 'sallyport'), undefined);
}

async function assertFailsSafely(row: Failing): Promise<void> {
  await withGate(row.provider ?? {}, async (gate) => {
    const { behaviour = {} } = row;
    evil.behaviour = {
      ...(typeof behaviour === 'function' ? {} : behaviour),
    };
    const begun = await begin(gate);
    if (typeof behaviour === 'function') evil.behaviour = behaviour();
    const answer = row.answer?.iss === 'SLASH' ? { ...row.answer, iss: `${evil.issuer}/` } : row.answer;
    const callback = callbackUrl(gate, begun, answer);
    const page = await begun.agent.ask(callback);
    const secrets = secretsOf(begun);
    assertPage(page, row, secrets);
    assert.equal(page.setCookies.length, 1, 'the login cookie is cleared and nothing else is set');
    assert.match(page.setCookies[0] as string, /^[^=]+=;.*Max-Age=0/);
    assert.equal(begun.agent.cookies(gate.url).size, 0);
    assert.equal(evil.hits.token, row.redeems === false ? 0 : 1, 'calls to the token endpoint');
    assert.equal(evil.hits.userinfo, row.userinfo ?? 0, 'calls to userinfo');
    assert.equal(evil.hits.other, 0, 'nothing else is fetched');
    assert.equal(echo.requests.length, 0);
    await waitUntil(() => gate.events('request.finished').length === 2);
    const failures = gate.events('login.failed');
    assert.equal(failures.length, 1);
    assert.equal(failures[0]?.audit, true);
    if (row.status !== -1) assert.equal(failures[0]?.code, row.code ?? 'ERR_LOGIN_FAILED');
    assert.match(String(failures[0]?.detail ?? 'none'), /^[a-z0-9_:. -]{1,64}$/i);
    await assertConsumed(gate, begun, callback);
    assert.equal((await begun.agent.ask(`${gate.url}/x`, { headers: fetchHeaders })).status, 401);
    assert.deepEqual(gate.events('request.crashed'), []);
    assertHidden('the log', gate.logged(), [...secrets, ...(row.hidden ?? [])]);
  });
}

describe('a login that fails', { concurrency: false }, () => {
  for (const row of failing) {
    test(`${row.id}: ${row.what} fails the login safely`, () => assertFailsSafely(row));
  }
});

describe('answers and browsers', { concurrency: false }, () => {
  test('RP-001: an honest answer signs in, and the identity is that of the token', async () => {
    await withGate({ userinfo: 'always' }, async (gate) => {
      const begun = await begin(gate);
      const answer = await begun.agent.ask(callbackUrl(gate, begun));
      assert.equal(answer.status, 303);
      assert.equal(answer.headers.location, `${gate.url}/after`);
      await begun.agent.navigate(`${gate.url}/after`);
      assert.deepEqual(echo.requests[0]?.all('x-user'), ['alice']);
    });
  });

  test('RP-051: the state of one browser is nothing in another, and both still serve their own', async () => {
    await withGate({}, async (gate) => {
      const [a, b] = [await begin(gate), await begin(gate)];
      const crossed = await a.agent.ask(callbackUrl(gate, b));
      assert.equal(crossed.status, 400);
      assert.equal(evil.hits.token, 0);
      assert.equal(a.agent.cookie(gate.url, 'sallyport'), undefined);
      for (const begun of [a, b]) {
        evil.nonce = begun.nonce;
        assert.equal((await begun.agent.ask(callbackUrl(gate, begun))).status, 303);
      }
    });
  });

  test('RP-052: a callback that is replayed is not redeemed again, and the session is untouched', async () => {
    await withGate({}, async (gate) => {
      const begun = await begin(gate);
      await begun.agent.ask(callbackUrl(gate, begun));
      const session = begun.agent.cookie(gate.url, 'sallyport');
      for (const [name, value] of begun.cookies) begun.agent.setCookie(gate.url, name, value);
      const replay = await begun.agent.ask(callbackUrl(gate, begun));
      assert.equal(replay.status, 400);
      assert.equal(evil.hits.token, 1);
      assert.equal(begun.agent.cookie(gate.url, 'sallyport'), session);
      assert.equal((await begun.agent.ask(`${gate.url}/x`)).status, 200);
    });
  });

  test('RP-053: of ten callbacks at once exactly one is redeemed', async () => {
    await withGate({}, async (gate) => {
      const begun = await begin(gate);
      const url = callbackUrl(gate, begun);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => {
          const agent = createUserAgent();
          for (const [name, value] of begun.cookies) agent.setCookie(gate.url, name, value);
          return agent.ask(url);
        }),
      );
      assert.equal(evil.hits.token, 1);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [303, ...Array(9).fill(400)]);
    });
  });

  test('RP-057, RP-061: a state that is missing, wrong or enormous says the same, and serves nobody', async () => {
    await withGate({}, async (gate) => {
      const begun = await begin(gate);
      const { state } = begun;
      const wrong = [
        null,
        '',
        `${state} `,
        `${state}\u0000`,
        state.toUpperCase(),
        state.slice(1),
        'x'.repeat(4000),
      ];
      const pages = new Set<string>();
      for (const one of wrong) {
        for (const over of [{ state: one }, { state: one, code: null, error: 'login_required' }]) {
          const answer = await begun.agent.ask(callbackUrl(gate, begun, over));
          assert.equal(answer.status, 400);
          pages.add(/<title>([^<]*)/.exec(answer.body)?.[1] ?? '');
        }
      }
      assert.equal(pages.size, 1);
      assert.equal(evil.hits.token, 0);
      assert.equal(
        (await begun.agent.ask(callbackUrl(gate, begun))).status,
        303,
        'the right one still counts',
      );
    });
  });

  test('RP-063: a prefetch of the callback does not use the answer up', async () => {
    await withGate({}, async (gate) => {
      const begun = await begin(gate);
      const headers = { accept: 'text/html', 'sec-purpose': 'prefetch' };
      const answer = await begun.agent.ask(callbackUrl(gate, begun), { headers });
      assert.ok(answer.status >= 400 || answer.status === 204);
      assert.equal(evil.hits.token, 0);
      assert.equal((await begun.agent.ask(callbackUrl(gate, begun))).status, 303);
    });
  });

  test('RP-100: claims that would change prototypes are claims like any other', async () => {
    await withGate({}, async (gate) => {
      const begun = await begin(gate);
      const claims = {
        iss: evil.issuer,
        sub: 'alice',
        aud: 'app',
        exp: now() + 300,
        iat: now(),
        nonce: begun.nonce,
      };
      evil.behaviour = {
        payload: JSON.stringify(claims).replace('{', '{"__proto__":{"admin":true},"constructor":{"x":1},'),
      };
      const answer = await begun.agent.ask(callbackUrl(gate, begun));
      assert.ok([303, 400].includes(answer.status));
      assert.equal(({} as Record<string, unknown>).admin, undefined);
      assert.deepEqual(gate.events('request.crashed'), []);
    });
  });

  test('RP-141: endpoints that are no web addresses are refused before anybody is sent there', async () => {
    for (const member of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
      for (const value of [
        'file:///etc/passwd',
        'data:text/html,x',
        'gopher://x.test/',
        'https://u:p@x.test/',
      ]) {
        await withGate({}, async (gate) => {
          evil.behaviour = { metadata: { [member]: value } };
          const answer = await createUserAgent().ask(`${gate.url}/.auth/login`);
          assert.equal(answer.status, 503, `${member} ${value}`);
          assert.equal(answer.headers.location, undefined);
          assert.ok(!answer.body.includes(value));
        });
      }
    }
  });

  test('FL-010: a browser that leaves at the callback can sign in again', async () => {
    await withGate({}, async (gate) => {
      const begun = await begin(gate);
      const leaving = new AbortController();
      const gone = begun.agent.ask(callbackUrl(gate, begun), { signal: leaving.signal }).catch(() => null);
      await waitUntil(() => evil.hits.token === 1);
      leaving.abort();
      await gone;
      const next = await begin(gate);
      assert.equal((await next.agent.ask(callbackUrl(gate, next))).status, 303);
      assert.deepEqual(gate.events('request.crashed'), []);
    });
  });
});
