/** RS-061 and RS-062: who may say what the certificate of a client is, and in which words. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { makeTlsFiles } from '../support/tls-files.ts';
import { type Carried, get, type Harness, startDoor } from '../unit/doors/door-harness.ts';

const files = makeTlsFiles();
after(() => files[Symbol.dispose]());

const der = (pem: string) => new X509Certificate(pem).raw;
const thumbprint = (pem: string) => createHash('sha256').update(der(pem)).digest('base64url');
const { certificate } = files.client;
const base64 = der(certificate).toString('base64');
const byteSequence = `:${base64}:`;
const escaped = encodeURIComponent(certificate);

const startBehind = (format: string, name = 'X-SSL-Cert', trusted = '127.0.0.1'): Promise<Harness> =>
  startDoor({
    listen: {
      trustedProxies: [trusted],
      clientCertificateHeader: { name, format },
      limits: { head: '128KiB' },
    },
  });

async function headOf(harness: Harness, ...lines: readonly string[]) {
  const before = harness.carried.length;
  const { responses, text } = await harness.send(get('/a', ...lines), { responses: 1 });
  assert.equal(responses[0]?.status, 200, text);
  return (harness.carried[before] as Carried).exchange.head;
}

const names = [
  'Client-Cert',
  'Client-Cert-Chain',
  'X-SSL-Cert',
  'X-SSL-Client-Cert',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Tls-Client-Cert',
  'X-Client-Cert',
  'x-ssl-CERT',
  'X_SSL_Cert',
];

describe('RS-061: a certificate in a header', () => {
  for (const [title, start] of [
    ['where nothing is configured', () => startDoor()],
    ['from a peer that is not trusted', () => startBehind('rfc9440', 'X-SSL-Cert', '192.0.2.1')],
  ] as const) {
    test(`RS-061: ${title}, it is believed by nobody and goes no further`, async () => {
      await using harness = await start();
      const lines = names.flatMap((name) => [`${name}: ${byteSequence}`, `${name}: ${escaped}`]);
      const head = await headOf(harness, ...lines);
      assert.equal(head.client.certificateThumbprint, null);
      assert.deepEqual(head.headers, ['host', 'app.test']);
    });
  }

  for (const [format, value] of [
    ['rfc9440', byteSequence],
    ['pem-urlencoded', escaped],
  ] as const) {
    test(`RS-061: from a trusted proxy (${format}) it is the client's, and is not forwarded`, async () => {
      await using harness = await startBehind(format);
      const head = await headOf(harness, `x-ssl-cert: ${value}`, 'X-Forwarded-For: 203.0.113.9');
      assert.deepEqual(head.client, {
        address: '203.0.113.9',
        scheme: 'http',
        certificateThumbprint: thumbprint(certificate),
      });
      assert.ok(!head.headers.includes('x-ssl-cert'));
      const again = await headOf(harness, `X-SSL-Cert: ${value}`);
      assert.equal(again.client.certificateThumbprint, thumbprint(certificate));
      const without = await headOf(harness);
      assert.equal(without.client.certificateThumbprint, null);
    });
  }

  test('RS-061: another client behind the same proxy is another one', async () => {
    await using harness = await startBehind('pem-urlencoded', 'X-My-Certificate');
    for (const pem of [files.client.certificate, files.stranger.certificate]) {
      const head = await headOf(harness, `x-my-certificate: ${encodeURIComponent(pem)}`);
      assert.equal(head.client.certificateThumbprint, thumbprint(pem));
      assert.ok(!head.headers.includes('x-my-certificate'));
    }
  });

  test('RS-061: only the configured header is read', async () => {
    await using harness = await startBehind('rfc9440', 'Client-Cert');
    const head = await headOf(harness, `X-SSL-Cert: ${byteSequence}`);
    assert.equal(head.client.certificateThumbprint, null);
  });
});

const chain = `:${Buffer.alloc(37_500, 1).toString('base64')}:`;
const refused: Readonly<Record<string, readonly (readonly [title: string, values: readonly string[]])[]>> = {
  rfc9440: [
    ['two values', [byteSequence, byteSequence]],
    ['two values in one line', [`${byteSequence}, ${byteSequence}`]],
    ['nothing', ['']],
    ['an empty sequence', ['::']],
    ['no colons', [base64]],
    ['a parameter', [`${byteSequence};a=1`]],
    ['base64url', [byteSequence.replace('+', '-').replace('/', '_').replace(':MII', ':M-I')]],
    ['white space in the base64', [`:${base64.slice(0, 8)} ${base64.slice(8)}:`]],
    [
      'base64 without its padding',
      [`:${der(certificate).subarray(0, 100).toString('base64').replace(/=+$/, '')}:`],
    ],
    ['base64 of no certificate', [`:${Buffer.from('hello').toString('base64')}:`]],
    [
      'bytes behind the certificate',
      [`:${Buffer.concat([der(certificate), Buffer.alloc(3)]).toString('base64')}:`],
    ],
    ['half a certificate', [`:${der(certificate).subarray(0, 200).toString('base64')}:`]],
    ['PEM', [escaped]],
    ['a chain of 50 kB', [chain]],
  ],
  'pem-urlencoded': [
    ['two values', [escaped, escaped]],
    ['two certificates', [escaped + escaped]],
    ['nothing', ['']],
    ['wrong percent encoding', [`${escaped}%`]],
    ['no UTF-8', [`${escaped}%ff`]],
    ['a key', [encodeURIComponent(files.client.key)]],
    ['text before it', [`x${escaped}`]],
    ['wrong base64', [escaped.replace('MII', 'M*I')]],
    ['bare base64', [base64]],
    ['the form of RFC 9440', [byteSequence]],
    ['a chain of 50 kB', [encodeURIComponent(certificate.repeat(80)).slice(0, 50_000)]],
  ],
};

for (const [format, cases] of Object.entries(refused)) {
  describe(`RS-062: ${format}`, async () => {
    const harness = await startBehind(format);
    after(() => harness[Symbol.asyncDispose]());
    for (const [title, values] of cases) {
      test(`RS-062: ${title} is 400, and nothing is decided`, async () => {
        const before = harness.decided.length;
        const bytes = get('/a', ...values.map((value) => `X-SSL-Cert: ${value}`));
        const { responses, text, closed } = await harness.send(bytes);
        assert.equal(responses[0]?.status, 400, text);
        assert.equal(closed, true);
        assert.equal(harness.decided.length, before);
        const { decision, error } = harness.finished.at(-1) ?? {};
        assert.deepEqual([decision, error], ['client-certificate', 'ERR_CLIENT_CERTIFICATE']);
      });
    }
  });
}

test('RS-062: a chain of 50 kB is too large a head, unless heads may be larger', async () => {
  await using harness = await startDoor();
  const { responses } = await harness.send(get('/a', `Client-Cert: ${chain}`));
  assert.equal(responses[0]?.status, 431);
});
