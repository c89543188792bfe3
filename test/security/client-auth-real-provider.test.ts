/** How the gate authenticates itself, judged by a certified provider. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock, systemRandom } from '../../src/core/clock.ts';
import { createProvider } from '../../src/oidc/create-provider.ts';
import type { Provider, SignedIn } from '../../src/oidc/provider.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { readSigningKey } from '../../src/oidc/signing-key.ts';
import { type KeyKind, makeClientKey } from '../support/client-keys.ts';
import { makeLoginSecrets } from '../support/evil-login.ts';
import { type RealProvider, startRealProvider } from '../support/real-provider.ts';
import { signInAt } from '../support/sign-in-at.ts';

const redirectUri = 'http://127.0.0.1:9/.auth/callback';
const sharedSecret = 'shared-secret-shared-secret-0123456789';
const dpopKey = makeClientKey('p256').pem;
const algorithms = [
  ['rsa', 'PS256'],
  ['rsa', 'RS256'],
  ['p256', 'ES256'],
  ['ed25519', 'Ed25519'],
] as const;
const keyed = algorithms.map(([kind, alg]) => keyedClient(kind, alg));

function keyedClient(kind: KeyKind, alg: (typeof algorithms)[number][1]) {
  const { pem } = makeClientKey(kind);
  const key = readSigningKey(pem, alg);
  assert.ok(typeof key !== 'string');
  return {
    clientId: `by-${alg}`,
    jwk: { ...key.publicJwk, kid: key.kid, use: 'sig', alg },
    settings: { clientAuthentication: 'private_key_jwt', clientKey: pem, clientKeyAlgorithm: alg },
  };
}

const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials'];

let real: RealProvider;
before(async () => {
  real = await startRealProvider({
    clients: [
      ...keyed.map(({ clientId, jwk }) => ({
        clientId,
        redirectUris: [redirectUri],
        metadata: {
          jwks: { keys: [jwk] },
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: jwk.alg,
          grant_types: grantTypes,
        },
      })),
      {
        clientId: 'by-secret',
        clientSecret: sharedSecret,
        redirectUris: [redirectUri],
        metadata: { token_endpoint_auth_method: 'client_secret_jwt', grant_types: grantTypes },
      },
      {
        clientId: 'by-proof',
        redirectUris: [redirectUri],
        metadata: { dpop_bound_access_tokens: true },
      },
    ],
  });
});
after(() => real.close());

function makeProvider(clientId: string, settings: Record<string, unknown>): Provider {
  const config = providerSchema.parse({ issuer: real.issuer, clientId, userinfo: 'always', ...settings });
  return createProvider('main', config, {
    redirectUri,
    emit: () => {},
    clock: systemClock,
    random: systemRandom,
  });
}

async function signIn(provider: Provider): Promise<SignedIn> {
  const secrets = makeLoginSecrets();
  const url = await provider.authorizationUrl(secrets, {});
  const back = await signInAt(url, { login: 'alice', clientUrl: redirectUri });
  return provider.redeem(back.searchParams, secrets);
}

/** Signs in, renews and revokes: four endpoints ask who the gate is. */
async function useProvider(provider: Provider): Promise<void> {
  const person = await signIn(provider);
  assert.equal(person.claims.email, 'alice@example.com');
  const outcome = await provider.refresh('alice', person.claims, person.tokens);
  assert.ok(outcome.kind === 'refreshed');
  await provider.revoke(outcome.tokens.refreshToken as string);
  const again = await provider.refresh('alice', outcome.claims, outcome.tokens);
  assert.deepEqual(again, { kind: 'rejected', reason: 'invalid-grant' });
}

const nowhere = { audience: null, scope: null, resource: null };

for (const { clientId, settings } of keyed) {
  test(`RP-016, RP-124: a certified provider takes private_key_jwt ${clientId}`, async () => {
    const provider = makeProvider(clientId, settings);
    await useProvider(provider);
    const token = await provider.grants.clientToken(nowhere);
    assert.equal(token.scheme, 'Bearer');
    await provider.close();
  });
}

test('RP-016: a certified provider takes client_secret_jwt', async () => {
  const provider = makeProvider('by-secret', {
    clientAuthentication: 'client_secret_jwt',
    clientSecret: sharedSecret,
  });
  await useProvider(provider);
  await provider.grants.clientToken(nowhere);
  await provider.close();
});

test('a key that is not registered is refused, as a matter of the gate and not of the person', async () => {
  const provider = makeProvider('by-ES256', {
    clientAuthentication: 'private_key_jwt',
    clientKey: makeClientKey('p256').pem,
  });
  await assert.rejects(provider.authorizationUrl(makeLoginSecrets(), {}), { code: 'ERR_PROVIDER_CLIENT' });
  await assert.rejects(provider.grants.clientToken(nowhere), { code: 'ERR_PROVIDER_CLIENT' });
  await provider.close();
});

test('RP-032: a certified provider binds the tokens to the key, userinfo included', async () => {
  const provider = makeProvider('by-proof', { dpopKey });
  await useProvider(provider);
  await provider.close();
});

test('RP-032: a refresh token of a public client is worth nothing with another key', async () => {
  const provider = makeProvider('by-proof', { dpopKey });
  const thief = makeProvider('by-proof', { dpopKey: makeClientKey('p256').pem });
  const person = await signIn(provider);
  const outcome = await thief.refresh('alice', person.claims, person.tokens);
  assert.equal(outcome.kind, 'rejected');
  await provider.close();
  await thief.close();
});
