/** What the gate has no opinion about passes it byte for byte: ranges, encodings, forms, frames. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { acceptFor } from '../../src/upstreams/websocket-handshake.ts';
import { answerWithHead, createEcho, type Echo } from '../support/echo.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';
import { rawConnect, rawSend, waitUntil } from '../support/raw.ts';

let echo: Echo;
let gate: GateAlone;
before(async () => {
  echo = await createEcho();
  gate = await startGateAlone({
    config: {
      providers: { main: { issuer: 'http://127.0.0.1:1', clientId: 'gate', clientSecret: 'secret-of-gate' } },
      clusters: { app: { targets: [echo.url] } },
      routes: [{ path: '/**', cluster: 'app', access: 'public' }],
    },
  });
});
beforeEach(() => {
  echo.reset();
  echo.answerWith(answerWithHead);
});
after(async () => {
  await gate.close();
  await echo.close();
});

const message = (start: string, ...lines: readonly string[]) =>
  [`${start} HTTP/1.1`, `Host: ${new URL(gate.url).host}`, 'X-CSRF: 1', ...lines, '', ''].join('\r\n');

test('HP-057, HP-058, DL-037: ranges and encodings are between client and application, however many', async () => {
  const range = `bytes=${Array.from({ length: 20 }, (_, i) => `${i}-1000`).join(',')}`;
  const lines = ['Accept-Encoding: gzip;q=1, br, *;q=0', `Range: ${range}`, 'If-Range: "abc"'];
  const compressed = '\x1f\x8b\x00not really gzip';
  echo.answerWith(
    () =>
      `HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\nContent-Range: bytes 0-9/99\r\nContent-Length: ${compressed.length}\r\n\r\n${compressed}`,
  );
  const { responses } = await rawSend(gate.port, message('GET /file', ...lines), { responses: 1 });
  assert.equal(echo.requests.length, 1);
  assert.deepEqual(echo.requests[0]?.all('range'), [range]);
  assert.deepEqual(echo.requests[0]?.all('if-range'), ['"abc"']);
  assert.deepEqual(echo.requests[0]?.all('accept-encoding'), ['gzip;q=1, br, *;q=0']);
  assert.equal(responses[0]?.status, 206);
  assert.equal(responses[0]?.header('content-encoding'), 'gzip');
  assert.equal(responses[0]?.header('content-range'), 'bytes 0-9/99');
  assert.equal(responses[0]?.body, compressed);
});

test('DL-016: a multipart form is streamed as it comes and never parsed', async () => {
  const type = 'multipart/form-data; boundary="a; b"; boundary=c';
  const part = '--c\r\nContent-Disposition: form-data; name="f"; filename="../../x\0"\r\n\r\nbeginning';
  const rest = `${'-'.repeat(200_000)}\r\n--no such boundary\r\n`;
  const peer = await rawConnect(gate.port);
  const length = part.length + rest.length;
  peer.write(message('POST /upload', `Content-Type: ${type}`, `Content-Length: ${length}`) + part);
  await waitUntil(() => echo.sees('beginning'));
  peer.write(rest);
  const [response] = await peer.waitResponses(1);
  assert.equal(response?.status, 200);
  assert.equal(echo.requests[0]?.body.toString('latin1'), part + rest);
  assert.deepEqual(echo.requests[0]?.all('content-type'), [type]);
  peer.destroy();
});

const frame = (...bytes: readonly number[]) => Buffer.from(bytes);
const hostileFrames: Readonly<Record<string, Buffer>> = {
  'a length of 2^63': frame(0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3),
  'a length of 2^64 - 1 with a mask': frame(0x82, 0xff, ...new Array<number>(8).fill(255), 1, 2, 3, 4, 5),
  'reserved bits and opcodes': frame(0xf3, 0x01, 0x00, 0x7b, 0x02, 0x00, 0x00),
  'text that is not UTF-8': frame(0x81, 0x03, 0xff, 0xfe, 0x00),
  'a control frame that is too long and fragmented': frame(0x09, 0x7e, 0x01, 0x00, ...new Array<number>(256)),
  'a close frame of one byte and data behind it': frame(0x88, 0x01, 0x03, 0x82, 0x01, 0x07),
  '200,000 empty fragments': Buffer.concat(new Array<Buffer>(200_000).fill(frame(0x00, 0x00))),
  'a deflate bomb': Buffer.concat([frame(0xc2, 0x7e, 0xff, 0xff), Buffer.alloc(65_535)]),
};
for (const [title, bytes] of Object.entries(hostileFrames)) {
  test(`HP-112: WebSocket frames are not parsed beyond counting: ${title}`, async () => {
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    echo.answerWith(
      () =>
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`,
    );
    const peer = await rawConnect(gate.port);
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    peer.write(message('GET /ws', ...lines, `Sec-WebSocket-Key: ${key}`));
    await peer.waitFor((it) => it.text().includes('\r\n\r\n'));
    const start = peer.received().length;
    peer.write(bytes);
    await peer.waitFor((it) => it.received().length >= start + bytes.length);
    assert.equal(digest(peer.received().subarray(start)), digest(bytes));
    peer.destroy();
  });
}
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

for (const name of ['Location', 'Set-Cookie', 'X-Any']) {
  for (const [title, inserted] of [
    ['a bare CR', '\rX-Injected: 1'],
    ['a bare LF', '\nX-Injected: 1'],
    ['a NUL', '\0X-Injected: 1'],
    ['a folded line', '\r\n X-Injected: 1'],
  ] as const) {
    test(`HP-093: no field of its own comes out of ${title} in ${name}`, async () => {
      echo.answerWith(() => `HTTP/1.1 302 Found\r\n${name}: /a${inserted}\r\nContent-Length: 0\r\n\r\n`);
      const { responses, text } = await rawSend(gate.port, message('GET /'), { responses: 1 });
      assert.equal(responses.length, 1);
      assert.doesNotMatch(text, /[\r\n\0][ \t]*X-Injected/i, text);
    });
  }
}
