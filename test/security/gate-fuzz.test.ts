/** DL-047 through the whole gate: thousands of mutated messages, and what has to hold whatever they are. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createEcho } from '../support/echo.ts';
import { cookieOf, startGate } from '../support/gate.ts';
import { rawSend, waitUntil } from '../support/raw.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const messages = 4000;

const pieces = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    '\0',
    '\x7f',
    '\u00ff',
    ',',
    ';',
    '0',
    '-1',
    '%',
    '\\',
    '//',
  ],
  ...['HTTP/1.0', 'HTTP/2.0', '0\r\n\r\n', 'ffffffff\r\n', '..', '%2e', '?', '#', '=', '"', 'a'.repeat(300)],
];

const lines = [
  ...[
    'Content-Length: 5',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: identity',
    'Host: x',
  ],
  ...[
    'Connection: close',
    'Connection: Upgrade',
    'Connection: X-User, Cookie',
    'Upgrade: websocket',
    'Upgrade: h2c',
  ],
  ...[
    'X-User: root',
    'x_user: root',
    'X.User: root',
    'X-User : root',
    ' X-User: root',
    'X-ROUTE: root',
    'TE: trailers',
  ],
  ...[
    'Cookie: sallyport=a; sallyport=b',
    'Cookie: sallyport=a',
    'GET /app/x HTTP/1.1',
    'Expect: 100-continue',
  ],
  ...[
    'Via: 1.1 root',
    'X-Forwarded-For: root',
    'Forwarded: for=root',
    'X-Original-URL: /root',
    'Range: bytes=0-',
  ],
  ...[
    'Content-Type: text/plain',
    'Origin: https://evil.test',
    'Sec-Fetch-Site: cross-site',
    'Trailer: X-User',
  ],
];

type Random = () => number;

const pick = (from: readonly string[], random: Random) => from[Math.floor(random() * from.length)] as string;

/** One to three changes: a line put in, or something within put in, taken out, doubled or turned over. */
function mutate(bytes: string, random: Random): string {
  let text = bytes;
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    if (random() < 0.6) text = putLine(text, random);
    else text = change(text, random);
  }
  return text;
}

function putLine(text: string, random: Random): string {
  const parts = text.split('\r\n');
  parts.splice(1 + Math.floor(random() * 3), 0, pick(lines, random));
  return parts.join('\r\n');
}

function change(text: string, random: Random): string {
  const at = Math.floor(random() * text.length);
  const end = at + 1 + Math.floor(random() * 12);
  const kind = random();
  if (kind < 0.5) return text.slice(0, at) + pick(pieces, random) + text.slice(at);
  if (kind < 0.7) return text.slice(0, at) + text.slice(end);
  if (kind < 0.85) return text.slice(0, end) + text.slice(at);
  return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(at + 1);
}

/** Sends, and leaves soon after the first bytes of an answer, or when none come: many messages have no end. */
function send(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let patience = setTimeout(() => socket.destroy(), 150);
    socket.once('data', () => {
      clearTimeout(patience);
      patience = setTimeout(() => socket.destroy(), 20);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(patience);
      resolve();
    });
    socket.resume();
    socket.write(Buffer.from(text, 'latin1'));
  });
}

test('DL-047: mutated messages crash nothing, reach nothing undecided, and make nobody somebody', async () => {
  const echo = await createEcho(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const gate = await startGate({
    appUrl: echo.url,
    config: {
      routes: [
        {
          name: 'public',
          path: '/public/**',
          cluster: 'app',
          access: 'public',
          requestHeaders: { 'X-Route': 'public' },
        },
        {
          name: 'app',
          path: '/app/**',
          cluster: 'app',
          access: 'signed-in',
          requestHeaders: { 'X-User': '{claims.sub}', 'X-Route': 'app' },
        },
      ],
    },
  });
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  try {
    const cookie = cookieOf(await gate.signIn('/app/'), gate.url);
    const { host } = new URL(gate.url);
    const head = (line: string, ...more: readonly string[]) =>
      [line, `Host: ${host}`, ...more, '', ''].join('\r\n');
    const seeds = [
      head('GET /public/a?x=1 HTTP/1.1', 'Accept: */*'),
      head('GET /app/a HTTP/1.1', `Cookie: ${cookie}`),
      `${head('POST /public/b HTTP/1.1', 'Content-Length: 5')}hello`,
      `${head('POST /app/b HTTP/1.1', `Cookie: ${cookie}`, 'Sec-Fetch-Site: same-origin', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      head('GET /app/c HTTP/1.1', 'Accept: text/html', 'Sec-Fetch-Mode: navigate'),
      head(
        'GET /public/ws HTTP/1.1',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
      ),
      head('GET /.auth/callback?code=a&state=b HTTP/1.1', 'Cookie: sallyport-login-x=y'),
      `${head('POST /.auth/logout HTTP/1.1', 'Content-Type: application/x-www-form-urlencoded', 'Content-Length: 3')}a=b`,
    ];
    const random = createSeededRandom(47);
    echo.reset();
    let left = messages;
    const worker = async () => {
      while (left-- > 0) await send(gate.port, mutate(seeds[left % seeds.length] as string, random));
    };
    await Promise.all(Array.from({ length: 64 }, worker));

    const next = await rawSend(gate.port, head('GET /public/next HTTP/1.1'), { responses: 1 });
    assert.equal(next.responses[0]?.status, 200, 'the gate goes on');
    await waitUntil(() => gate.logged().includes('"/public/next"'));
    const logged = new Map(gate.events('request.finished').map((line) => [line.requestId, line]));
    assert.ok(echo.requests.length > messages / 20, `${echo.requests.length} were carried`);
    for (const { head: received, target, headers, all } of echo.requests) {
      const line = logged.get(all('x-request-id')[0] as string);
      assert.ok(line, received);
      assert.equal(line.path, target.split('?')[0]);
      assert.deepEqual(all('x-route'), [line.route], received);
      const user = line.route === 'app' ? ['alice'] : [];
      assert.deepEqual(all('x-user'), user, received);
      assert.ok(all('host').length === 1 && all('content-length').length <= 1, received);
      const folded = headers.map(([name]) => name.toLowerCase().replace(/[^a-z0-9]/g, '-'));
      assert.equal(folded.filter((name) => name === 'x-user').length, user.length, received);
      assert.ok(!all('cookie').some((jar) => /(?:^|;)\s*sallyport=/.test(jar)), received);
      assert.ok(!all('x-forwarded-for').includes('root') && all('forwarded').length === 0, received);
    }
    assert.deepEqual(gate.events('request.crashed'), []);
    assert.deepEqual(rejections, []);
  } finally {
    process.off('unhandledRejection', onRejection);
    await gate.close();
    await echo.close();
  }
});
