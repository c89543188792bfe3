/** Answers that are not HTTP: a clear 502, a connection broken off, never a crash and never somebody else's answer. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CarrierDoor, createCarrierDoor } from '../support/carrier-door.ts';
import { createEcho, type Echo } from '../support/echo.ts';
import { rawConnect, rawSend } from '../support/raw.ts';

let echo: Echo;
let door: CarrierDoor;

before(async () => {
  echo = await createEcho();
  door = await createCarrierDoor({ targets: [echo.url] });
});
after(async () => {
  await door.close();
  await echo.close();
});

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

const invalid: readonly (readonly [string, string, string])[] = [
  [
    'HP-088',
    'Content-Length and Transfer-Encoding',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['HP-088', 'two Content-Lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['HP-088', 'a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['HP-088', 'a folded line', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'a NUL', 'HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'a bare CR', 'HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'a control character', 'HTTP/1.1 200 OK\r\nX-A: b\x01c\r\nContent-Length: 0\r\n\r\n'],
  [
    'HP-088',
    'a head of 20 KiB',
    `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(20_480)}\r\nContent-Length: 0\r\n\r\n`,
  ],
  [
    'DL-042',
    'a head of 1 MB',
    `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(1_000_000)}\r\nContent-Length: 0\r\n\r\n`,
  ],
  [
    'DL-042',
    '2000 fields',
    `HTTP/1.1 200 OK\r\n${'X-Filler: a-value\r\n'.repeat(2000)}Content-Length: 0\r\n\r\n`,
  ],
  ['HP-088', 'the status 099', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'the status 000', 'HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'the status 600', 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'the status 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'the status 1000', 'HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'another version', 'HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HP-088', 'no HTTP at all', 'SSH-2.0-OpenSSH_9.0\r\n\r\n'],
  [
    'HP-089',
    'fifty 100s',
    `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(50)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
  ],
  [
    'HP-089, HP-107',
    'an unsolicited 101',
    'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  ],
  ['DL-043', 'endless 103s', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(5000)],
];
for (const [id, title, bytes] of invalid) {
  test(`${id}: ${title} is a 502, and the next request is served`, async () => {
    const failed = door.failures.length;
    echo.answerWith(() => bytes);
    const { responses } = await rawSend(door.port, get, { responses: 1 });
    assert.equal(responses[0]?.status, 502);
    assert.equal(responses[0]?.body, 'ERR_UPSTREAM_INVALID');
    assert.equal(door.failures.length, failed + 1);
    const event = door.events.at(-1);
    assert.equal(event?.name, 'upstream.failed');
    assert.match(JSON.stringify(event?.event), /"cause":"[A-Za-z][A-Za-z0-9_-]{0,63}"/);
    assert.equal(JSON.stringify(event?.event).includes('127.0.0.1'), false);
    echo.answerWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    assert.equal((await rawSend(door.port, get, { responses: 1 })).responses[0]?.body, 'ok');
  });
}

test('HP-089: a 103 before the answer is taken and not passed on', async () => {
  echo.answerWith(
    () => 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  );
  const { responses } = await rawSend(door.port, get, { responses: 1 });
  assert.deepEqual(
    responses.map((one) => one.status),
    [200],
  );
  assert.equal(responses[0]?.header('link'), null);
});

const truncated: readonly (readonly [string, string])[] = [
  ['a body shorter than its Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'],
  ['a chunked body without its end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ['a chunk cut short', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc'],
  ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n'],
];
for (const [title, bytes] of truncated) {
  test(`HP-090: after ${title} the client's connection is broken off, not ended`, async () => {
    echo.answerWith((_request, socket) => void socket.end(bytes, 'latin1'));
    const count = door.outcomes.length;
    const peer = await rawConnect(door.port);
    peer.write(get);
    await peer.waitClosed();
    const answer = peer.responses()[0];
    assert.notEqual(answer?.complete, true);
    assert.equal(peer.text().endsWith('0\r\n\r\n'), false);
    peer.destroy();
    assert.equal(door.outcomes.length, count + 1);
    assert.equal(door.outcomes.at(-1)?.aborted, true);
    assert.equal(door.outcomes.at(-1)?.error?.code, 'ERR_UPSTREAM_INVALID');
  });
}

test('HP-090: a body that ends with its connection arrives whole', async () => {
  echo.answerWith((_request, socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'));
  const { responses } = await rawSend(door.port, get, { responses: 1 });
  assert.equal(responses[0]?.body, 'until the end');
  assert.equal(responses[0]?.complete, true);
});

test("HP-087: bytes after an answer never become somebody else's answer", async () => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
  echo.answerWith((request) => {
    const body = request.target;
    return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}${poison}`;
  });
  for (let round = 0; round < 3; round += 1) {
    const bodies = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const target = `/user-${round}-${index}`;
        const { responses } = await rawSend(door.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, {
          responses: 1,
        });
        return [target, responses[0]?.body];
      }),
    );
    for (const [target, body] of bodies) assert.equal(body, target);
  }
});

test('trailers of the application arrive, without those that change the message', async () => {
  echo.answerWith(
    () =>
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nSet-Cookie: sallyport=evil\r\nCache-Control: public\r\nConnection: close\r\n\r\n',
  );
  const { text } = await rawSend(door.port, get, { responses: 1 });
  assert.match(text, /\r\n0\r\nX-Sum: 1\r\n\r\n$/i);
});

test('HP-028: trailers of the client are not merged into anything', async () => {
  echo.answerWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  await rawSend(
    door.port,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-User: admin\r\nAuthorization: x\r\n\r\n',
    { responses: 1 },
  );
  const request = echo.requests.at(-1);
  assert.equal(request?.body.toString(), 'abc');
  assert.equal(request?.raw.includes('admin'), false);
  assert.equal(request?.raw.toString().includes('uthorization'), false);
});
