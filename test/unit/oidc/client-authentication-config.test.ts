import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { providerSchema } from '../../../src/oidc/provider-config.ts';
import { makeClientKey } from '../../support/client-keys.ts';
import { makeCertificate } from '../../support/make-certificate.ts';

const rsa = makeClientKey('rsa');
const ec = makeClientKey('p256');
const own = makeCertificate({ name: 'gate.test' });
const other = makeCertificate({ name: 'gate.test' });
const clientCertificate = { certificate: own.cert, key: own.key };
const pem = (made: { privateKey: { export(options: object): string | Buffer } }) =>
  made.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const weak = pem(generateKeyPairSync('rsa', { modulusLength: 1024 }));
const foreign = pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }));
const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  .toString();

const parse = (settings: object) =>
  providerSchema.safeParse({ issuer: 'https://login.test', clientId: 'app', ...settings });

const byKey = { clientAuthentication: 'private_key_jwt' };
const byCertificate = { clientAuthentication: 'tls_client_auth' };
const secret = { clientSecret: 's'.repeat(32) };

const right: readonly (readonly [string, object])[] = [
  ['nothing', {}],
  ['a secret', secret],
  ['a secret in the body', { ...secret, clientAuthentication: 'client_secret_post' }],
  ['a secret that signs', { ...secret, clientAuthentication: 'client_secret_jwt' }],
  ['an RSA key', { ...byKey, clientKey: rsa.pem }],
  ['an RSA key as JWK for RS256', { ...byKey, clientKey: rsa.jwk({ alg: 'RS256', use: 'sig' }) }],
  ['an EC key', { ...byKey, clientKey: ec.pem, clientKeyAlgorithm: 'ES256' }],
  ['a key and its certificate', { ...byKey, clientKey: own.key, clientCertificate }],
  ['a key beside a secret, for signed requests', { ...secret, clientKey: rsa.pem }],
  ['a certificate', { ...byCertificate, clientCertificate }],
  ['a certificate for bound tokens', { ...secret, certificateBoundTokens: true, clientCertificate }],
  ['a DPoP key', { dpopKey: ec.pem }],
  ['a DPoP key as JWK', { dpopKey: ec.jwk() }],
];
for (const [title, settings] of right) {
  test(`${title} makes a client`, () => {
    assert.deepEqual(parse(settings).error?.issues, undefined);
  });
}

const wrong: readonly (readonly [string, object, string, RegExp])[] = [
  ['no secret to post', { clientAuthentication: 'client_secret_post' }, 'clientSecret', /missing/],
  ['no secret to sign with', { clientAuthentication: 'client_secret_jwt' }, 'clientSecret', /missing/],
  [
    'a short secret that signs',
    { clientAuthentication: 'client_secret_jwt', clientSecret: 's'.repeat(31) },
    'clientSecret',
    /at least 32/,
  ],
  ['a secret with none', { ...secret, clientAuthentication: 'none' }, 'clientSecret', /never sent/],
  ['no key', byKey, 'clientKey', /missing/],
  ['a key that is none', { ...byKey, clientKey: 'hunter2' }, 'clientKey', /not a private key/],
  [
    'a public key',
    { ...byKey, clientKey: JSON.stringify(rsa.publicKey.export({ format: 'jwk' })) },
    'clientKey',
    /not a private key/,
  ],
  ['an encrypted key', { ...byKey, clientKey: encrypted }, 'clientKey', /not a private key/],
  ['RP-043: an RSA key of 1024 bits', { ...byKey, clientKey: weak }, 'clientKey', /fewer than 2048/],
  ['a key on another curve', { ...byKey, clientKey: foreign }, 'clientKey', /P-256/],
  [
    'an algorithm of another key',
    { ...byKey, clientKey: ec.pem, clientKeyAlgorithm: 'PS256' },
    'clientKey',
    /cannot sign with PS256/,
  ],
  [
    'an alg that the key cannot do',
    { ...byKey, clientKey: ec.jwk({ alg: 'RS256' }) },
    'clientKey',
    /cannot sign/,
  ],
  [
    'two algorithms',
    { ...byKey, clientKey: rsa.jwk({ alg: 'RS256' }), clientKeyAlgorithm: 'PS256' },
    'clientKey',
    /another algorithm/,
  ],
  [
    'a key for encryption',
    { ...byKey, clientKey: rsa.jwk({ use: 'enc' }) },
    'clientKey',
    /other than signatures/,
  ],
  ['no certificate', byCertificate, 'clientCertificate', /missing: tls_client_auth/],
  [
    'no certificate to bind tokens to',
    { certificateBoundTokens: true },
    'clientCertificate',
    /missing: certificateBound/,
  ],
  [
    'a certificate that nobody sees',
    { ...secret, clientCertificate },
    'clientCertificate',
    /not used with client_secret_basic/,
  ],
  [
    'a certificate of another key',
    { ...byKey, clientKey: ec.pem, clientCertificate },
    'clientCertificate',
    /not the certificate of/,
  ],
  [
    'a key of another certificate',
    { ...byCertificate, clientCertificate: { certificate: own.cert, key: other.key } },
    'clientCertificate.key',
    /not the key of the certificate/,
  ],
  [
    'a certificate key that is encrypted',
    { ...byCertificate, clientCertificate: { certificate: own.cert, key: encrypted } },
    'clientCertificate.key',
    /not encrypted/,
  ],
  [
    'mutual TLS without TLS',
    { ...byCertificate, clientCertificate, issuer: 'http://127.0.0.1' },
    'issuer',
    /must be https/,
  ],
  ['a DPoP key that is none', { dpopKey: 'hunter2' }, 'dpopKey', /not a private key/],
  ['RP-043: a DPoP key of 1024 bits', { dpopKey: weak }, 'dpopKey', /fewer than 2048/],
  [
    'a thumbprint of the DPoP key by hand',
    { authorizationParameters: { dpop_jkt: 'x' } },
    'authorizationParameters.dpop_jkt',
    /set by the gate/,
  ],
];
for (const [title, settings, path, message] of wrong) {
  test(`${title} is a problem of ${path}, and no secret is quoted`, () => {
    const { error } = parse(settings);
    assert.deepEqual(
      error?.issues.map((issue) => issue.path.join('.')),
      [path],
    );
    assert.match(error?.issues[0]?.message ?? '', message);
    assert.ok(!inspect(error, { depth: 9 }).includes('hunter2'));
  });
}
