/** The TLS listener of the door: what it speaks, what it refuses to wait for, and that it frames as the plain one does. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { rawConnect, rawSend, waitUntil } from '../support/raw.ts';
import { makeTlsFiles } from '../support/tls-files.ts';
import {
  get,
  type Harness,
  type HarnessOptions,
  message,
  respond,
  smuggled,
  startDoor,
} from '../unit/doors/door-harness.ts';

const files = makeTlsFiles();
after(() => files[Symbol.dispose]());
const { certificate, key } = files.server;

const startTls = (tls: object = {}, options: HarnessOptions = {}): Promise<Harness> =>
  startDoor({
    ...options,
    listen: {
      address: null,
      ...options.listen,
      tls: { address: '127.0.0.1:0', certificate, key, ...tls },
    },
  });

/** Resolves with the socket after the handshake; rejects when there is none. */
function shake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

async function shaken<T>(
  port: number,
  options: ConnectionOptions,
  read: (socket: TLSSocket) => T,
): Promise<T> {
  const socket = await shake(port, options);
  try {
    return read(socket);
  } finally {
    socket.destroy();
  }
}

const isServed = async (harness: Harness) => {
  const { responses } = await rawSend(harness.tlsPort, get('/next'), { tls: {}, responses: 1 });
  assert.equal(responses[0]?.status, 200);
};

describe('what the TLS listener speaks', { concurrency: 4 }, () => {
  test('TLS 1.3 and 1.2 with forward secrecy and authenticated encryption, and HTTP/1.1 alone', async () => {
    await using harness = await startTls();
    const protocol = (options: ConnectionOptions) =>
      shaken(harness.tlsPort, options, (socket) => socket.getProtocol());
    assert.equal(await protocol({}), 'TLSv1.3');
    assert.equal(await protocol({ maxVersion: 'TLSv1.2' }), 'TLSv1.2');
    const chosen = await shaken(
      harness.tlsPort,
      { ALPNProtocols: ['h2', 'http/1.1'] },
      (socket) => socket.alpnProtocol,
    );
    assert.equal(chosen, 'http/1.1');
    await assert.rejects(shake(harness.tlsPort, { ALPNProtocols: ['h2'] }));
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await assert.rejects(shake(harness.tlsPort, old));
    for (const ciphers of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'AES128-GCM-SHA256'])
      await assert.rejects(shake(harness.tlsPort, { maxVersion: 'TLSv1.2', ciphers }), ciphers);
    await isServed(harness);
  });

  test('TLS 1.2 is refused where 1.3 is the oldest version', async () => {
    await using harness = await startTls({ minVersion: 'TLSv1.3' });
    await assert.rejects(shake(harness.tlsPort, { maxVersion: 'TLSv1.2' }));
    await isServed(harness);
  });

  test('no connection takes up the session of another one', async () => {
    await using harness = await startTls();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      let session: Buffer | undefined;
      const first = await shake(harness.tlsPort, { maxVersion });
      first.on('session', (it: Buffer) => {
        session = it;
      });
      first.write(get('/a', 'Connection: close'));
      await new Promise((resolve) => first.resume().once('end', resolve));
      session ??= first.getSession();
      const reused = await shaken(
        harness.tlsPort,
        { maxVersion, ...(session === undefined ? {} : { session }) },
        (socket) => socket.isSessionReused(),
      );
      assert.equal(reused, false, maxVersion);
    }
  });

  test('the head says https and who is there; both listeners serve the same door', async () => {
    await using harness = await startTls({}, { listen: { address: '127.0.0.1:0' } });
    await isServed(harness);
    await harness.send(get('/plain'), { responses: 1 });
    assert.deepEqual(
      harness.carried.map(({ exchange }) => exchange.head.client),
      ['https', 'http'].map((scheme) => ({ address: '127.0.0.1', scheme, certificateThumbprint: null })),
    );
  });

  test('http on the TLS port and TLS on the http port end at once, and others are served', async () => {
    await using harness = await startTls({}, { listen: { address: '127.0.0.1:0' } });
    const plain = await rawSend(harness.tlsPort, get('/a'));
    assert.equal(plain.closed, true);
    assert.deepEqual(plain.responses, []);
    await assert.rejects(shake(harness.port));
    assert.deepEqual(harness.decided, []);
    await isServed(harness);
  });
});

