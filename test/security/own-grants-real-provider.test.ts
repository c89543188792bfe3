/** Tokens that the gate asks for itself, issued by a certified provider. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock, systemRandom } from '../../src/core/clock.ts';
import type { TokenTarget } from '../../src/core/route.ts';
import { createProvider } from '../../src/oidc/create-provider.ts';
import type { Provider } from '../../src/oidc/provider.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { readSigningKey } from '../../src/oidc/signing-key.ts';
import { makeClientKey, readJwt } from '../support/client-keys.ts';
import { makeLoginSecrets } from '../support/evil-login.ts';
import { type RealProvider, startRealProvider } from '../support/real-provider.ts';
import { everyGrant } from '../support/real-provider-apis.ts';
import { signInAt } from '../support/sign-in-at.ts';

const redirectUri = 'http://127.0.0.1:9/.auth/callback';
const front = 'https://front.test';
const orders = 'https://orders.test';
const secret = 'own-grants-secret';
const dpopKey = makeClientKey('p256').pem;

let real: RealProvider;
before(async () => {
  real = await startRealProvider({
    clients: ['plain', 'bound'].map((clientId) => ({
      clientId,
      clientSecret: secret,
      redirectUris: [redirectUri],
      metadata: { ...everyGrant, dpop_bound_access_tokens: clientId === 'bound' },
    })),
    apis: {
      resources: {
        [front]: { scope: 'front', format: 'jwt' },
        [orders]: { scope: 'orders.read orders.write', format: 'jwt' },
      },
      dpopNonce: true,
    },
  });
});
after(() => real.close());

function makeProvider(clientId: string, settings: Record<string, unknown> = {}): Provider {
  const config = providerSchema.parse({
    issuer: real.issuer,
    clientId,
    clientSecret: secret,
    scopes: ['openid'],
    userinfo: 'never',
    authorizationParameters: { resource: front },
    ...settings,
  });
  return createProvider('main', config, {
    redirectUri,
    emit: () => {},
    clock: systemClock,
    random: systemRandom,
  });
}

const to = (target: Partial<TokenTarget>): TokenTarget => ({
  audience: null,
  scope: null,
  resource: null,
  ...target,
});

async function accessTokenOf(provider: Provider): Promise<string> {
  const secrets = makeLoginSecrets();
  const url = await provider.authorizationUrl(secrets, {});
  const back = await signInAt(url, { login: 'alice', clientUrl: redirectUri });
  return (await provider.redeem(back.searchParams, secrets)).tokens.accessToken;
}

test('client credentials bring a token for the resource that is named, with its scope and lifetime', async () => {
  const provider = makeProvider('plain');
  const token = await provider.grants.clientToken(to({ resource: orders, scope: 'orders.read' }));
  await provider.close();
  const { claims } = readJwt(token.accessToken);
  assert.deepEqual([claims.aud, claims.scope, token.scope], [orders, 'orders.read', 'orders.read']);
  assert.ok(Math.abs(token.expiresAt - Number(claims.exp) * 1000) < 5000);
});

test("RS-070: an exchange brings a person's token for another resource, and only what that offers", async () => {
  const provider = makeProvider('plain');
  const subjectToken = await accessTokenOf(provider);
  assert.equal(readJwt(subjectToken).claims.aud, front);
  const target = to({ resource: orders, scope: 'orders.read admin' });
  const token = await provider.grants.exchange(subjectToken, target);
  const { claims } = readJwt(token.accessToken);
  assert.deepEqual([claims.sub, claims.aud, token.scope], ['alice', orders, 'orders.read']);
  await provider.close();
});

test('RS-070: what the provider will not exchange is denied', async () => {
  const provider = makeProvider('plain');
  const target = to({ resource: orders });
  await assert.rejects(provider.grants.exchange('garbage', target), {
    code: 'ERR_UPSTREAM_TOKEN_DENIED',
    detail: 'invalid-grant',
  });
  await assert.rejects(provider.grants.exchange('garbage', to({ resource: 'https://else.test' })), {
    code: 'ERR_UPSTREAM_TOKEN_DENIED',
    detail: 'invalid-target',
  });
  await assert.rejects(provider.grants.onBehalfOf('garbage', target), {
    code: 'ERR_UPSTREAM_TOKEN',
    detail: 'unsupported-grant-type',
  });
  await provider.close();
});

test('RP-032: a provider that demands nonces binds sessions and own tokens to the key', async () => {
  const provider = makeProvider('bound', { dpopKey });
  const key = readSigningKey(dpopKey);
  assert.ok(typeof key !== 'string');
  const tokens = [
    await accessTokenOf(provider),
    (await provider.grants.clientToken(to({ resource: orders }))).accessToken,
  ];
  await provider.close();
  for (const token of tokens) assert.deepEqual(readJwt(token).claims.cnf, { jkt: key.thumbprint });
});

test('RP-040: a provider whose exchange hands out a bearer token where a bound one was asked for is refused', async () => {
  const provider = makeProvider('bound', { dpopKey });
  const subjectToken = await accessTokenOf(provider);
  await assert.rejects(provider.grants.exchange(subjectToken, to({ resource: orders })), {
    code: 'ERR_UPSTREAM_TOKEN',
    detail: 'token-type',
  });
  await provider.close();
});
