/** A 401 of the application: the token is renewed once and a request that can be repeated is sent once more. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Forward } from '../../src/core/decision.ts';
import type { MaybePromise } from '../../src/core/maybe-promise.ts';
import type { UpstreamToken } from '../../src/core/upstream-token.ts';
import {
  type CarrierDoor,
  type CarrierDoorOptions,
  createCarrierDoor,
  createSession,
} from '../support/carrier-door.ts';
import { createEcho, type Echo, type EchoAnswer } from '../support/echo.ts';
import { createRoute } from '../support/heads.ts';
import { rawConnect, rawSend, waitUntil } from '../support/raw.ts';

interface Renewal {
  readonly forward: () => Partial<Forward>;
  /** How often a renewal was asked for. */
  count(): number;
}

/** The token `old`, for which `renew` gives another. */
function renewing(renew: () => MaybePromise<UpstreamToken | null>): Renewal {
  let count = 0;
  const token: UpstreamToken = {
    ...bearer('old'),
    renew() {
      count += 1;
      return renew();
    },
  };
  const route = createRoute({ path: '/**', upstreamToken: 'access', retryUnauthorized: true });
  return {
    forward: () => ({ route, session: createSession(), upstreamToken: token }),
    count: () => count,
  };
}

function bearer(token: string): UpstreamToken {
  return { header: 'authorization', value: `Bearer ${token}`, prove: null, renew: null };
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const denied = (body = 'no', fields = '') =>
  `HTTP/1.1 401 Unauthorized\r\nX-First: yes\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const onlyNew: EchoAnswer = (request) =>
  request.all('authorization')[0] === 'Bearer new' ? ok : denied('no', 'WWW-Authenticate: Bearer\r\n');
const get = (path = '/a', method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: app.test\r\n\r\n`;
const one = { responses: 1 };

async function start(
  t: TestContext,
  options: { readonly answer: EchoAnswer; readonly renewal: Renewal } & Partial<CarrierDoorOptions>,
): Promise<{ echo: Echo; door: CarrierDoor }> {
  const echo = await createEcho(options.answer);
  t.after(() => echo.close());
  const { forward } = options.renewal;
  const door = await createCarrierDoor({ targets: [`${echo.url}/base`], forward, ...options });
  t.after(() => door.close());
  return { echo, door };
}

for (const method of ['GET', 'HEAD', 'OPTIONS']) {
  test(`RP-039: ${method} is sent again with the new token after a 401`, async (t) => {
    const renewal = renewing(async () => bearer('new'));
    const { echo, door } = await start(t, { answer: headAware, renewal });
    const result = await rawSend(door.port, get('/a?b=c', method), { ...one, methods: [method] });
    assert.equal(result.responses[0]?.status, 200);
    assert.equal(result.responses[0]?.header('x-first'), null);
    assert.deepEqual(
      echo.requests.map((request) => [request.method, request.target, request.all('authorization')]),
      [
        [method, '/base/a?b=c', ['Bearer old']],
        [method, '/base/a?b=c', ['Bearer new']],
      ],
    );
    assert.equal(renewal.count(), 1);
    await waitUntil(() => door.outcomes.length === 1);
    assert.equal(door.outcomes[0]?.status, 200);
    assert.equal(door.outcomes[0]?.error, null);
    assert.equal(door.carrier.inFlight(), 0);
  });
}
const headAware: EchoAnswer = (request, socket) => {
  const answer = onlyNew(request, socket) as string;
  return request.method === 'HEAD' ? answer.slice(0, answer.indexOf('\r\n\r\n') + 4) : answer;
};

test('RP-039: the connection of the first answer serves the second request', async (t) => {
  const renewal = renewing(async () => bearer('new'));
  const { echo, door } = await start(t, { answer: onlyNew, renewal, cluster: { connections: 1, queue: 0 } });
  for (let i = 1; i <= 3; i += 1) {
    assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 200);
    await waitUntil(() => door.outcomes.length === i);
  }
  assert.equal(echo.requests.length, 6);
  assert.equal(echo.accepted(), 1);
});

