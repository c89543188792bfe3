/** Keys and certificates that are missing, empty or none are told where they stand, and nothing else breaks over them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complaints, validConfig } from '../../support/configs.ts';
import { localhostCertificate, localhostKey } from '../../support/localhost-certificate.ts';

type Fields = Record<string, unknown>;

const missing = { env: 'NOT_THERE' };
const noCertificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';

const provider = (fields: Fields): Fields => ({
  ...validConfig(),
  providers: { main: { issuer: 'https://login.example.com', clientId: 'app', ...fields } },
});
const tls = (fields: Fields): Fields => ({
  ...validConfig(),
  listen: { tls: { address: '127.0.0.1:8443', ...fields } },
});
const api = (fields: Fields): Fields => ({
  ...validConfig(),
  apis: { main: { issuers: ['main'], audience: ['x'], ...fields } },
});

const byCertificate = { clientAuthentication: 'tls_client_auth' };
const byKey = { clientAuthentication: 'private_key_jwt' };

const rows: readonly (readonly [data: Fields, paths: readonly string[]])[] = [
  [provider({ clientSecret: missing }), ['providers.main.clientSecret']],
  [provider({ ...byKey, clientKey: missing }), ['providers.main.clientKey']],
  [provider({ ...byKey, clientKey: '' }), ['providers.main.clientKey']],
  [provider({ ...byKey, clientKey: 'garbage' }), ['providers.main.clientKey']],
  [provider({ dpopKey: missing, clientSecret: 'x' }), ['providers.main.dpopKey']],
  [
    provider({ profile: 'fapi2', dpopKey: missing, ...byKey, clientKey: missing }),
    ['providers.main.dpopKey', 'providers.main.clientKey'],
  ],
  [provider({ decryptionKeys: [missing], clientSecret: 'x' }), ['providers.main.decryptionKeys[0]']],
  [
    provider({ ...byCertificate, clientCertificate: { certificate: missing, key: missing } }),
    ['providers.main.clientCertificate.certificate', 'providers.main.clientCertificate.key'],
  ],
  [
    provider({ ...byCertificate, clientCertificate: { certificate: 'garbage', key: localhostKey } }),
    ['providers.main.clientCertificate.certificate'],
  ],
  [
    provider({ ...byCertificate, clientCertificate: { certificate: noCertificate, key: localhostKey } }),
    ['providers.main.clientCertificate.certificate'],
  ],
  [
    provider({ ...byCertificate, clientCertificate: { certificate: localhostCertificate, key: 'garbage' } }),
    ['providers.main.clientCertificate.key'],
  ],
  [tls({ certificate: missing, key: missing }), ['listen.tls.certificate', 'listen.tls.key']],
  [tls({ certificate: noCertificate, key: localhostKey }), ['listen.tls.certificate']],
  [tls({ certificate: localhostCertificate, key: 'garbage' }), ['listen.tls.key']],
  [tls({ pfx: missing }), ['listen.tls.pfx']],
  [tls({ pfx: 'garbage!' }), ['listen.tls.pfx']],
  [api({ algorithms: ['HS256'], hmacSecret: missing }), ['apis.main.hmacSecret']],
  [api({ decryptionKeys: [''] }), ['apis.main.decryptionKeys[0]']],
  [{ ...validConfig(), assertions: { keys: [missing] } }, ['assertions.keys[0]']],
  [{ ...validConfig(), assertions: { keys: ['garbage'] } }, ['assertions.keys[0]']],
];

for (const [data, paths] of rows) {
  test(`${paths.join(' and ')}: one problem each`, () => {
    assert.deepEqual(
      complaints(data)
        .map((text) => text.slice(0, text.indexOf(': ')))
        .sort(),
      [...paths].sort(),
    );
  });
}
