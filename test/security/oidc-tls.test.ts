/** RP-154: whom the gate takes for its provider on TLS. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, mock, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { systemClock, systemRandom } from '../../src/core/clock.ts';
import { createProvider } from '../../src/oidc/create-provider.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { makeLoginSecrets } from '../support/evil-login.ts';
import { makeCertificate } from '../support/make-certificate.ts';

const day = 86_400_000;
const good = makeCertificate({ name: 'localhost' });
const stranger = makeCertificate({ name: 'localhost' });
const expired = makeCertificate({
  name: 'localhost',
  notBefore: new Date(Date.now() - 2 * day),
  notAfter: new Date(Date.now() - day),
});
const otherHost = makeCertificate({ name: 'other.test' });

const trustedBefore = getCACertificates('default');
before(() => setDefaultCACertificates([good.cert, expired.cert, otherHost.cert]));
after(() => setDefaultCACertificates(trustedBefore));

/** What a login says when the provider shows this certificate. */
async function detailWith(certificate: { cert: string; key: string }): Promise<string | null> {
  let issuer = '';
  const server: Server = createServer(certificate, (_request, response) => {
    const endpoints = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'].map((name) => [
      name,
      `${issuer}/x`,
    ]);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ issuer, ...Object.fromEntries(endpoints) }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  const provider = createProvider('tls', providerSchema.parse({ issuer, clientId: 'app' }), {
    redirectUri: 'https://app.test/.auth/callback',
    emit: () => {},
    clock: systemClock,
    random: systemRandom,
  });
  try {
    await provider.authorizationUrl(makeLoginSecrets(), {});
    return null;
  } catch (error) {
    return (error as { detail: string }).detail;
  } finally {
    await provider.close();
    server.close();
    server.closeAllConnections();
  }
}

test('RP-154: a certificate that is trusted, valid and for the name is accepted', async () => {
  assert.equal(await detailWith(good), null);
});

const refused = [
  ['self-signed by a stranger', stranger, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['expired', expired, 'CERT_HAS_EXPIRED'],
  ['for another host', otherHost, 'ERR_TLS_CERT_ALTNAME_INVALID'],
] as const;

for (const [title, certificate, detail] of refused) {
  test(`RP-154: a certificate that is ${title} is refused, whatever the environment says`, async () => {
    const kept = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    // Node itself warns about the variable.
    const warnings = mock.method(process, 'emitWarning', () => {});
    try {
      assert.equal(await detailWith(certificate), detail);
    } finally {
      warnings.mock.restore();
      if (kept === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = kept;
    }
  });
}
