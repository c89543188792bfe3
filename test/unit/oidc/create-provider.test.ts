/** A provider of ours against a real, certified one: sign in, renew, revoke, leave. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock, systemRandom } from '../../../src/core/clock.ts';
import { createEmit, type EventName } from '../../../src/core/events.ts';
import { createProvider } from '../../../src/oidc/create-provider.ts';
import type { LoginSecrets, Provider, SignedIn } from '../../../src/oidc/provider.ts';
import { providerSchema } from '../../../src/oidc/provider-config.ts';
import { type RealProvider, startRealProvider } from '../../support/real-provider.ts';
import { signInAt } from '../../support/sign-in-at.ts';

const redirectUri = 'http://127.0.0.1:9/.auth/callback';
const goodbyeUri = 'http://127.0.0.1:9/.auth/signed-out';
const clients = [
  {
    clientId: 'basic',
    clientSecret: "s:+%/ ~!*'()",
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [goodbyeUri],
  },
  {
    clientId: 'post',
    clientSecret: 'secret',
    clientAuthentication: 'client_secret_post' as const,
    redirectUris: [redirectUri],
  },
  { clientId: 'public', redirectUris: [redirectUri] },
];

let real: RealProvider;
before(async () => {
  real = await startRealProvider({ clients });
});
after(() => real.close());

function makeProvider(settings: Record<string, unknown>) {
  const events: [EventName, Record<string, unknown>][] = [];
  const config = providerSchema.parse({ issuer: real.issuer, ...settings });
  const emit = createEmit([(name, event) => events.push([name, event as Record<string, unknown>])]);
  const provider = createProvider('main', config, {
    redirectUri,
    emit,
    clock: systemClock,
    random: systemRandom,
  });
  return { provider, events };
}

function makeSecrets(): LoginSecrets {
  const text = () => systemRandom(32).toString('base64url');
  return { state: text(), nonce: text(), codeVerifier: text() };
}

async function signIn(provider: Provider, login: string): Promise<SignedIn> {
  const secrets = makeSecrets();
  const url = await provider.authorizationUrl(secrets, {});
  const back = await signInAt(url, { login, clientUrl: redirectUri });
  return provider.redeem(back.searchParams, secrets);
}

const methods = [
  ['basic', { clientId: 'basic', clientSecret: "s:+%/ ~!*'()" }],
  ['post', { clientId: 'post', clientSecret: 'secret', clientAuthentication: 'client_secret_post' }],
  ['none', { clientId: 'public' }],
] as const;

for (const [name, settings] of methods) {
  test(`RP-001, RP-016: signs in at a real provider with client authentication ${name}`, async () => {
    const { provider } = makeProvider(settings);
    const person = await signIn(provider, 'alice');
    assert.equal(person.subject, 'alice');
    assert.equal(person.claims.email, 'alice@example.com');
    assert.equal(person.claims.iss, real.issuer);
    assert.ok(person.tokens.refreshToken);
    assert.ok(person.tokens.accessTokenExpiresAt > Date.now() + 3_500_000);
    await provider.close();
  });
}

test('RP-023: renews the tokens, and the spent refresh token ends the session', async () => {
  const { provider } = makeProvider({ clientId: 'public' });
  const person = await signIn(provider, 'bob');
  const outcome = await provider.refresh('bob', person.claims, person.tokens);
  assert.equal(outcome.kind, 'refreshed');
  assert.ok(outcome.kind === 'refreshed');
  assert.notEqual(outcome.tokens.accessToken, person.tokens.accessToken);
  assert.notEqual(outcome.tokens.refreshToken, person.tokens.refreshToken);
  assert.equal(outcome.claims.name, 'Bob Example');
  assert.deepEqual(await provider.refresh('bob', person.claims, person.tokens), {
    kind: 'rejected',
    reason: 'invalid-grant',
  });
  await provider.close();
});

test('a revoked refresh token renews nothing', async () => {
  const { provider, events } = makeProvider({ clientId: 'public' });
  const { claims, tokens } = await signIn(provider, 'alice');
  await provider.revoke(tokens.refreshToken as string);
  assert.deepEqual(events.at(-1), ['token.revoked', { provider: 'main', outcome: 'revoked' }]);
  assert.equal((await provider.refresh('alice', claims, tokens)).kind, 'rejected');
  await provider.close();
});

test('the logout URL is accepted by the real provider', async () => {
  const { provider } = makeProvider({ clientId: 'basic', clientSecret: "s:+%/ ~!*'()" });
  const { tokens } = await signIn(provider, 'alice');
  const goodbye = await provider.goodbye(tokens.idToken, goodbyeUri, 'opaque');
  assert.equal(goodbye?.form, null);
  const url = new URL(goodbye?.url ?? '');
  assert.equal(url.searchParams.get('id_token_hint'), tokens.idToken);
  assert.equal(url.searchParams.get('client_id'), 'basic');
  assert.equal(url.searchParams.get('post_logout_redirect_uri'), goodbyeUri);
  assert.equal(url.searchParams.get('state'), 'opaque');
  assert.equal((await fetch(url, { redirect: 'manual' })).status, 200);
  await provider.close();
});

test('RP-043: a pushed request leaves only client_id and request_uri in the URL', async () => {
  const { provider } = makeProvider({ clientId: 'public' });
  const url = new URL(await provider.authorizationUrl(makeSecrets(), { login_hint: 'alice' }));
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  await provider.close();
});

test('FL-023: a provider is ready once its metadata is known', async () => {
  const { provider } = makeProvider({ clientId: 'public' });
  assert.equal(provider.isReady(), false);
  await provider.authorizationUrl(makeSecrets(), {});
  assert.equal(provider.isReady(), true);
  await provider.close();
});
