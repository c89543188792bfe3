/** Mutual TLS at the provider (RFC 8705): where the gate shows its certificate, and what it accepts of a connection. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { makeClientKey } from '../support/client-keys.ts';
import { loginAtEvil, makeEvilGate, makeLoginSecrets } from '../support/evil-login.ts';
import { type EvilProvider, startEvilProvider } from '../support/evil-provider.ts';
import { makeCertificate } from '../support/make-certificate.ts';

const server = makeCertificate({ name: 'localhost' });
const own = makeCertificate({ name: 'gate.test' });
const clientCertificate = { certificate: own.cert, key: own.key };
const fingerprint = new X509Certificate(own.cert).fingerprint256;
const clientKey = makeClientKey('p256').pem;

const trustedBefore = getCACertificates('default');
let evil: EvilProvider;
before(async () => {
  setDefaultCACertificates([server.cert]);
  evil = await startEvilProvider({ tls: server });
});
after(async () => {
  setDefaultCACertificates(trustedBefore);
  await evil.close();
});

const endpoints = ['token', 'userinfo', 'par', 'revocation'] as const;
const members = {
  token: 'token_endpoint',
  userinfo: 'userinfo_endpoint',
  par: 'pushed_authorization_request_endpoint',
  revocation: 'revocation_endpoint',
} as const;

/** Metadata whose aliases lead to the same endpoints with `?mtls`, and some that are none of RFC 8705. */
function metadata(aliases: unknown = null) {
  const usual = Object.fromEntries(
    endpoints.map((endpoint) => [members[endpoint], `${evil.issuer}/${endpoint}?mtls`]),
  );
  return {
    pushed_authorization_request_endpoint: `${evil.issuer}/par`,
    mtls_endpoint_aliases: aliases ?? {
      ...usual,
      jwks_uri: `${evil.issuer}/other`,
      authorization_endpoint: `${evil.issuer}/other`,
      issuer: 'https://other.test',
    },
  };
}

/** Does everything that a gate does at a provider. */
async function useEverything(config: Record<string, unknown>): Promise<void> {
  evil.reset();
  const behaviour = { metadata: metadata() };
  evil.behaviour = behaviour;
  const gate = makeEvilGate(evil, { config: { clientSecret: undefined, userinfo: 'always', ...config } });
  try {
    const url = await gate.provider.authorizationUrl(makeLoginSecrets(), {});
    assert.ok(url.startsWith(`${evil.issuer}/authorize?`));
    const { person, error } = await loginAtEvil(evil, { gate, behaviour });
    assert.equal(error, null);
    assert.ok(person);
    evil.nonce = String(person.claims.nonce);
    const outcome = await gate.provider.refresh('alice', person.claims, person.tokens);
    assert.equal(outcome.kind, 'refreshed');
    await gate.provider.revoke('a-refresh-token');
    await gate.provider.grants.clientToken({ audience: 'orders', scope: null, resource: null });
  } finally {
    await gate.provider.close();
  }
}

const called = () => evil.requests.filter(({ endpoint }) => Object.hasOwn(members, endpoint));

const mutual = [
  ['tls_client_auth', { clientAuthentication: 'tls_client_auth' }],
  ['self_signed_tls_client_auth', { clientAuthentication: 'self_signed_tls_client_auth' }],
  [
    'private_key_jwt with certificate-bound tokens',
    { clientAuthentication: 'private_key_jwt', clientKey, certificateBoundTokens: true },
  ],
  ['a public client with certificate-bound tokens', { certificateBoundTokens: true }],
] as const;

for (const [title, config] of mutual) {
  test(`RP-027: ${title} goes to the aliases, with the certificate`, async () => {
    await useEverything({ clientCertificate, ...config });
    const requests = called();
    assert.deepEqual(
      new Set(requests.map(({ endpoint }) => endpoint)),
      new Set<string>(['par', 'token', 'userinfo', 'revocation']),
    );
    for (const { url, certificate } of requests) {
      assert.match(url, /\?mtls$/);
      assert.equal(certificate, fingerprint);
    }
    assert.equal(evil.hits.other, 0);
  });
}

test('RP-027: tls_client_auth sends its client id in the body and no secret in any form', async () => {
  await useEverything({ clientCertificate, clientAuthentication: 'tls_client_auth' });
  for (const { endpoint, headers, body } of called()) {
    const form = new URLSearchParams(body);
    if (endpoint === 'userinfo') continue;
    assert.equal(headers.authorization, undefined);
    assert.equal(form.get('client_id'), 'app');
    assert.equal(form.get('client_secret'), null);
    assert.equal(form.get('client_assertion'), null);
  }
});