describe('what the TLS listener refuses to wait for', { concurrency: 8 }, () => {
  test('DL-008: a handshake that does not come, or comes byte by byte, ends after ten seconds', {
    timeout: 30_000,
  }, async (t) => {
    // The second one would keep any timer of idleness from ending it.
    await using harness = await startTls();
    const begun = performance.now();
    const silent = connect(harness.tlsPort, '127.0.0.1');
    const slow = connect(harness.tlsPort, '127.0.0.1');
    const hello = Buffer.from('16030100c8010000c40303'.padEnd(400, '0'), 'hex');
    let sent = 0;
    const drip = setInterval(() => slow.write(hello.subarray(sent, ++sent)), 500);
    t.after(() => clearInterval(drip));
    const ended = [silent, slow].map(
      (socket) =>
        new Promise<number>((resolve) => {
          socket.on('error', () => {});
          socket.on('close', () => resolve(performance.now() - begun)).resume();
        }),
    );
    for (const took of await Promise.all(ended)) assert.ok(took > 8000 && took < 20_000, String(took));
    await isServed(harness);
  });

  test('DL-008: a client of TLS 1.2 has no second handshake on its connection', async () => {
    await using harness = await startTls();
    const socket = await shake(harness.tlsPort, { maxVersion: 'TLSv1.2' });
    const outcome = new Promise<Error | null>((resolve) => {
      socket.removeAllListeners('error').on('error', resolve);
      socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error));
    });
    assert.match(String((await outcome)?.message), /renegotiation/i);
    socket.destroy();
    await isServed(harness);
  });

  test('DL-001: a head that comes byte by byte is answered with 408 over TLS as well', async () => {
    await using harness = await startTls({}, { listen: { timeouts: { head: '200ms' } } });
    const peer = await rawConnect(harness.tlsPort, { tls: {} });
    peer.write('GET /a HTTP/1.1\r\nHost: app.test\r\nX: ');
    const timer = setInterval(() => peer.write('a'), 20);
    await peer.waitClosed().finally(() => clearInterval(timer));
    assert.equal(peer.responses()[0]?.status, 408);
    peer.destroy();
  });

  test('DL-003: a body that stops or trickles is answered with 408 over TLS as well', async () => {
    await using harness = await startTls({}, { listen: { timeouts: { body: '300ms' } } });
    for (const every of [60_000, 20]) {
      const peer = await rawConnect(harness.tlsPort, { tls: {} });
      peer.write(message('POST /a HTTP/1.1', 'Host: app.test', 'Content-Length: 100000'));
      peer.write('abc');
      const timer = setInterval(() => peer.write('a'), every);
      await peer.waitClosed().finally(() => clearInterval(timer));
      assert.equal(peer.responses()[0]?.status, 408);
      peer.destroy();
    }
  });

  test('DL-003: an upload that goes on is not ended', async () => {
    await using harness = await startTls({}, { listen: { timeouts: { body: '300ms' } } });
    const peer = await rawConnect(harness.tlsPort, { tls: {} });
    peer.write(message('POST /a HTTP/1.1', 'Host: app.test', 'Content-Length: 20000'));
    for (let part = 0; part < 20; part += 1) {
      peer.write('a'.repeat(1000));
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    const [answer] = await peer.waitResponses(1);
    assert.equal(answer?.status, 200);
    peer.destroy();
  });

  test('DL-004: an answer that is not read ends its connection over TLS as well', async () => {
    const body = 'a'.repeat(8 * 1024 * 1024);
    await using harness = await startTls(
      {},
      { listen: { timeouts: { stall: '400ms' } }, decide: () => respond(200, { body }) },
    );
    const peer = await rawConnect(harness.tlsPort, { tls: {} });
    peer.pause();
    peer.write(get('/a'));
    await waitUntil(() => harness.decided.length === 1);
    // The last one: then the connection of the door is gone.
    await waitUntil(() => harness.finished.length === 1 && harness.door.inFlight() === 0);
    peer.destroy();
  });

  test('the limit of connections is that of both listeners together, handshakes among them', async () => {
    await using harness = await startTls(
      {},
      { listen: { address: '127.0.0.1:0', limits: { connections: 3 } } },
    );
    const open = [
      await rawConnect(harness.port),
      await rawConnect(harness.tlsPort, { tls: {} }),
      await rawConnect(harness.tlsPort),
    ];
    const more = await Promise.all([rawConnect(harness.port), rawConnect(harness.tlsPort)]);
    for (const peer of more) await peer.waitClosed();
    for (const peer of [...open, ...more]) peer.destroy();
    let served = false;
    await waitUntil(() => {
      void rawSend(harness.port, get('/a'), { responses: 1 }).then(({ responses }) => {
        served ||= responses[0]?.status === 200;
      });
      return served;
    });
  });
});

