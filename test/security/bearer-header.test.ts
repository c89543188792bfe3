/** Section 2: what `Authorization` may look like, and what a client is told when it does not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askedOf, callerOf, createApiFixture, headWith, refusalOf } from '../support/api-fixture.ts';
import { signAccessToken } from '../support/fake-token-issuer.ts';
import { createHead } from '../support/heads.ts';

const noDemand = { scopes: [], acrValues: [], maxAge: null };

describe('without a token', () => {
  test('RS-001: nothing in Authorization is none of it, and the challenge names no error', async () => {
    const { api, issuers } = createApiFixture();
    assert.deepEqual(await api.authenticate(createHead()), { kind: 'none' });
    const refusal = api.challenge(noDemand);
    assert.equal(refusal.status, 401);
    assert.equal(refusal.error, null);
    assert.deepEqual(refusal.headers, ['www-authenticate', 'Bearer realm="main"']);
    assert.equal(askedOf({ issuers } as never), 0);
  });

  test('RS-001: the challenge links the metadata and names the scopes to ask for', () => {
    const { api } = createApiFixture({ audience: ['https://app.test/mcp'] });
    assert.deepEqual(api.challenge({ ...noDemand, scopes: ['a', 'b'] }).headers, [
      'www-authenticate',
      'Bearer realm="main", scope="a b", resource_metadata="https://app.test/.well-known/oauth-protected-resource/mcp"',
    ]);
  });

  for (const value of [
    'Basic dTpw',
    'Negotiate YII=',
    'AWS4-HMAC-SHA256 Credential=x',
    'Bearerx y',
    'x',
    '',
  ]) {
    test(`RS-005: another scheme is no token: 401 without an error (${JSON.stringify(value)})`, async () => {
      const fixture = createApiFixture();
      const refusal = refusalOf(await fixture.ask(value));
      assert.deepEqual([refusal.status, refusal.error, refusal.detail], [401, null, 'scheme']);
      assert.deepEqual(refusal.headers, ['www-authenticate', 'Bearer realm="main"']);
      assert.equal(askedOf(fixture), 0);
    });
  }

  test('RS-006: a token in the query is not looked at', async () => {
    const fixture = createApiFixture();
    const token = await signAccessToken(fixture.claims());
    const head = createHead({ target: `/orders?access_token=${token}` });
    assert.deepEqual(await fixture.api.authenticate(head), { kind: 'none' });
    assert.equal(askedOf(fixture), 0);
  });
});

const malformed: readonly (readonly [form: string, detail: string])[] = [
  ['Bearer', 'no-token'],
  ['Bearer ', 'no-token'],
  ['bearer', 'no-token'],
  ['DPoP', 'no-token'],
  ['DPoP ', 'no-token'],
  ['Bearer\ttok', 'separator'],
  ['Bearer  tok', 'separator'],
  ['Bearer \ttok', 'separator'],
  ['Bearer a b', 'token-parts'],
  ['Bearer a\tb', 'token-parts'],
  ['Bearer tok ', 'token-parts'],
  ['Bearer tok, Bearer tok', 'token-parts'],
];

describe('malformed', () => {
  for (const [form, detail] of malformed) {
    test(`RS-002: ${JSON.stringify(form)} is an invalid request, every time`, async () => {
      const fixture = createApiFixture();
      for (const _ of [1, 2]) {
        const refusal = refusalOf(await fixture.ask(form));
        assert.deepEqual([refusal.status, refusal.error, refusal.detail], [400, 'invalid_request', detail]);
      }
      assert.equal(askedOf(fixture), 0);
    });
  }

  test('RS-002: two Authorization headers are an invalid request, also when both are good', async () => {
    const fixture = createApiFixture();
    const value = `Bearer ${await signAccessToken(fixture.claims())}`;
    const head = { ...createHead(), headers: ['authorization', value, 'authorization', value] };
    const refusal = refusalOf(await fixture.api.authenticate(head));
    assert.deepEqual(
      [refusal.status, refusal.error, refusal.detail],
      [400, 'invalid_request', 'several-headers'],
    );
    assert.equal(askedOf(fixture), 0);
  });

  test('a header whose value is `authorization` is none', async () => {
    const head = { ...createHead(), headers: ['x-name', 'authorization', 'x-other', 'Bearer tok'] };
    assert.deepEqual(await createApiFixture().api.authenticate(head), { kind: 'none' });
  });

  for (const bad of ['to\u0000k', 'to%00k', 'to\u00e9k', 'to\u{1f511}k', 'tok"', 'a,b', '=', 'a=b', 'a\\b']) {
    test(`RS-031: ${JSON.stringify(bad)} is no token`, async () => {
      const fixture = createApiFixture({ introspection: {} });
      const refusal = refusalOf(await fixture.ask(`Bearer ${bad}`));
      assert.deepEqual([refusal.status, refusal.error], [401, 'invalid_token']);
      assert.equal(refusal.detail, 'token-characters');
      assert.equal(askedOf(fixture), 0);
    });
  }

  for (const length of [16_385, 8 * 1024 * 1024]) {
    test(`a token of ${length} characters is refused, and nobody is asked`, async () => {
      const fixture = createApiFixture({ introspection: {} });
      const refusal = refusalOf(await fixture.ask(`Bearer ${'a'.repeat(length)}`));
      assert.deepEqual([refusal.status, refusal.detail], [401, 'token-too-large']);
      assert.equal(askedOf(fixture), 0);
    });
  }
});

describe('good', () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
    test(`RS-003: ${scheme}`, async () => {
      const fixture = createApiFixture();
      const token = await signAccessToken(fixture.claims());
      const caller = callerOf(await fixture.ask(`${scheme} ${token}`));
      assert.equal(caller.identity.subject, 'alice');
      assert.equal(caller.token, token);
    });
  }
});

test('RS-011: no answer says anything that the request or the token said', async () => {
  const fixture = createApiFixture();
  const marker = 'SECRETMARKER';
  const forms = [
    `Bearer ${marker}`,
    `Bearer ${marker}"\\ ${marker}`,
    `${marker} x`,
    `Bearer ${await signAccessToken(fixture.claims({ iss: marker }))}`,
    `Bearer ${await signAccessToken(fixture.claims({ aud: marker }))}`,
    `Bearer ${await signAccessToken(fixture.claims({ sub: `${marker}"\r\nx: y` }))}`,
    `Bearer ${await signAccessToken(fixture.claims(), { header: { typ: marker } })}`,
  ];
  for (const form of forms) {
    const refusal = refusalOf(await fixture.ask(form));
    assert.ok(!JSON.stringify(refusal).includes(marker));
    assert.match(refusal.headers.join('\n'), /^[\x20-\x7e\n]*$/);
  }
  assert.ok(!JSON.stringify(fixture.events).includes(marker));
});

test('each refusal is told with its check, the request and the client, and never with the token', async () => {
  const fixture = createApiFixture();
  const token = await signAccessToken(fixture.claims({ aud: 'other' }));
  await fixture.api.authenticate(headWith(`Bearer ${token}`, { address: '192.0.2.7' }));
  assert.deepEqual(fixture.events, [
    {
      name: 'credential.refused',
      event: {
        requestId: 'test-request',
        kind: 'bearer',
        api: 'main',
        detail: 'audience',
        client: '192.0.2.7',
      },
    },
  ]);
});
