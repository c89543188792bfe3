/** Tokens that the gate asks for itself: client credentials, token exchange (RFC 8693) and on-behalf-of. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { SallyportError } from '../../src/core/errors.ts';
import type { TokenTarget } from '../../src/core/route.ts';
import type { OwnGrants, OwnToken } from '../../src/oidc/own-grants.ts';
import { makeClientKey } from '../support/client-keys.ts';
import { type EvilGate, makeEvilGate } from '../support/evil-login.ts';
import {
  type EvilBehaviour,
  type EvilProvider,
  evilSecrets,
  startEvilProvider,
} from '../support/evil-provider.ts';
import { createFakeClock } from '../support/fake-clock.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
beforeEach(() => evil.reset());
after(() => evil.close());

const subjectToken = 'subject-token-0123456789';
const accessToken = evilSecrets.accessToken;
const target: TokenTarget = {
  audience: 'https://orders.test',
  scope: 'orders.read orders.write',
  resource: 'https://orders.test/v1',
};
const nowhere: TokenTarget = { audience: null, scope: null, resource: null };
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const good = { refresh_token: undefined, id_token: undefined, issued_token_type: accessTokenType };

type Ask = (grants: OwnGrants) => Promise<OwnToken>;
const asks: Readonly<Record<'client' | 'exchange' | 'on-behalf-of', Ask>> = {
  client: (grants) => grants.clientToken(target),
  exchange: (grants) => grants.exchange(subjectToken, target),
  'on-behalf-of': (grants) => grants.onBehalfOf(subjectToken, target),
};

async function askFor(
  ask: Ask,
  behaviour: EvilBehaviour,
  options: Parameters<typeof makeEvilGate>[1] = {},
): Promise<OwnToken & { readonly gate: EvilGate }> {
  evil.behaviour = behaviour;
  const gate = makeEvilGate(evil, options);
  try {
    return { ...(await ask(gate.provider.grants)), gate };
  } finally {
    await gate.provider.close();
    const shown = inspect(gate.events, { depth: 9 });
    assert.ok(!shown.includes(subjectToken) && !shown.includes(accessToken));
  }
}

const lastForm = () => Object.fromEntries(new URLSearchParams(evil.requests.at(-1)?.body));

test('client credentials are asked for with everything that the target says', async () => {
  const token = await askFor(asks.client, { tokens: { ...good, scope: 'orders.read' } });
  assert.deepEqual(lastForm(), { grant_type: 'client_credentials', ...target });
  assert.deepEqual([token.accessToken, token.scheme, token.scope], [accessToken, 'Bearer', 'orders.read']);
  const calls = token.gate.events
    .filter(([name]) => name === 'provider.called')
    .map(([, event]) => event.call);
  assert.deepEqual(calls, ['discovery', 'client-credentials']);
  assert.match(String(evil.requests.at(-1)?.headers.authorization), /^Basic /);
});

test('what the target does not say is not sent', async () => {
  await askFor((grants) => grants.clientToken(nowhere), { tokens: good });
  assert.deepEqual(lastForm(), { grant_type: 'client_credentials' });
});

test('RS-070: an exchange asks for an access token for an access token (RFC 8693)', async () => {
  const token = await askFor(asks.exchange, { tokens: good });
  assert.deepEqual(lastForm(), {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken,
    subject_token_type: accessTokenType,
    requested_token_type: accessTokenType,
    ...target,
  });
  assert.equal(token.accessToken, accessToken);
  assert.equal(token.gate.events.at(-1)?.[1].call, 'exchange');
});

test('on-behalf-of asks as Entra wants to be asked, and needs no issued_token_type', async () => {
  const ask: Ask = (grants) =>
    grants.onBehalfOf(subjectToken, { ...nowhere, scope: 'api://orders/.default' });
  const token = await askFor(ask, { tokens: { ...good, issued_token_type: undefined } });
  assert.deepEqual(lastForm(), {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: subjectToken,
    requested_token_use: 'on_behalf_of',
    scope: 'api://orders/.default',
  });
  assert.equal(token.accessToken, accessToken);
});

test('RP-039: without a lifetime the configured one counts, from before the request', async () => {
  const clock = createFakeClock();
  for (const [expires_in, lifetime] of [
    [undefined, 90_000],
    [0, 90_000],
    [-5, 90_000],
    ['soon', 90_000],
    ['120', 120_000],
    [30, 30_000],
    [1e20, 365 * 24 * 3_600_000],
  ] as const) {
    for (const ask of Object.values(asks)) {
      const config = { defaultTokenLifetime: '90s' };
      const token = await askFor(ask, { tokens: { ...good, expires_in } }, { config, clock });
      assert.equal(token.expiresAt, clock.now() + lifetime, `${expires_in}`);
    }
  }
});

test('RS-070: a narrower scope than was asked for is told as it is, and none is told as none', async () => {
  const narrow = await askFor(asks.exchange, { tokens: { ...good, scope: 'orders.read' } });
  assert.equal(narrow.scope, 'orders.read');
  const silent = await askFor(asks.exchange, { tokens: { ...good, scope: undefined } });
  assert.equal(silent.scope, null);
});

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  ({ raw: true, status, headers, body: JSON.stringify(body) }) as const;
const text = (status: number, body: string, contentType = 'text/plain') =>
  ({ raw: true, status, headers: { 'content-type': contentType }, body }) as const;
const refusal = (error: string, status = 400) =>
  json(status, { error, error_description: `${subjectToken} is bad` });

const failures: readonly (readonly [string, EvilBehaviour['tokens'], string, string])[] = [
  ['invalid_grant', refusal('invalid_grant'), 'ERR_UPSTREAM_TOKEN_DENIED', 'invalid-grant'],
  ['invalid_grant with 401', refusal('invalid_grant', 401), 'ERR_UPSTREAM_TOKEN_DENIED', 'invalid-grant'],
  ['invalid_target', refusal('invalid_target'), 'ERR_UPSTREAM_TOKEN_DENIED', 'invalid-target'],
  ['invalid_scope', refusal('invalid_scope'), 'ERR_UPSTREAM_TOKEN_DENIED', 'invalid-scope'],
  ['access_denied', refusal('access_denied', 403), 'ERR_UPSTREAM_TOKEN_DENIED', 'access-denied'],
  [
    'interaction_required',
    refusal('interaction_required'),
    'ERR_UPSTREAM_TOKEN_DENIED',
    'interaction-required',
  ],
  ['invalid_client', refusal('invalid_client', 401), 'ERR_PROVIDER_CLIENT', 'invalid_client'],
  ['unauthorized_client', refusal('unauthorized_client'), 'ERR_PROVIDER_CLIENT', 'unauthorized_client'],
  ['401 without a word', text(401, ''), 'ERR_PROVIDER_CLIENT', 'invalid_client'],
  ['invalid_request', refusal('invalid_request'), 'ERR_UPSTREAM_TOKEN', 'invalid-request'],
  [
    'unsupported_grant_type',
    refusal('unsupported_grant_type'),
    'ERR_UPSTREAM_TOKEN',
    'unsupported-grant-type',
  ],
  ['an error of its own making', refusal('<script>'), 'ERR_UPSTREAM_TOKEN', 'token-endpoint-error'],
  ['server_error', refusal('server_error'), 'ERR_PROVIDER_UNAVAILABLE', 'server_error'],
  ['400 that is no JSON', text(400, 'no'), 'ERR_UPSTREAM_TOKEN', 'response-status'],
  ['404', text(404, '<html>', 'text/html'), 'ERR_UPSTREAM_TOKEN', 'response-status'],
  ['500', text(500, ''), 'ERR_PROVIDER_UNAVAILABLE', 'status-500'],
  ['429', text(429, ''), 'ERR_PROVIDER_UNAVAILABLE', 'status-429'],
  ['a redirect', json(302, {}, { location: '/other' }), 'ERR_UPSTREAM_TOKEN', 'response-redirect'],
  ['201', json(201, {}), 'ERR_UPSTREAM_TOKEN', 'response-status'],
  ['HTML', text(200, '<html>', 'text/html'), 'ERR_UPSTREAM_TOKEN', 'response-not-json'],
  ['truncated JSON', text(200, '{', 'application/json'), 'ERR_UPSTREAM_TOKEN', 'response-json-invalid'],
  ['200 with an error', json(200, { error: 'x' }), 'ERR_UPSTREAM_TOKEN', 'token-response-error'],
  ['no access token', { ...good, access_token: undefined }, 'ERR_UPSTREAM_TOKEN', 'access-token-invalid'],
  [
    'an access token with a line break',
    { ...good, access_token: 'a\r\nx: y' },
    'ERR_UPSTREAM_TOKEN',
    'access-token-invalid',
  ],
  ['token type N_A', { ...good, token_type: 'N_A' }, 'ERR_UPSTREAM_TOKEN', 'token-type'],
  ['no token type', { ...good, token_type: undefined }, 'ERR_UPSTREAM_TOKEN', 'token-type'],
  ['token type DPoP without a key', { ...good, token_type: 'DPoP' }, 'ERR_UPSTREAM_TOKEN', 'token-type'],
  ['a scope that is a list', { ...good, scope: ['a'] }, 'ERR_UPSTREAM_TOKEN', 'scope-invalid'],
  ['a scope with a line break', { ...good, scope: 'a\nb' }, 'ERR_UPSTREAM_TOKEN', 'scope-invalid'],
];

for (const [title, tokens, code, detail] of failures) {
  test(`RS-070: ${title} fails with ${code} and says nothing of any token`, async () => {
    for (const [name, ask] of Object.entries(asks)) {
      const error = await askFor(ask, { tokens: tokens ?? {} }).then(
        () => null,
        (caught: unknown) => caught,
      );
      assert.ok(error instanceof SallyportError, name);
      assert.deepEqual([error.code, error.detail], [code, detail], name);
      const shown = inspect(error, { depth: 9, showHidden: true });
      for (const secret of [subjectToken, accessToken, evilSecrets.clientSecret, 'script']) {
        assert.ok(!shown.includes(secret), `${secret} is in the error`);
      }
    }
    assert.equal(evil.hits.other, 0);
  });
}

const tokenTypes = [
  undefined,
  null,
  'N_A',
  'urn:ietf:params:oauth:token-type:refresh_token',
  'urn:ietf:params:oauth:token-type:id_token',
  'urn:ietf:params:oauth:token-type:saml2',
  [accessTokenType],
];
for (const issued of tokenTypes) {
  test(`RS-070: an exchange that answers issued_token_type ${JSON.stringify(issued)} is not used`, async () => {
    await assert.rejects(askFor(asks.exchange, { tokens: { ...good, issued_token_type: issued } }), {
      code: 'ERR_UPSTREAM_TOKEN',
      detail: 'issued-token-type',
    });
  });
}

test('RS-070: a JWT that stands for an access token is used', async () => {
  const tokens = { ...good, issued_token_type: 'urn:ietf:params:oauth:token-type:jwt' };
  assert.equal((await askFor(asks.exchange, { tokens })).accessToken, accessToken);
});

for (const [name, ask] of Object.entries(asks)) {
  test(`RS-070: a provider that does not answer in time fails ${name} with ERR_PROVIDER_UNAVAILABLE`, async () => {
    await assert.rejects(
      askFor(ask, { tokens: { raw: true, hang: true } }, { config: { timeout: '200ms' } }),
      { code: 'ERR_PROVIDER_UNAVAILABLE', detail: 'timeout' },
    );
  });
}

test('RS-047: tokens for applications take at most half of the calls to the provider, so that people can sign in', async () => {
  evil.behaviour = { tokens: { raw: true, hang: true } };
  const config = { maxConcurrentCalls: 8, maxWaitingCalls: 20, timeout: '500ms' };
  const gate = makeEvilGate(evil, { config });
  evil.peak = 0;
  const codes = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      gate.provider.grants.exchange(`${subjectToken}-${index}`, target).catch((error) => error.code),
    ),
  );
  assert.deepEqual(new Set(codes), new Set(['ERR_PROVIDER_UNAVAILABLE']));
  assert.ok(evil.peak <= 4, `${evil.peak} at once`);
  evil.behaviour = { tokens: good };
  assert.equal((await asks.exchange(gate.provider.grants)).accessToken, accessToken);
  await gate.provider.close();
});

test('Retry-After is obeyed: a crowd of exchanges leaves the provider alone', async () => {
  evil.behaviour = { tokens: { raw: true, status: 503, headers: { 'retry-after': '60' } } };
  const gate = makeEvilGate(evil);
  for (let count = 0; count < 5; count += 1) {
    await assert.rejects(asks.exchange(gate.provider.grants), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  }
  await gate.provider.close();
  assert.equal(evil.hits.token, 1);
});

test('FL-024: too many exchanges hold up exchanges alone', async () => {
  evil.behaviour = { tokens: { raw: true, status: 429, headers: { 'retry-after': '60' } } };
  const gate = makeEvilGate(evil);
  for (let count = 0; count < 3; count += 1) {
    await assert.rejects(asks.exchange(gate.provider.grants), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  }
  assert.equal(evil.hits.token, 1);
  evil.behaviour = { tokens: good };
  assert.equal((await gate.provider.grants.clientToken(target)).accessToken, accessToken);
  await assert.rejects(asks.exchange(gate.provider.grants), { code: 'ERR_PROVIDER_UNAVAILABLE' });
  await gate.provider.close();
});

test('RP-032, RP-040: with a key the tokens are bound to it, or refused', async () => {
  const config = { dpopKey: makeClientKey('p256').pem };
  for (const ask of Object.values(asks)) {
    const token = await askFor(ask, { tokens: { ...good, token_type: 'dPoP' } }, { config });
    assert.equal(token.scheme, 'DPoP');
    assert.notEqual(evil.requests.at(-1)?.headers.dpop, undefined);
    await assert.rejects(askFor(ask, { tokens: good }, { config }), {
      code: 'ERR_UPSTREAM_TOKEN',
      detail: 'token-type',
    });
  }
});
