import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createJsonSchema } from '../../../src/config/json-schema.ts';
import { type LoadResult, parseConfig } from '../../../src/config/load.ts';
import { listenSchema } from '../../../src/doors/listen-config.ts';
import { makeTlsFiles, passphrase } from '../../support/tls-files.ts';

const files = makeTlsFiles();
after(() => files[Symbol.dispose]());
const { certificate, key } = files.server;
const good = files.pfx();

const parse = (tls: object, env: Record<string, string> = {}): LoadResult =>
  parseConfig(
    {
      publicUrl: 'http://127.0.0.1:8080',
      listen: { address: null, tls: { address: '127.0.0.1:8443', ...tls } },
      clusters: { app: { targets: ['http://127.0.0.1:3000'] } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
    },
    env,
  );

function problemOf(tls: object): readonly [path: string, reason: string] {
  const result = parse(tls);
  assert.ok(!result.ok, 'it was accepted');
  assert.equal(result.problems.length, 1, JSON.stringify(result.problems));
  const [problem] = result.problems;
  assert.ok(problem !== undefined);
  assert.ok(['a mapping', null].includes(problem.value), 'a problem with a secret shows it');
  return [problem.path, problem.reason];
}

const fileOf = (name: string, bytes: string | Uint8Array) => {
  const path = join(files.folder, name);
  writeFileSync(path, bytes);
  return { file: path };
};

test('a PFX is taken from a file as bytes, and from the environment and literally as base64', () => {
  const base64 = good.toString('base64');
  const given: readonly (readonly [object | string, Record<string, string>])[] = [
    [fileOf('good.pfx', good), {}],
    [{ env: 'PFX' }, { PFX: base64 }],
    [base64.replace(/.{64}/g, '$&\n'), {}],
  ];
  for (const [pfx, env] of given) {
    const result = parse({ pfx, passphrase }, env);
    assert.ok(result.ok, JSON.stringify(result));
    assert.deepEqual(result.config.listen.tls?.pfx?.reveal(), good);
    assert.ok(!JSON.stringify(result.config).includes(base64.slice(0, 40)), 'it is printed');
  }
});

test('the environment names the file of a PFX', () => {
  const { file } = fileOf('good.pfx', good);
  const result = parse(
    { address: '127.0.0.1:1' },
    {
      SALLYPORT_LISTEN__TLS__ADDRESS: '127.0.0.1:8443',
      SALLYPORT_LISTEN__TLS__PFX__FILE: file,
      SALLYPORT_LISTEN__TLS__PASSPHRASE: passphrase,
    },
  );
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.config.listen.tls?.pfx?.reveal(), good);
  assert.equal(result.config.listen.tls?.address.port, 8443);
});

test('certificate and key in PEM are taken, with a passphrase for an encrypted key', () => {
  assert.ok(parse({ certificate, key }).ok);
  const cipher = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
  const encrypted = createPrivateKey(key).export(cipher).toString();
  assert.ok(parse({ certificate, key: encrypted, passphrase }).ok);
  assert.match(problemOf({ certificate, key: encrypted })[1], /is missing: the private key .* encrypted/);
  assert.match(problemOf({ certificate, key: encrypted, passphrase: 'x' })[1], /does not open/);
});

const bad: readonly (readonly [title: string, tls: () => object, path: string, reason: RegExp])[] = [
  ['nothing', () => ({}), 'listen.tls', /has no certificate/],
  ['a certificate alone', () => ({ certificate }), 'listen.tls.key', /is missing/],
  ['a key alone', () => ({ key }), 'listen.tls.certificate', /is missing/],
  ['both forms', () => ({ certificate, key, pfx: good.toString('base64') }), 'listen.tls.pfx', /already/],
  ['a key of another', () => ({ certificate, key: files.client.key }), 'listen.tls.key', /not the key/],
  [
    'a chain that begins with the authority',
    () => ({ certificate: files.client.certificate + certificate, key }),
    'listen.tls.key',
    /of the first certificate .* chain stands behind it/,
  ],
  ['a weak key', () => files.weak, 'listen.tls.certificate', /too weak/],
  ['no key', () => ({ certificate, key: 'abc' }), 'listen.tls.key', /no private key/],
  [
    'a wrong passphrase',
    () => ({ pfx: fileOf('a.pfx', good), passphrase: 'wrong' }),
    'listen.tls.passphrase',
    /does not open/,
  ],
  ['no passphrase', () => ({ pfx: fileOf('a.pfx', good) }), 'listen.tls.passphrase', /is missing/],
  [
    'a PFX in RC2',
    () => ({ pfx: fileOf('b.pfx', files.pfx('-legacy')), passphrase }),
    'listen.tls.pfx',
    /openssl pkcs12 -legacy/,
  ],
  [
    'a PFX without key',
    () => ({ pfx: fileOf('c.pfx', files.pfx('-nokeys')), passphrase }),
    'listen.tls.pfx',
    /no private key/,
  ],
  [
    'a PFX without certificate',
    () => ({ pfx: fileOf('d.pfx', files.pfx('-nocerts')), passphrase }),
    'listen.tls.pfx',
    /no certificate/,
  ],
  ['PEM as PFX', () => ({ pfx: fileOf('e.pfx', certificate) }), 'listen.tls.pfx', /no PKCS #12 file/],
  ['text that is no base64', () => ({ pfx: 'server.pfx' }), 'listen.tls.pfx', /not base64/],
  ['an empty file', () => ({ pfx: fileOf('f.pfx', '') }), 'listen.tls.pfx', /is empty/],
  ['a file that is not there', () => ({ pfx: { file: '/nowhere.pfx' } }), 'listen.tls.pfx', /ENOENT/],
  [
    'an authority that is never asked',
    () => ({ certificate, key, clientCa: certificate }),
    'listen.tls.clientCa',
    /nobody is asked/,
  ],
  ['TLS 1.1', () => ({ certificate, key, minVersion: 'TLSv1.1' }), 'listen.tls.minVersion', /one of/],
];
for (const [title, tls, path, reason] of bad) {
  test(`the check refuses ${title}, and says what to do`, () => {
    const [at, why] = title === 'TLS 1.1' ? shownProblem(parse(tls())) : problemOf(tls());
    assert.equal(at, path);
    assert.match(why, reason);
  });
}

function shownProblem(result: LoadResult): readonly [string, string] {
  assert.ok(!result.ok);
  return [result.problems[0]?.path ?? '', result.problems[0]?.reason ?? ''];
}

test('one port is not asked to speak both, and something has to listen', () => {
  const tls = { address: '127.0.0.1:8080', certificate, key };
  assert.equal(listenSchema.safeParse({ tls }).success, false);
  assert.equal(listenSchema.safeParse({ address: null }).success, false);
  assert.equal(listenSchema.safeParse({ address: null, tls }).success, true);
});

test('the JSON schema takes a PFX as text and as a reference', () => {
  const { properties } = createJsonSchema() as unknown as {
    properties: {
      listen: { properties: { tls: { properties: { pfx: { anyOf: object[]; kind?: string } } } } };
    };
  };
  const { pfx } = properties.listen.properties.tls.properties;
  assert.equal(pfx.anyOf.length, 3);
  assert.equal(pfx.kind, undefined);
});