/** A 401 whose body never ends; tells what the system took of it. */
function endless(socket: Socket): void {
  const chunk = Buffer.alloc(1_048_576);
  const write = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.write('HTTP/1.1 401 No\r\nContent-Length: 100000000000\r\n\r\n');
  socket.on('drain', write);
  write();
}

/** More than buffers on the way hold, and less than is sent in the time that is given. */
const mostBytes = 33_554_432;

test('of a first answer no more is read than a new connection costs', async (t) => {
  const renewal = renewing(async () => bearer('new'));
  let first: Socket | null = null;
  const { door } = await start(t, {
    renewal,
    answer(request, socket) {
      if (request.all('authorization')[0] === 'Bearer new') return ok;
      first = socket;
      endless(socket);
      return undefined;
    },
  });
  assert.equal((await rawSend(door.port, get(), one)).responses[0]?.body, 'hello');
  await waitUntil(() => first?.destroyed === true);
  assert.ok(((first as Socket | null)?.bytesWritten ?? 0) < mostBytes);
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.carrier.inFlight(), 0);
});

test('a first answer that does not end is not waited for', async (t) => {
  const renewal = renewing(async () => bearer('new'));
  let first: Socket | null = null;
  const { door } = await start(t, {
    renewal,
    answer(request, socket) {
      if (request.all('authorization')[0] === 'Bearer new') return ok;
      first = socket;
      return 'HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n';
    },
  });
  assert.equal((await rawSend(door.port, get(), one)).responses[0]?.body, 'hello');
  await waitUntil(() => first?.destroyed === true);
});

test('while the token is renewed, nothing more of the answer is read', async (t) => {
  const renewal = renewing(() => new Promise((resolve) => setTimeout(resolve, 400, bearer('new'))));
  let first: Socket | null = null;
  const { door } = await start(t, {
    renewal,
    answer(request, socket) {
      if (request.all('authorization')[0] === 'Bearer new') return ok;
      first = socket;
      endless(socket);
      return undefined;
    },
  });
  assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 200);
  assert.ok(((first as Socket | null)?.bytesWritten ?? 0) < mostBytes);
});

test('HP-096: the second request is sent on a new connection when the kept one was just closed', async (t) => {
  const renewal = renewing(async () => bearer('new'));
  let closed = false;
  const { echo, door } = await start(t, {
    renewal,
    answer(request, socket) {
      if (request.all('authorization')[0] !== 'Bearer new') return denied();
      if (closed) return ok;
      closed = true;
      socket.destroy();
      return undefined;
    },
  });
  assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 200);
  assert.equal(echo.requests.length, 3);
});

test('a second 401 is the answer: nothing is renewed or sent a third time', async (t) => {
  const renewal = renewing(async () => ({ ...bearer('new'), renew: () => bearer('newer') }));
  const { echo, door } = await start(t, { answer: () => denied('second'), renewal });
  const { responses } = await rawSend(door.port, get(), one);
  assert.equal(responses[0]?.status, 401);
  assert.equal(responses[0]?.body, 'second');
  assert.equal(echo.requests.length, 2);
  assert.equal(renewal.count(), 1);
});

