/** Carrying an ordinary request: what arrives, what comes back, how it ends. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CarrierDoor, createCarrierDoor } from '../../support/carrier-door.ts';
import { createEcho, type Echo } from '../../support/echo.ts';
import { rawSend, waitUntil } from '../../support/raw.ts';

let echo: Echo;
let door: CarrierDoor;

before(async () => {
  echo = await createEcho();
  door = await createCarrierDoor({ targets: [`${echo.url}/base`] });
});
after(async () => {
  await door.close();
  await echo.close();
});

test('a request reaches the target under its base path and the answer comes back', async () => {
  const answer = await fetch(`${door.url}/a/b?c=d%20e`, { headers: { accept: 'text/plain' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('x-request-id'), 'request-id-1');
  assert.match(await answer.text(), /^GET \/base\/a\/b\?c=d%20e HTTP\/1\.1\r\n/);
  await waitUntil(() => door.outcomes.length > 0);
  const outcome = door.outcomes.at(-1);
  assert.equal(outcome?.status, 200);
  assert.equal(outcome?.aborted, false);
  assert.equal(outcome?.error, null);
  assert.ok((outcome?.bytesOut ?? 0) > 0);
  assert.equal(door.carrier.inFlight(), 0);
});

test('a small body arrives with its length, in whatever pieces it came', async () => {
  await fetch(`${door.url}/small`, { method: 'POST', body: 'hello' });
  const request = echo.requests.at(-1);
  assert.equal(request?.body.toString(), 'hello');
  assert.deepEqual(request?.all('content-length'), ['5']);
  assert.deepEqual(request?.all('transfer-encoding'), []);
});

test('a large body of known length keeps its length', async () => {
  const body = Buffer.alloc(300_000, 'x');
  await fetch(`${door.url}/large`, { method: 'PUT', body });
  const request = echo.requests.at(-1);
  assert.equal(request?.body.length, body.length);
  assert.deepEqual(request?.all('content-length'), [String(body.length)]);
});

test('a body of unknown length arrives chunked', async () => {
  const result = await rawSend(
    door.port,
    'POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    { responses: 1 },
  );
  assert.equal(result.responses[0]?.status, 200);
  const request = echo.requests.at(-1);
  assert.equal(request?.body.toString(), 'abcde');
  assert.deepEqual(request?.all('transfer-encoding'), ['chunked']);
  assert.deepEqual(request?.all('content-length'), []);
});

test('a POST without a body says so', async () => {
  await fetch(`${door.url}/empty`, { method: 'POST' });
  assert.deepEqual(echo.requests.at(-1)?.all('content-length'), ['0']);
});

for (const [title, answer, status] of [
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n', 200],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 204],
  ['304', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', 304],
] as const) {
  test(`an answer without a body ends with its head: ${title}`, async () => {
    echo.answerWith(() => answer);
    const method = title === 'HEAD' ? 'HEAD' : 'GET';
    const result = await rawSend(door.port, `${method} /x HTTP/1.1\r\nHost: a\r\n\r\n`, {
      responses: 1,
      methods: [method],
    });
    assert.equal(result.responses[0]?.status, status);
    assert.equal(result.responses[0]?.complete, true);
    assert.equal(result.text.endsWith('\r\n\r\n'), true);
    if (title === 'HEAD') assert.equal(result.responses[0]?.header('content-length'), '500');
  });
}