const framing: readonly (readonly [id: string, title: string, bytes: string])[] = [
  [
    'HP-001',
    'both Content-Length and Transfer-Encoding',
    `${message('POST /a HTTP/1.1', 'Host: app.test', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  ],
  [
    'HP-002',
    'two Content-Length fields',
    message('POST /a HTTP/1.1', 'Host: app.test', 'Content-Length: 0', 'Content-Length: 5'),
  ],
  [
    'HP-013',
    'another transfer coding',
    message('POST /a HTTP/1.1', 'Host: app.test', 'Transfer-Encoding: xchunked'),
  ],
  [
    'HP-024',
    'a bare line feed behind a chunk extension',
    `${message('POST /a HTTP/1.1', 'Host: app.test', 'Transfer-Encoding: chunked')}1;a\na\r\n0\r\n\r\n`,
  ],
  [
    'HP-007',
    'white space before the colon of a length',
    message('GET /a HTTP/1.1', 'Host: app.test', 'Content-Length : 40'),
  ],
  ['HP-041', 'two hosts', message('GET /a HTTP/1.1', 'Host: app.test', 'Host: evil.test')],
];

describe('framing over TLS', () => {
  for (const [id, title, bytes] of framing) {
    test(`${id}: ${title}: refused, and nothing behind it is looked at`, async () => {
      await using harness = await startTls();
      const result = await rawSend(harness.tlsPort, bytes + smuggled, { tls: {} });
      assert.equal(result.closed, true);
      assert.equal(result.responses.length, 1, result.text);
      const status = result.responses[0]?.status ?? 0;
      assert.ok((status >= 400 && status < 500) || status === 501, result.text);
      assert.ok(!harness.decided.includes('GET /smuggled'), result.text);
      await isServed(harness);
    });
  }

  test('requests in one piece are answered in order, with bodies, and an upgrade is handed over', async () => {
    await using harness = await startTls(
      {},
      {
        carryUpgrade(exchange) {
          exchange.socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhello');
          exchange.finish({
            status: 101,
            upstreamMs: 1,
            bytesIn: 0,
            bytesOut: 0,
            error: null,
            aborted: false,
          });
        },
      },
    );
    const post = message('POST /b HTTP/1.1', 'Host: app.test', 'Content-Length: 3');
    const { responses } = await rawSend(harness.tlsPort, `${get('/a')}${post}abc${get('/c')}`, {
      tls: {},
      responses: 3,
    });
    assert.deepEqual(
      responses.map(({ body }) => body),
      ['GET /a []', 'POST /b [abc]', 'GET /c []'],
    );
    const upgrade = get('/ws', 'Connection: Upgrade', 'Upgrade: websocket');
    const { text } = await rawSend(harness.tlsPort, upgrade, { tls: {} });
    assert.match(text, /^HTTP\/1\.1 101 [\s\S]*hello$/);
  });
});

describe('HP-048: the name of the handshake and the host of the request', () => {
  const send = async (harness: Harness, servername: string | undefined, host: string) => {
    const tls = servername === undefined ? {} : { servername };
    const bytes = message('GET /a HTTP/1.1', `Host: ${host}`, 'Connection: close');
    return (await rawSend(harness.tlsPort, bytes, { tls })).responses[0]?.status;
  };
  const listen = { hosts: ['other.test', 'app.test:8443'] };

  for (const clientCertificates of ['optional', 'required']) {
    test(`HP-048: are the same where client certificates are ${clientCertificates}, else it is 421`, async () => {
      await using harness = await startTls({ clientCertificates }, { listen });
      const own = { cert: files.stranger.certificate, key: files.stranger.key };
      const bytes = (host: string) => message('GET /a HTTP/1.1', `Host: ${host}`, 'Connection: close');
      const status = async (servername: string, host: string) => {
        const result = await rawSend(harness.tlsPort, bytes(host), { tls: { ...own, servername } });
        return result.responses[0]?.status;
      };
      assert.equal(await status('other.test', 'app.test'), 421);
      assert.equal(await status('app.test', 'other.test'), 421);
      assert.equal(await status('APP.test', 'app.TEST'), 200);
      assert.equal(await status('app.test', 'app.test:8443'), 200);
      assert.deepEqual(harness.finished.map(({ decision }) => decision).slice(0, 2), [
        'server-name',
        'server-name',
      ]);
    });
  }

  test('HP-048: may differ where nobody is asked for a certificate', async () => {
    await using harness = await startTls({}, { listen });
    assert.equal(await send(harness, 'other.test', 'app.test'), 200);
    assert.equal(await send(harness, undefined, 'app.test'), 200);
  });
});

describe('shutting both listeners', () => {
  test('a TLS port that is taken is said plainly, and the other listener is closed with the door', async () => {
    await using first = await startTls();
    const freed = await startTls({}, { listen: { address: '127.0.0.1:0' } });
    const { port } = freed;
    await freed[Symbol.asyncDispose]();
    const address = `127.0.0.1:${port}`;
    await assert.rejects(startTls({ address: `127.0.0.1:${first.tlsPort}` }, { listen: { address } }), {
      message: `127.0.0.1:${first.tlsPort} is taken: another process listens there`,
    });
    await assert.rejects(rawConnect(port));
  });

  test('what runs over TLS is finished, idle connections and begun handshakes are closed', async () => {
    const answers: (() => void)[] = [];
    const harness = await startTls(
      {},
      {
        listen: { address: '127.0.0.1:0', timeouts: { drain: '5s' } },
        decide: () => new Promise((resolve) => answers.push(() => resolve(respond(200)))),
      },
    );
    const idle = await rawConnect(harness.tlsPort, { tls: {} });
    const begun = await rawConnect(harness.tlsPort);
    const busy = await rawConnect(harness.tlsPort, { tls: {} });
    busy.write(get('/a'));
    await busy.waitFor(() => answers.length === 1);
    const asked = performance.now();
    const closed = harness.door.close();
    await idle.waitClosed();
    answers[0]?.();
    const [answer] = await busy.waitResponses(1);
    assert.equal(answer?.header('connection'), 'close');
    assert.equal(await closed, true);
    assert.ok(performance.now() - asked < 8000, 'it waited for the end of a handshake');
    await begun.waitClosed();
    await assert.rejects(rawConnect(harness.tlsPort));
    await assert.rejects(rawConnect(harness.port));
    for (const peer of [idle, begun, busy]) peer.destroy();
  });
});
