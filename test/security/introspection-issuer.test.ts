/** Section 2: asking an issuer about an opaque token (RFC 7662, RFC 9701), whatever it answers. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { SallyportError } from '../../src/core/errors.ts';
import { Refusal } from '../../src/oidc/refusal.ts';
import { makeEvilGate } from '../support/evil-login.ts';
import {
  type EvilAnswer,
  type EvilProvider,
  privateJwk,
  publicJwk,
  signedIntrospection,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { makeTokenIssuer, type TestIssuer, verdictOf } from '../support/token-issuer.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());
beforeEach(() => evil.reset());

const token = 'opaque-token-0123456789';
const client = { clientId: 'app', clientSecret: 'evil-client-secret-0123456789' };

/** One question to an issuer that is made for it; neither token nor secret may show anywhere. */
async function ask(config: Readonly<Record<string, unknown>> = {}) {
  const ours: TestIssuer = makeTokenIssuer({ issuer: evil.issuer, ...client, ...config });
  try {
    return { answer: await ours.issuer.introspect(token), events: ours.events };
  } catch (error) {
    const shown = inspect([error, ours.events], { depth: 20, showHidden: true });
    assert.ok(!shown.includes(token) && !shown.includes(client.clientSecret), 'a secret shows');
    if (error instanceof SallyportError)
      return { error: error.code, detail: error.detail, events: ours.events };
    if (error instanceof Refusal) return { refused: error.reason, events: ours.events };
    throw error;
  } finally {
    await ours.issuer.close();
  }
}

const lastForm = () =>
  new URLSearchParams(evil.requests.findLast(({ endpoint }) => endpoint === 'introspection')?.body);

test('the members of an active token come back as they are', async () => {
  const { answer, events } = await ask();
  assert.equal(answer?.sub, 'alice');
  assert.deepEqual(lastForm().get('token'), token);
  assert.equal(lastForm().get('token_type_hint'), 'access_token');
  const called = events
    .filter(([name]) => name === 'provider.called')
    .map(([, { call, outcome }]) => [call, outcome]);
  assert.deepEqual(called, [
    ['discovery', 'ok'],
    ['introspection', 'ok'],
  ]);
});

describe('RS-040, RS-041: not active', () => {
  const answers: readonly (readonly [string, string])[] = [
    ['RS-040: {"active":false}', '{"active":false}'],
    ['RS-041: {}', '{}'],
    ['RS-041: "true"', '{"active":"true"}'],
    ['RS-041: 1', '{"active":1}'],
    ['RS-041: null', '{"active":null}'],
    ['RS-041: a list', '{"active":[true]}'],
    ['RS-041: another case', '{"Active":true}'],
  ];
  for (const [title, body] of answers) {
    test(`${title} is not active`, async () => {
      evil.behaviour = { introspection: { raw: true, body } };
      assert.equal((await ask()).answer, null);
    });
  }
});