const fruitless: readonly (readonly [string, () => MaybePromise<UpstreamToken | null>])[] = [
  ['gives none', () => null],
  ['gives none later', async () => null],
  ['fails', () => Promise.reject(new Error('the provider is down'))],
  [
    'throws',
    () => {
      throw new Error('a defect');
    },
  ],
];
for (const [title, renew] of fruitless) {
  test(`RS-082: the 401 reaches the client whole when the renewal ${title}`, async (t) => {
    const renewal = renewing(renew);
    const body = 'n'.repeat(200_000);
    const { echo, door } = await start(t, {
      answer: () => denied(body, 'WWW-Authenticate: Bearer error="invalid_token"\r\n'),
      renewal,
    });
    const { responses } = await rawSend(door.port, get(), one);
    assert.equal(responses[0]?.status, 401);
    assert.equal(responses[0]?.header('x-first'), 'yes');
    assert.equal(responses[0]?.body, body);
    // A browser would open a window that asks for a password.
    assert.equal(responses[0]?.header('www-authenticate'), null);
    assert.equal(echo.requests.length, 1);
    await waitUntil(() => door.outcomes.length === 1);
    assert.equal(door.outcomes[0]?.status, 401);
    assert.equal(door.outcomes[0]?.aborted, false);
  });
}

test('the 401 reaches the client although the application closed meanwhile', async (t) => {
  const renewal = renewing(() => new Promise((resolve) => setTimeout(resolve, 50, null)));
  const answer: EchoAnswer = (_request, socket) => {
    socket.end('HTTP/1.1 401 No\r\nConnection: close\r\n\r\nuntil the end');
    return undefined;
  };
  const { door } = await start(t, { answer, renewal });
  const { responses } = await rawSend(door.port, get(), one);
  assert.equal(responses[0]?.status, 401);
  assert.equal(responses[0]?.body, 'until the end');
});

test('an answer that breaks off while the token is renewed is not passed off as whole', async (t) => {
  const renewal = renewing(() => new Promise((resolve) => setTimeout(resolve, 50, null)));
  const answer: EchoAnswer = (_request, socket) => {
    socket.write('HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhalf');
    setTimeout(() => socket.destroy(), 10);
    return undefined;
  };
  const { door } = await start(t, { answer, renewal });
  const result = await rawSend(door.port, get());
  assert.equal(result.responses[0]?.complete ?? false, false);
  await waitUntil(() => door.outcomes.length + door.failures.length === 1);
  assert.equal(door.carrier.inFlight(), 0);
});

for (const [title, head] of [
  ['POST', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'],
  ['a GET with a body', 'GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx'],
  ['DELETE', 'DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n'],
] as const) {
  test(`${title} is not sent twice, and no token is fetched for it`, async (t) => {
    const renewal = renewing(async () => bearer('new'));
    const { echo, door } = await start(t, { answer: () => denied(), renewal });
    assert.equal((await rawSend(door.port, head, one)).responses[0]?.status, 401);
    assert.equal(echo.requests.length, 1);
    assert.equal(renewal.count(), 0);
  });
}

for (const status of ['403 Forbidden', '500 Error', '302 Found', '200 OK']) {
  test(`nothing is renewed after ${status}`, async (t) => {
    const renewal = renewing(async () => bearer('new'));
    const { echo, door } = await start(t, {
      answer: () => `HTTP/1.1 ${status}\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n`,
      renewal,
    });
    assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, Number(status.slice(0, 3)));
    assert.equal(echo.requests.length, 1);
    assert.equal(renewal.count(), 0);
  });
}

test('a client that leaves while the token is renewed ends the exchange, and nothing is sent again', async (t) => {
  let renewed: (token: UpstreamToken) => void = () => undefined;
  const renewal = renewing(
    () =>
      new Promise((resolve) => {
        renewed = resolve;
      }),
  );
  const { echo, door } = await start(t, { answer: onlyNew, renewal });
  const peer = await rawConnect(door.port);
  peer.write(get());
  await waitUntil(() => renewal.count() === 1);
  peer.destroy();
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.outcomes[0]?.status, 499);
  assert.equal(door.carrier.inFlight(), 0);
  renewed(bearer('new'));
  await waitUntil(() => echo.open() === 0);
  assert.equal(echo.requests.length, 1);
});

