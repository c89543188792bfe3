/** Tokens of a certified provider: JWTs (RFC 9068), opaque ones (RFC 7662, RFC 9701), and one that is bound to a key (RFC 9449). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createDpopCheck } from '../../src/apis/dpop-check.ts';
import { dpopSchema } from '../../src/apis/dpop-config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createMemoryStore } from '../../src/stores/memory-store.ts';
import { createDpopSender } from '../support/dpop-sender.ts';
import { createHead } from '../support/heads.ts';
import { type RealProvider, startRealProvider } from '../support/real-provider.ts';
import { machine } from '../support/real-provider-apis.ts';
import { accessTokenRules, makeTokenIssuer, verdictOf } from '../support/token-issuer.ts';

const jwtApi = 'https://jwt.test';
const opaqueApi = 'https://opaque.test';
const clientSecret = 'not-a-secret-in-a-test';

let provider: RealProvider;
before(async () => {
  const asker = (clientId: string, metadata: Readonly<Record<string, unknown>> = {}) => ({
    clientId,
    clientSecret,
    redirectUris: [],
    metadata: { ...machine, ...metadata },
  });
  provider = await startRealProvider({
    clients: [
      asker('machine'),
      asker('gate'),
      asker('strict-gate', { introspection_signed_response_alg: 'ES256' }),
    ],
    apis: {
      resources: {
        [jwtApi]: { scope: 'read', format: 'jwt' },
        [opaqueApi]: { scope: 'read', format: 'opaque' },
      },
    },
  });
});
after(() => provider.close());

/** A token by client credentials. */
async function obtain(resource: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: {
      ...headers,
      authorization: `Basic ${Buffer.from(`machine:${clientSecret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'read' }),
  });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  assert.ok(token, `status ${response.status}`);
  return token;
}

const ours = (config: Readonly<Record<string, unknown>> = {}) =>
  makeTokenIssuer({ issuer: provider.issuer, clientId: 'gate', clientSecret, ...config }).issuer;

test('an at+jwt token is opened, with the claims that RFC 9068 demands', async () => {
  const issuer = ours();
  const { claims } = await issuer.open(await obtain(jwtApi), accessTokenRules);
  assert.equal(claims.aud, jwtApi);
  assert.equal(claims.client_id, 'machine');
  await issuer.close();
});

for (const [form, clientId] of [
  ['json', 'gate'],
  ['jwt', 'strict-gate'],
] as const) {
  test(`RS-040: an opaque token is active, and no longer once it is revoked (${form})`, async () => {
    const issuer = ours({ clientId, introspectionResponse: form });
    const token = await obtain(opaqueApi);
    assert.equal((await issuer.introspect(token))?.client_id, 'machine');
    assert.equal(await issuer.introspect(`${token}x`), null);
    const revoked = await fetch(`${provider.issuer}/token/revocation`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`machine:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ token }),
    });
    assert.equal(revoked.status, 200);
    assert.equal(await issuer.introspect(token), null);
    await issuer.close();
  });
}

test('RS-042: with a wrong secret it is the gate that is refused, and not the token', async () => {
  const issuer = ours({ clientSecret: 'wrong' });
  assert.equal(await verdictOf(issuer.introspect(await obtain(opaqueApi))), 'ERR_PROVIDER_CLIENT');
  await issuer.close();
});

test('RS-051: a token that the provider has bound to a key is good with proofs of that key alone', async () => {
  const [sender, thief] = [createDpopSender(), createDpopSender()];
  const proof = sender.prove(
    { method: 'POST', url: `${provider.issuer}/token`, token: '' },
    { claims: { ath: undefined } },
  );
  const token = await obtain(jwtApi, { dpop: proof });
  const issuer = ours();
  const { claims } = await issuer.open(token, accessTokenRules);
  await issuer.close();
  const { jkt } = claims.cnf as { jkt: string };
  assert.equal(jkt, sender.jkt);
  const check = createDpopCheck(dpopSchema.parse({}), {
    store: createMemoryStore({ clock: systemClock }),
    clock: systemClock,
    publicUrl: new URL('https://app.test'),
    anyHost: false,
    sealing: { seal: (plaintext) => plaintext, open: () => null },
  });
  const send = async (by: typeof sender) => {
    const dpop = by.prove({ method: 'GET', url: 'https://app.test/orders', token });
    return check(createHead({ target: '/orders', headers: { dpop } }), { jkt, token });
  };
  assert.equal(await send(sender), null);
  assert.equal((await send(thief))?.detail, 'dpop-proof-key');
});