describe('RS-042: it cannot tell', () => {
  const answers: readonly (readonly [string, EvilAnswer, string])[] = [
    ['500', { raw: true, status: 500 }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['503 with JSON', { raw: true, status: 503, body: '{"active":false}' }, 'ERR_PROVIDER_UNAVAILABLE'],
    [
      'HTML',
      { raw: true, headers: { 'content-type': 'text/html' }, body: '<p>' },
      'ERR_PROVIDER_UNAVAILABLE',
    ],
    ['HTML that says JSON', { raw: true, body: '<p>' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['a list', { raw: true, body: '[{"active":true}]' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['two verdicts', { raw: true, body: '{"active":false,"active":true}' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['nothing', { raw: true, body: '' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['204', { raw: true, status: 204 }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['400', { raw: true, status: 400, body: '{"error":"invalid_request"}' }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['404', { raw: true, status: 404 }, 'ERR_PROVIDER_UNAVAILABLE'],
    [
      'a redirect',
      { raw: true, status: 302, headers: { location: 'http://127.0.0.1:1/' } },
      'ERR_PROVIDER_UNAVAILABLE',
    ],
    [
      'more than a token can say',
      { raw: true, body: JSON.stringify({ active: true, sub: 'x', note: 'x'.repeat(70_000) }) },
      'ERR_PROVIDER_UNAVAILABLE',
    ],
    ['2 MB', { raw: true, body: Buffer.alloc(2_000_000, ' ') }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['no answer', { raw: true, hang: true }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['an answer without end', { raw: true, drip: 20 }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['401', { raw: true, status: 401, body: '{"error":"invalid_client"}' }, 'ERR_PROVIDER_CLIENT'],
    ['403', { raw: true, status: 403 }, 'ERR_PROVIDER_CLIENT'],
  ];
  for (const [title, introspection, code] of answers) {
    test(`RS-042: ${title} is a failure, and never "not active"`, async () => {
      evil.behaviour = { introspection };
      assert.equal((await ask({ timeout: '300ms' })).error, code);
    });
  }

  test('RS-042: a port where nobody is is a failure', async () => {
    const config = { introspectionEndpoint: 'http://127.0.0.1:1/ask', timeout: '500ms' };
    assert.equal((await ask(config)).error, 'ERR_PROVIDER_UNAVAILABLE');
  });

  test('RS-042: that the issuer refuses the gate itself is told to the operator, once in a minute', async () => {
    const clock = createFakeClock(Date.now());
    const ours = makeTokenIssuer({ issuer: evil.issuer, ...client }, clock);
    evil.behaviour = { introspection: { raw: true, status: 401 } };
    const told = () => ours.events.filter(([name]) => name === 'provider.client-refused');
    for (let i = 0; i < 5; i += 1) await verdictOf(ours.issuer.introspect(token));
    assert.deepEqual(told(), [['provider.client-refused', { provider: 'evil', call: 'introspection' }]]);
    clock.advance(61_000);
    await verdictOf(ours.issuer.introspect(token));
    assert.equal(told().length, 2);
    await ours.issuer.close();
  });

  test('RS-042: a failure is not kept: the next question is asked', async () => {
    const ours = makeTokenIssuer({ issuer: evil.issuer, ...client });
    evil.behaviour = { introspection: { raw: true, status: 500 } };
    assert.equal(await verdictOf(ours.issuer.introspect(token)), 'ERR_PROVIDER_UNAVAILABLE');
    evil.behaviour = {};
    assert.equal((await ours.issuer.introspect(token))?.active, true);
    await ours.issuer.close();
  });

  test('without such an endpoint it says that it cannot introspect, once that is known', async () => {
    evil.behaviour = { metadata: { introspection_endpoint: undefined } };
    const ours = makeTokenIssuer({ issuer: evil.issuer, ...client });
    assert.equal(await verdictOf(ours.issuer.introspect(token)), 'ERR_PROVIDER_METADATA');
    assert.equal(ours.issuer.canIntrospect, false);
    await ours.issuer.close();
  });

  test('without a client id it asks nobody', async () => {
    const ours = makeTokenIssuer({ issuer: evil.issuer });
    assert.equal(ours.issuer.canIntrospect, false);
    assert.equal(await verdictOf(ours.issuer.introspect(token)), 'ERR_PROVIDER_METADATA');
    await ours.issuer.close();
    assert.equal(evil.requests.length, 0);
  });
});

describe('RS-048: signed answers (RFC 9701)', () => {
  const signed = { introspectionResponse: 'jwt' };

  test('RS-048: a good one is believed, and asked for by its type', async () => {
    evil.behaviour = { introspection: signedIntrospection(evil.issuer) };
    assert.equal((await ask(signed)).answer?.sub, 'alice');
    const { headers } = evil.requests.find(({ endpoint }) => endpoint === 'introspection') ?? {};
    assert.equal(headers?.accept, 'application/token-introspection+jwt');
  });

  const now = Math.floor(Date.now() / 1000);
  const bad: readonly (readonly [string, Parameters<typeof signedIntrospection>[1], string])[] = [
    ['typ JWT', { header: { typ: 'JWT' } }, 'introspection-type'],
    ['no typ', { header: { typ: undefined } }, 'introspection-type'],
    ['typ of an access token', { header: { typ: 'at+jwt' } }, 'introspection-type'],
    ['another audience', { claims: { aud: 'other' } }, 'audience-mismatch'],
    ['no audience', { claims: { aud: undefined } }, 'audience-mismatch'],
    ['one audience more', { claims: { aud: ['app', 'other'] } }, 'audience-untrusted'],
    ['another issuer', { claims: { iss: 'https://other.test' } }, 'issuer-mismatch'],
    ['another key', { key: 'attacker' }, 'introspection-signature'],
    ['no algorithm', { header: { alg: 'none' } }, 'introspection-algorithm'],
    ['a symmetric one', { header: { alg: 'HS256' } }, 'introspection-algorithm'],
    ['an unknown key', { header: { kid: 'other' } }, 'key-unknown'],
    ['no time', { claims: { iat: undefined } }, 'introspection-issued-at'],
    ['an old time', { claims: { iat: now - 600 } }, 'introspection-issued-at'],
    ['a time to come', { claims: { iat: now + 600 } }, 'introspection-issued-at'],
    ['no member', { claims: { token_introspection: undefined, active: true } }, 'introspection-member'],
    ['a list as member', { claims: { token_introspection: [{ active: true }] } }, 'introspection-member'],
  ];
  for (const [title, behaviour, reason] of bad) {
    test(`RS-048: one with ${title} is refused`, async () => {
      evil.behaviour = { introspection: signedIntrospection(evil.issuer, behaviour) };
      assert.equal((await ask(signed)).refused, reason);
    });
  }

  test('RS-048: an unsigned answer does not do where signed ones are demanded', async () => {
    assert.equal((await ask(signed)).error, 'ERR_PROVIDER_UNAVAILABLE');
  });

  test('RS-048: nor the other way round', async () => {
    evil.behaviour = { introspection: signedIntrospection(evil.issuer) };
    assert.equal((await ask()).error, 'ERR_PROVIDER_UNAVAILABLE');
  });

  test('RS-041: a signed answer about a token that is not exactly active is not active', async () => {
    for (const active of [false, 'true', 1, undefined]) {
      const claims = { token_introspection: { active } };
      evil.behaviour = { introspection: signedIntrospection(evil.issuer, { claims }) };
      assert.equal((await ask(signed)).answer, null);
    }
  });
});

describe('who asks', () => {
  test('client_secret_basic goes into the header, form-encoded', async () => {
    await ask({ clientSecret: 'a:b c%' });
    const { headers } = evil.requests.find(({ endpoint }) => endpoint === 'introspection') ?? {};
    const basic = Buffer.from(headers?.authorization?.slice(6) ?? '', 'base64').toString();
    assert.equal(basic, 'app:a%3Ab+c%25');
    assert.equal(lastForm().has('client_secret'), false);
  });

  test('client_secret_post goes into the body alone', async () => {
    await ask({ clientAuthentication: 'client_secret_post' });
    assert.equal(lastForm().get('client_secret'), client.clientSecret);
    const { headers } = evil.requests.find(({ endpoint }) => endpoint === 'introspection') ?? {};
    assert.equal(headers?.authorization, undefined);
  });

  test('private_key_jwt signs an assertion for the issuer, a new one for every question', async () => {
    const key = { clientKey: JSON.stringify(privateJwk('ec', { kid: 'ours' })) };
    const config = { clientAuthentication: 'private_key_jwt', clientSecret: undefined, ...key };
    const claimsOf = () => {
      const [, payload = ''] = (lastForm().get('client_assertion') ?? '').split('.');
      return JSON.parse(Buffer.from(payload, 'base64url').toString());
    };
    await ask(config);
    const first = claimsOf();
    await ask(config);
    assert.equal(first.aud, evil.issuer);
    assert.equal(first.sub, 'app');
    assert.notEqual(first.jti, claimsOf().jti);
  });
});

test('RS-047: questions about tokens take at most half of the calls to the issuer', async () => {
  evil.behaviour = { introspection: { raw: true, hang: true } };
  const config = { maxConcurrentCalls: 8, maxWaitingCalls: 20, timeout: '500ms' };
  const ours = makeTokenIssuer({ issuer: evil.issuer, ...client, ...config });
  await verdictOf(ours.issuer.introspect(token));
  evil.peak = 0;
  const all = Array.from({ length: 200 }, (_, index) =>
    verdictOf(ours.issuer.introspect(`${token}-${index}`)),
  );
  assert.deepEqual(new Set(await Promise.all(all)), new Set(['ERR_PROVIDER_UNAVAILABLE']));
  assert.ok(evil.peak <= 4, `${evil.peak} at once`);
  evil.behaviour = {};
  assert.equal((await ours.issuer.introspect(token))?.active, true);
  await ours.issuer.close();
});

test('a provider that people sign in at answers about tokens as well, as the same client', async () => {
  const { provider } = makeEvilGate(evil, { config: { introspectionResponse: 'jwt' } });
  evil.behaviour = {
    introspection: signedIntrospection(evil.issuer, { header: { alg: 'ES256', kid: 'ec' }, key: 'ec' }),
    jwks: [publicJwk('ec', { kid: 'ec' })],
  };
  assert.equal(provider.tokenIssuer.canIntrospect, true);
  assert.equal((await provider.tokenIssuer.introspect(token))?.sub, 'alice');
  assert.equal(evil.hits.metadata, 1);
  await provider.close();
  const stranger = makeEvilGate(evil, { config: { clientSecret: undefined } });
  assert.equal(stranger.provider.tokenIssuer.canIntrospect, false);
  await stranger.provider.close();
});
