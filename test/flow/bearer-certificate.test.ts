/** Tokens that a certified provider bound to a certificate of the client (RFC 8705), at the gate's own TLS and behind a proxy. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { readJwt } from '../support/client-keys.ts';
import { type RunningGate, startGate } from '../support/gate.ts';
import { type RawSendOptions, rawSend, waitUntil } from '../support/raw.ts';
import { type Identity, makeTlsFiles } from '../support/tls-files.ts';
import { machineClient, machineToken } from '../support/token-client.ts';

const orders = 'urn:orders';
const files = makeTlsFiles();
const escaped = ({ certificate }: Identity) => encodeURIComponent(certificate);
const thumbprint = ({ certificate }: Identity) =>
  createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');

let gate: RunningGate;
let token: string;
let tlsPort: number;

before(async () => {
  gate = await startGate({
    provider: {
      apis: { resources: { [orders]: { scope: 'read', format: 'jwt' } }, certificateHeader: 'x-certificate' },
      machines: [machineClient('machine', { tls_client_certificate_bound_access_tokens: true })],
    },
    config: {
      apis: { orders: { issuers: ['main'], audience: [orders] } },
      routes: [{ path: '/**', cluster: 'app', authenticate: ['bearer'], api: 'orders' }],
      listen: {
        trustedProxies: ['127.0.0.1'],
        clientCertificateHeader: { name: 'X-SSL-Cert', format: 'pem-urlencoded' },
        tls: {
          address: '127.0.0.1:0',
          certificate: files.server.certificate,
          key: files.server.key,
          clientCertificates: 'optional',
        },
      },
    },
  });
  token = await machineToken(gate.provider.issuer, 'machine', {
    resource: orders,
    scope: 'read',
    headers: { 'x-certificate': escaped(files.client) },
  });
  await waitUntil(() => gate.events('process.started').length > 0);
  tlsPort = Number(String(gate.events('process.started')[0]?.tls).split(':')[1]);
});

after(async () => {
  await gate?.close();
  files[Symbol.dispose]();
});

interface Asked extends Pick<RawSendOptions, 'tls' | 'localAddress'> {
  readonly port?: number;
  readonly lines?: readonly string[];
}

async function ask({
  port = gate.port,
  lines = [],
  ...options
}: Asked): Promise<{ status: number; challenge: string }> {
  const head = [
    'GET /orders HTTP/1.1',
    `Host: ${new URL(gate.url).host}`,
    `Authorization: Bearer ${token}`,
    ...lines,
  ];
  const { responses, text } = await rawSend(port, `${head.join('\r\n')}\r\n\r\n`, {
    responses: 1,
    ...options,
  });
  const [answer] = responses;
  assert.ok(answer, text);
  return { status: answer.status, challenge: answer.header('www-authenticate') ?? '' };
}

async function isRefused(asked: Asked): Promise<void> {
  const reached = gate.received.length;
  const { status, challenge } = await ask(asked);
  assert.equal(status, 401);
  assert.match(challenge, /error="invalid_token"/);
  assert.equal(gate.received.length, reached);
}

/** From an address that is no trusted proxy. */
const withCertificate = ({ certificate, key }: Identity) => ({
  port: tlsPort,
  localAddress: '127.0.0.2',
  tls: { cert: certificate, key },
});
const saying = (identity: Identity) => [`X-SSL-Cert: ${escaped(identity)}`];

test('the provider bound the token to the certificate', () => {
  assert.deepEqual(readJwt(token).claims.cnf, { 'x5t#S256': thumbprint(files.client) });
});

describe("a bound token at the gate's own TLS listener", () => {
  test('passes with the certificate, on every connection', async () => {
    for (let i = 0; i < 2; i += 1) assert.equal((await ask(withCertificate(files.client))).status, 200);
  });

  test('RS-061: with another certificate is 401, though the token is remembered as good', () =>
    isRefused(withCertificate(files.stranger)));

  test('RS-061: without a certificate is 401', () =>
    isRefused({ port: tlsPort, localAddress: '127.0.0.2', tls: {} }));

  test('RS-061: with the header beside another certificate is 401', () =>
    isRefused({ ...withCertificate(files.stranger), lines: saying(files.client) }));
});

describe('a bound token behind a proxy that ends TLS', () => {
  test('passes with the certificate in the header, which goes no further', async () => {
    assert.equal((await ask({ lines: saying(files.client) })).status, 200);
    assert.equal(gate.received.at(-1)?.headers['x-ssl-cert'], undefined);
  });

  test('RS-061: with another certificate, or none, is 401', async () => {
    await isRefused({ lines: saying(files.stranger) });
    await isRefused({});
  });

  test('RS-061: a header from a peer that is no trusted proxy is worth nothing', () =>
    isRefused({ lines: saying(files.client), localAddress: '127.0.0.2' }));

  test('RS-061: the certificate of the proxy itself is not that of the client', () =>
    isRefused({ ...withCertificate(files.client), localAddress: '127.0.0.1' }));

  test('RS-061: other names of the header are worth nothing', () =>
    isRefused({
      lines: [
        `Client-Cert: :${new X509Certificate(files.client.certificate).raw.toString('base64')}:`,
        `X-Client-Cert: ${escaped(files.client)}`,
        `X-Forwarded-Client-Cert: Cert="${escaped(files.client)}"`,
      ],
    }));

  for (const [title, lines] of [
    ['two certificates', [...saying(files.client), ...saying(files.client)]],
    ['wrong base64', [`X-SSL-Cert: ${escaped(files.client).replace('MII', 'M*I')}`]],
    ['what is no certificate', ['X-SSL-Cert: hello']],
  ] as const) {
    test(`RS-062: ${title} is 400`, async () => {
      const reached = gate.received.length;
      assert.equal((await ask({ lines })).status, 400);
      assert.equal(gate.received.length, reached);
    });
  }
});
