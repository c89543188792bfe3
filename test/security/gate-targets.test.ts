/**
 * Catalogue 6 through the whole gate: the route that decides is the route that forwards, and the application sees the
 * very path that was decided on, whatever a target looks like.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createEcho, type Echo } from '../support/echo.ts';
import { cookieOf, type RunningGate, startGate } from '../support/gate.ts';
import { parseResponses, type RawResponse, rawSend, waitUntil } from '../support/raw.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const route = (name: string, path: string, access: string, more: object = {}) => ({
  name,
  path,
  cluster: 'app',
  access,
  onAnonymous: access === 'public' ? 'login' : 'unauthorized',
  requestHeaders: { 'X-Route': name },
  ...more,
});

/** Public and signed-in paths that lie within each other, and no route for anything else. */
const routes = [
  route('root', '/', 'public'),
  route('public', '/public/**', 'public'),
  route('one', '/public/*/one', 'public'),
  route('id', '/items/:id', 'public'),
  route('admin', '/admin/**', 'signed-in'),
  route('api', '/api/**', 'signed-in'),
  route('open', '/api/open/**', 'public'),
  route('secret', '/public/secret/**', 'signed-in'),
  route('read', '/read/**', 'public', { methods: ['GET'] }),
  route('based', '/based/**', 'public', { cluster: 'based' }),
];

