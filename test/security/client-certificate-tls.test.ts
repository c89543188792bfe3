/** RFC 8705: the certificate that a client proves to hold in the TLS handshake, as requests are judged by it. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import { rawConnect, rawSend } from '../support/raw.ts';
import { type Identity, makeTlsFiles } from '../support/tls-files.ts';
import { type Carried, get, type Harness, startDoor } from '../unit/doors/door-harness.ts';

const files = makeTlsFiles();
after(() => files[Symbol.dispose]());

const start = (tls: object, listen: object = {}): Promise<Harness> =>
  startDoor({
    listen: { address: null, ...listen, tls: { address: '127.0.0.1:0', ...files.server, ...tls } },
  });

const thumbprintOf = ({ certificate }: Identity) =>
  createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');

const shown = (identity: Identity | null) =>
  identity === null ? {} : { cert: identity.certificate, key: identity.key };

/** The thumbprint that the request was judged by, or `closed` when there was no answer. */
async function seen(harness: Harness, identity: Identity | null, lines: readonly string[] = []) {
  const before = harness.carried.length;
  const bytes = get('/a', ...lines);
  // With TLS 1.3 the client learns only after its handshake that it was refused.
  const { responses } = await rawSend(harness.tlsPort, bytes, { tls: shown(identity), responses: 1 });
  if (responses[0]?.status !== 200) return 'closed';
  return (harness.carried[before] as Carried).exchange.head.client.certificateThumbprint;
}

const { client, stranger } = files;
const clientCa = files.authority.certificate;
const cases: readonly (readonly [
  tls: object,
  from: Identity | null,
  expected: string | null,
  title: string,
])[] = [
  [{ clientCertificates: 'none' }, client, null, 'is not asked for'],
  [{ clientCertificates: 'optional' }, null, null, 'is not there'],
  [{ clientCertificates: 'optional' }, client, thumbprintOf(client), 'counts, whoever signed it'],
  [{ clientCertificates: 'optional' }, stranger, thumbprintOf(stranger), 'counts, signed by itself'],
  [{ clientCertificates: 'optional', clientCa }, client, thumbprintOf(client), 'counts, signed by clientCa'],
  [{ clientCertificates: 'optional', clientCa }, stranger, null, 'does not count, not signed by clientCa'],
  [{ clientCertificates: 'required' }, stranger, thumbprintOf(stranger), 'is required and there'],
  [{ clientCertificates: 'required' }, null, 'closed', 'is required and not there'],
  [{ clientCertificates: 'required', clientCa }, client, thumbprintOf(client), 'is required and of clientCa'],
  [{ clientCertificates: 'required', clientCa }, stranger, 'closed', 'is required and not of clientCa'],
];

for (const [tls, from, expected, title] of cases) {
  test(`a client certificate ${title} (${Object.keys(tls).length === 2 ? 'clientCa, ' : ''}${Object.values(tls)[0]})`, async () => {
    await using harness = await start(tls);
    assert.equal(await seen(harness, from), expected);
    if (expected !== 'closed') return;
    const options = { tls: shown(from) };
    for (const bytes of ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 'garbage\r\n\r\n']) {
      const { responses } = await rawSend(harness.tlsPort, bytes, options);
      assert.deepEqual(responses, []);
    }
    const upgrade = get('/ws', 'Connection: Upgrade', 'Upgrade: websocket');
    assert.deepEqual((await rawSend(harness.tlsPort, upgrade, options)).responses, []);
    assert.deepEqual([harness.decided, harness.carried, harness.finished], [[], [], []]);
  });
}

test('RS-061: what a client says in a header changes nothing about the certificate of its connection', async () => {
  await using harness = await start({ clientCertificates: 'optional' });
  const claim = `Client-Cert: :${new X509Certificate(client.certificate).raw.toString('base64')}:`;
  assert.equal(await seen(harness, stranger, [claim]), thumbprintOf(stranger));
  assert.equal(await seen(harness, null, [claim]), null);
});

test('the certificate of a trusted proxy is not that of the clients behind it', async () => {
  const header = { name: 'Client-Cert', format: 'rfc9440' };
  await using harness = await start(
    { clientCertificates: 'required' },
    { trustedProxies: ['127.0.0.1'], clientCertificateHeader: header },
  );
  assert.equal(await seen(harness, stranger), null);
  const own = { ...shown(stranger), servername: 'gate.test' };
  const { responses } = await rawSend(harness.tlsPort, get('/a'), { tls: own, responses: 1 });
  assert.equal(responses[0]?.status, 200, 'a proxy speaks for many hosts');
  const claim = `Client-Cert: :${new X509Certificate(client.certificate).raw.toString('base64')}:`;
  assert.equal(await seen(harness, stranger, [claim, 'X-Forwarded-For: 203.0.113.9']), thumbprintOf(client));
});

test('every request of a connection is judged by the one certificate of its handshake', async () => {
  await using harness = await start({ clientCertificates: 'optional' });
  const peer = await rawConnect(harness.tlsPort, { tls: shown(client) });
  peer.write(get('/a'));
  await peer.waitResponses(1);
  peer.write(get('/b'));
  await peer.waitResponses(2);
  peer.destroy();
  const clients = harness.carried.map(({ exchange }) => exchange.head.client);
  assert.equal(clients[0]?.certificateThumbprint, thumbprintOf(client));
  assert.equal(clients[0], clients[1]);
});