test('RP-027: introspection goes to its alias, with the certificate', async () => {
  evil.reset();
  const aliases = { introspection_endpoint: `${evil.issuer}/introspection?mtls` };
  evil.behaviour = { metadata: metadata(aliases) };
  const gate = makeEvilGate(evil, {
    config: { clientSecret: undefined, clientAuthentication: 'tls_client_auth', clientCertificate },
  });
  const answer = await gate.provider.tokenIssuer.introspect('an-opaque-token');
  await gate.provider.close();
  assert.equal(answer?.sub, 'alice');
  const [request] = evil.requests.filter(({ endpoint }) => endpoint === 'introspection');
  assert.deepEqual([request?.url, request?.certificate], ['/introspection?mtls', fingerprint]);
});

test('RP-027: without mutual TLS neither alias nor certificate is used', async () => {
  await useEverything({ clientSecret: 'a-secret' });
  for (const { url, certificate } of called()) {
    assert.ok(!url.includes('mtls'));
    assert.equal(certificate, null);
  }
});

test('RP-027: without aliases the certificate is shown at the usual endpoints', async () => {
  const { error } = await loginAtEvil(evil, {
    config: { clientSecret: undefined, clientAuthentication: 'tls_client_auth', clientCertificate },
  });
  assert.equal(error, null);
  const [request] = evil.requests.filter(({ endpoint }) => endpoint === 'token');
  assert.deepEqual([request?.url, request?.certificate], ['/token', fingerprint]);
});

const wrongAliases = [
  ['on a foreign host', { token_endpoint: 'https://other.test/token' }, 'token_endpoint'],
  ['over plain http', { token_endpoint: 'http://localhost/token' }, 'token_endpoint'],
  ['that is no URL', { revocation_endpoint: 7 }, 'revocation_endpoint'],
  ['in a list', ['https://localhost/token'], 'mtls_endpoint_aliases'],
  ['that are text', 'https://localhost/token', 'mtls_endpoint_aliases'],
] as const;

for (const [title, aliases, member] of wrongAliases) {
  test(`RP-027: aliases ${title} make the metadata refused`, async () => {
    evil.reset();
    evil.behaviour = { metadata: metadata(aliases) };
    const gate = makeEvilGate(evil, {
      config: { clientSecret: undefined, clientAuthentication: 'tls_client_auth', clientCertificate },
    });
    await assert.rejects(gate.provider.authorizationUrl(makeLoginSecrets(), {}), {
      code: 'ERR_PROVIDER_METADATA',
      detail: member,
    });
    await gate.provider.close();
    assert.equal(evil.hits.token, 0);
  });
}

/** What becomes of a login at a provider that answers nonsense over TLS 1.2 with this suite. */
async function codeOver(ciphers: string): Promise<unknown> {
  const limited = createServer({ ...server, maxVersion: 'TLSv1.2', ciphers }, (_request, response) => {
    response.end('nonsense');
  });
  await new Promise<void>((resolve) => {
    limited.listen(0, '127.0.0.1', resolve);
  });
  const { port } = limited.address() as AddressInfo;
  const gate = makeEvilGate({ ...evil, issuer: `https://localhost:${port}` });
  try {
    return await gate.provider.authorizationUrl(makeLoginSecrets(), {});
  } catch (error) {
    return (error as { code?: unknown }).code;
  } finally {
    await gate.provider.close();
    limited.close();
  }
}

for (const suite of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384']) {
  test(`RP-043: a provider that speaks TLS 1.2 with ${suite} alone is not spoken to`, async () => {
    assert.equal(await codeOver(suite), 'ERR_PROVIDER_UNAVAILABLE');
  });
}

for (const suite of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384']) {
  test(`RP-043: a provider that speaks TLS 1.2 with ${suite} is heard`, async () => {
    assert.equal(await codeOver(suite), 'ERR_PROVIDER_METADATA');
  });
}

test('the key of the certificate does not print', () => {
  const config = providerSchema.parse({
    issuer: 'https://login.test',
    clientId: 'app',
    clientAuthentication: 'tls_client_auth',
    clientCertificate,
  });
  assert.ok(!JSON.stringify(config).includes(own.key.split('\n')[1] as string));
});