test('the time for the whole exchange goes on while the token is renewed', async (t) => {
  const renewal = renewing(() => new Promise(() => undefined));
  const { echo, door } = await start(t, {
    answer: () => denied(),
    renewal,
    cluster: { timeouts: { total: '100ms' } },
  });
  const { responses } = await rawSend(door.port, get(), one);
  assert.equal(responses[0]?.status, 504);
  await waitUntil(() => echo.open() === 0);
  assert.equal(door.carrier.inFlight(), 0);
});

test('RS-082: a renewal that takes longer than an answer may is given up, and the 401 reaches the client', async (t) => {
  const renewal = renewing(() => new Promise(() => undefined));
  const { echo, door } = await start(t, {
    answer: () => denied(),
    renewal,
    cluster: { timeouts: { responseHead: '150ms' } },
  });
  const { responses } = await rawSend(door.port, get(), one);
  assert.equal(responses[0]?.status, 401);
  assert.equal(responses[0]?.body, 'no');
  assert.equal(echo.requests.length, 1);
});

test('a session that ends while its token is renewed takes the exchange with it', async (t) => {
  const renewal = renewing(() => new Promise(() => undefined));
  const { echo, door } = await start(t, { answer: () => denied(), renewal });
  const pending = rawSend(door.port, get(), one);
  await waitUntil(() => renewal.count() === 1);
  door.carried[0]?.tie();
  door.endSessions();
  const { responses } = await pending;
  assert.equal(responses[0]?.body, 'ERR_SESSION_ENDED');
  await waitUntil(() => echo.open() === 0);
  assert.equal(door.held(), 0);
});

test('a gate that goes away does not wait for a renewal that never ends', async (t) => {
  const renewal = renewing(() => new Promise(() => undefined));
  const { echo, door } = await start(t, { answer: () => denied(), renewal });
  const pending = rawSend(door.port, get(), one);
  await waitUntil(() => renewal.count() === 1);
  await door.carrier.close(20);
  await waitUntil(() => echo.open() === 0);
  assert.equal((await pending).responses[0]?.body, 'ERR_DRAINING');
  assert.equal(door.carrier.inFlight(), 0);
});

test('a token that moves to another header leaves nothing of the old one', async (t) => {
  const renewal = renewing(() => ({ header: 'x-token', value: 'new', prove: null, renew: null }));
  const { echo, door } = await start(t, {
    answer: (request) => (request.all('x-token').length > 0 ? ok : denied()),
    renewal,
  });
  assert.equal((await rawSend(door.port, get(), one)).responses[0]?.status, 200);
  assert.deepEqual(echo.requests[1]?.all('authorization'), []);
  assert.deepEqual(echo.requests[1]?.all('x-token'), ['new']);
});

test('a field that is none in an answer that was held is refused as in any other', async (t) => {
  const renewal = renewing(async () => null);
  const { door } = await start(t, {
    answer: () => 'HTTP/1.1 401 No\r\nX-A: a\x01b\r\nContent-Length: 2\r\n\r\nno',
    renewal,
  });
  const { responses } = await rawSend(door.port, get(), one);
  assert.equal(responses[0]?.status, 502);
  await waitUntil(() => door.failures.length === 1);
  assert.equal(door.carrier.inFlight(), 0);
});

test('a handshake that is refused with 401 is repeated with the new token', async (t) => {
  const renewal = renewing(async () => bearer('new'));
  const { echo, door } = await start(t, {
    answer: (request) =>
      request.all('authorization')[0] === 'Bearer new'
        ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'
        : denied(),
    renewal,
  });
  const peer = await rawConnect(door.port);
  peer.write('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
  await waitUntil(() => peer.text().startsWith('HTTP/1.1 101'));
  assert.equal(echo.requests.length, 2);
  peer.write('ping');
  await waitUntil(() => peer.text().endsWith('ping'));
  peer.destroy();
  await waitUntil(() => door.outcomes.length === 1);
  assert.equal(door.carrier.inFlight(), 0);
});
