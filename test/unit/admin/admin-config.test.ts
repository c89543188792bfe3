/** The configuration of the listener for operators: off unless asked for, and never open to nobody in particular. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { complaints, configOf, validConfig } from '../../support/configs.ts';
import { localhostCertificate } from '../../support/localhost-certificate.ts';

const token = 'x'.repeat(32);
const withAdmin = (fields: object) => ({ ...validConfig(), admin: { address: '127.0.0.1:9090', ...fields } });

test('an address alone opens no sessions', () => {
  const { admin } = configOf(parseConfig(withAdmin({})));
  assert.deepEqual(admin, { address: { host: '127.0.0.1', port: 9090 }, hosts: [] });
});

test('a token of 32 characters is enough, and does not show in what is printed', () => {
  const { admin } = configOf(parseConfig(withAdmin({ sessions: { token } })));
  assert.equal(admin?.sessions?.token?.reveal(), token);
  assert.ok(!JSON.stringify(admin).includes(token));
});

const wrong: readonly (readonly [string, object, RegExp])[] = [
  ['nobody who may', { sessions: {} }, /admin\.sessions: lets nobody in: write `token`/],
  ['a short token', { sessions: { token: 'x'.repeat(31) } }, /admin\.sessions\.token: is no strong token/],
  [
    'a token with a space',
    { sessions: { token: `${token} x` } },
    /admin\.sessions\.token: is no strong token/,
  ],
  [
    'client certificates without an authority',
    { sessions: { clientCertificates: true } },
    /admin\.sessions\.clientCertificates: needs `admin\.tls\.clientCa`/,
  ],
  ['a host with a port', { hosts: ['localhost:80'] }, /admin\.hosts\[0\]: is not a host name/],
  ['TLS without a key', { tls: { certificate: localhostCertificate } }, /admin\.tls\.key/],
  [
    'a certificate that is none',
    { tls: { certificate: 'x', key: 'y' } },
    /admin\.tls\.certificate: holds no certificates: write them as PEM/,
  ],
  ['a slip', { sessions: { token, tokens: [] } }, /admin\.sessions\.tokens/],
];

for (const [what, fields, complaint] of wrong) {
  test(`${what} is refused with what to write`, () => {
    const found = complaints(withAdmin(fields));
    assert.equal(found.length, 1, String(found));
    assert.match(found[0] as string, complaint);
    assert.ok(!String(found).includes('xxxx'));
  });
}