/** How an application might read a path that decodes, folds and tidies more than it should. */
function resolveLoosely(target: string): string {
  let path = (target.split(/[?#]/)[0] as string).replaceAll('\\', '/');
  try {
    path = decodeURIComponent(path);
  } catch {
    // Such an application answers with an error of its own.
  }
  const out: string[] = [];
  for (const segment of path.replaceAll('\\', '/').split('/')) {
    const name = (segment.split(';')[0] as string).toLowerCase();
    if (name === '..') out.pop();
    else if (name !== '' && name !== '.') out.push(name);
  }
  return `/${out.join('/')}`;
}

const isProtected = (path: string) =>
  /^\/(?:admin|api|public\/secret)(?:\/|$)/.test(path) && !/^\/api\/open(?:\/|$)/.test(path);

interface Client {
  /** One request on the kept connection, or on a new one when the gate closed it. */
  ask(bytes: string): Promise<RawResponse>;
  close(): void;
}

function createClient(port: number): Client {
  let socket: Socket | null = null;
  return {
    ask(bytes) {
      const current = socket ?? connect({ port, host: '127.0.0.1', noDelay: true });
      socket = current;
      return new Promise((resolve, reject) => {
        let received = Buffer.alloc(0);
        const done = (error: Error | null) => {
          current.off('data', onData).off('close', onClose).off('error', onError);
          if (error !== null) reject(error);
        };
        const onData = (chunk: Buffer) => {
          received = Buffer.concat([received, chunk]);
          const [answer] = parseResponses(received);
          if (answer?.complete !== true) return;
          done(null);
          if (answer.header('connection') === 'close') {
            current.destroy();
            socket = null;
          }
          resolve(answer);
        };
        const onClose = () => done(new Error(`closed without an answer to ${JSON.stringify(bytes)}`));
        const onError = () => undefined;
        current.on('data', onData).on('close', onClose).on('error', onError);
        current.write(Buffer.from(bytes, 'latin1'));
      });
    },
    close: () => void socket?.destroy(),
  };
}

const words = [
  ...['public', 'admin', 'api', 'open', 'secret', 'items', 'read', 'based', 'one', 'x', '7'],
  ...['..', '.', '%2e', '%2E%2e', '.%2e', '..;', '.;a', '%2e%2e;x=y', '...', '..foo', 'foo..'],
  ...['%252e%252e', '%252f', '%2f', '%5c', '\\', ';', ';a=b', '%3b', '%23', '%3f', '%25', '#', '?', '%'],
  ...['%zz', '%00', '%0d%0a', '%09', '%20', '%7f', '+', '~', '%7e', '@', ':8080', "'", '&', '=', ',', '$'],
  ...['ADMIN', 'Admin', '%61dmin', 'adm%69n', 'admin;x', 'admin.', 'admin%2e', 'admin%20', 'adm%c4%b1n'],
  ...['%c0%ae', '%e0%80%ae', '%ef%bc%8e%ef%bc%8e', '%ef%bc%8f', '%e2%80%a5', '\u00e9', 'caf%c3%a9', '%uff0e'],
  ...['*', '[x]', '{id}', '|', '^', '<>', '"', '`', '%5Bx%5D', '%ed%a0%80', 'publicx', 'adminx', '', ''],
];
const starts = [
  '/',
  '/',
  '/',
  '/public/',
  '/public/',
  '/api/open/',
  '/admin/',
  '/items/',
  '//',
  '/\\',
  '',
  '/./',
];
const glue = ['/', '/', '/', '/', '/', '//', '', ';', '\\', '%2f', '?', '/./', '/../'];

function createTargets(seed: number): () => string {
  const random = createSeededRandom(seed);
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)] as string;
  return () => {
    let target = pick(starts) + pick(words);
    for (let rest = Math.floor(random() * 5); rest > 0; rest--) target += pick(glue) + pick(words);
    if (random() < 0.05) target = `http://${pick(['evil.test', '127.0.0.1'])}${target}`;
    if (random() < 0.2) target += `?q=${pick(words)}&next=/public/`;
    return target;
  };
}

describe('10,000 targets', () => {
  let echo: Echo;
  let gate: RunningGate;
  let cookie: string;
  before(async () => {
    echo = await createEcho(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const clusters = { app: { targets: [echo.url] }, based: { targets: [`${echo.url}/v1`] } };
    gate = await startGate({ appUrl: echo.url, config: { routes, clusters } });
    cookie = cookieOf(await gate.signIn('/.auth/login'), gate.url);
  });
  after(async () => {
    await gate.close();
    await echo.close();
  });

  const message = (target: string, lines: readonly string[]) =>
    `GET ${target} HTTP/1.1\r\nHost: ${new URL(gate.url).host}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

  test('RT-001 to RT-015, RT-020 to RT-022, RT-040 to RT-045: what was decided on is what arrives, and nobody gets where they may not', async () => {
    echo.reset();
    const next = createTargets(20_261_120);
    const total = 10_000;
    const sent: { readonly target: string; readonly signedIn: boolean; status: number }[] = [];
    const worker = async () => {
      const client = createClient(gate.port);
      while (sent.length < total) {
        const target = next();
        const entry = { target, signedIn: sent.length % 2 === 0, status: 0 };
        const number = sent.push(entry) - 1;
        const lines = [`X-Case: ${number}`, 'X-Route: forged', 'Accept: application/json'];
        if (entry.signedIn) lines.push(`Cookie: ${cookie}`);
        entry.status = (await client.ask(message(target, lines))).status;
      }
      client.close();
    };
    await Promise.all(Array.from({ length: 8 }, worker));

    await waitUntil(() => gate.events('request.finished').length >= total);
    const logged = new Map(gate.events('request.finished').map((line) => [line.requestId, line]));
    for (const request of echo.requests) {
      const number = Number(request.all('x-case')[0]);
      const { target, signedIn } = sent[number] as (typeof sent)[number];
      const line = logged.get(request.all('x-request-id')[0] as string);
      const path = request.target.split('?')[0] as string;
      assert.ok(line, `${target} is in the access log`);
      const base = line.route === 'based' ? '/v1' : '';
      assert.equal(path, base + line.path, `${target} arrives as it was judged`);
      assert.deepEqual(request.all('x-route'), [line.route], target);
      if (!signedIn) {
        const access = routes.find(({ name }) => name === line.route)?.access;
        assert.equal(access, 'public', `${target} went to ${line.route} without a session`);
        assert.ok(!isProtected(resolveLoosely(request.target)), `${target} arrives as ${request.target}`);
      }
      if (base !== '') assert.match(resolveLoosely(request.target), /^\/v1(?:\/|$)/, target);
      const query = target.indexOf('?');
      assert.equal(request.target.slice(path.length), query === -1 ? '' : target.slice(query), target);
    }
    const statuses = new Set(sent.map(({ status }) => status));
    assert.deepEqual([...statuses].sort(), [200, 400, 401, 404]);
    assert.equal(echo.requests.length, sent.filter(({ status }) => status === 200).length);
    const forwarded = new Set(echo.requests.map((request) => request.all('x-route')[0]));
    assert.ok(forwarded.size >= 8, `only ${[...forwarded]} were reached`);
  });

  test('RT-015: 8 KiB of path, thousands of segments and of `..` are answered in no time', async () => {
    const from = performance.now();
    for (const target of [
      `/public/${'a'.repeat(8000)}`,
      `/public${'/a'.repeat(4000)}`,
      '/../'.repeat(2000),
    ]) {
      const { responses } = await rawSend(gate.port, message(target, []), { responses: 1 });
      assert.ok([200, 404].includes(responses[0]?.status ?? 0), `${responses[0]?.status}`);
    }
    const { responses } = await rawSend(gate.port, message(`/${'a/../'.repeat(10_000)}`, []), {
      responses: 1,
    });
    assert.ok([414, 431].includes(responses[0]?.status ?? 0));
    assert.ok(performance.now() - from < 2000);
  });

  test('RT-052: headers that name another path or method change nothing and do not arrive', async () => {
    echo.reset();
    const names = [
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-Forwarded-Uri',
      'X-Forwarded-Path',
      'X-Original-URI',
    ];
    const lines = [...names.map((name) => `${name}: /public/x`), 'X-Forwarded-Method: GET'];
    const refused = await rawSend(gate.port, message('/admin/x', lines), { responses: 1 });
    assert.equal(refused.responses[0]?.status, 401);
    const admin = names.map((name) => `${name}: /admin/hidden`);
    await rawSend(gate.port, message('/public/x', admin), { responses: 1 });
    assert.deepEqual(
      echo.requests.map(({ target }) => target),
      ['/public/x'],
    );
    for (const name of names.slice(0, 3)) assert.deepEqual(echo.requests[0]?.all(name), [], name);
  });

  test('RT-025: a method that a route does not list is refused, HEAD follows GET, and case counts', async () => {
    echo.reset();
    const host = new URL(gate.url).host;
    const rows = { GET: 200, HEAD: 200, POST: 405, PATCH: 405, QUERY: 405, OPTIONS: 405, get: 400, FOO: 400 };
    for (const [method, status] of Object.entries(rows)) {
      const bytes = `${method} /read/x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const { responses } = await rawSend(gate.port, bytes, { responses: 1, methods: [method] });
      assert.equal(responses[0]?.status, status, method);
    }
    assert.deepEqual(
      echo.requests.map(({ method }) => method),
      ['GET', 'HEAD'],
    );
  });

  test('RT-041, RT-058: only the path decides, and an unknown path below a protected one is protected', async () => {
    echo.reset();
    const rows = ['/admin?x=/public/', '/admin?/public', '/admin/no/such/file.css', '/admin/', '/admin'];
    for (const target of rows) {
      const { responses } = await rawSend(gate.port, message(target, []), { responses: 1 });
      assert.equal(responses[0]?.status, 401, target);
    }
    assert.equal(echo.requests.length, 0);
  });
});
