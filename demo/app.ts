/** The sample application behind the gate. It knows nothing of OpenID Connect: it reads headers. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { closeServer, listen, portOf } from './listen.ts';

export interface RunningApp {
  /** `http://127.0.0.1:…`: what the gate's cluster points at. */
  readonly url: string;
  close(): Promise<void>;
}

const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/public/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/public/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/public/hello': ['hello.html', 'text/html; charset=utf-8'],
};

/** Starts the application; port 0 lets the system choose. */
export async function startApp(port: number): Promise<RunningApp> {
  const server = await listen(
    (request, response) => {
      answer(request, response).catch(() => response.destroy());
    },
    port,
    '--app-port',
  );
  const sockets = new WebSocketServer({ server, path: '/api/socket', maxPayload: 64 * 1024 });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('error', () => socket.terminate());
  });
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      return closeServer(server);
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://app').pathname;
  if (path === '/api/echo') return sendJson(response, await echo(request));
  if (path === '/api/clock') return sendClock(response);
  const file = files[path];
  if (file === undefined) {
    response
      .writeHead(404, { 'content-type': 'text/plain' })
      .end('The sample application has no such page.\n');
    return;
  }
  const body = await readFile(new URL(`./public/${file[0]}`, import.meta.url));
  response.writeHead(200, {
    'content-type': file[1],
    'content-security-policy': "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
  });
  response.end(body);
}

/** What arrived here, with secrets shortened: an application should not hand its tokens to the browser either. */
async function echo(request: IncomingMessage): Promise<object> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    if (body.length < 10_000) body += chunk;
  }
  const headers: [string, string][] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] as string;
    headers.push([name, shorten(name.toLowerCase(), request.rawHeaders[i + 1] as string)]);
  }
  return { method: request.method, url: request.url, headers, body };
}

function shorten(name: string, value: string): string {
  const token = name === 'authorization' ? /^Bearer (.+)$/.exec(value)?.[1] : undefined;
  if (token === undefined) return value;
  const print = createHash('sha256').update(token).digest('hex').slice(0, 12);
  return `Bearer ${token.slice(0, 4)}… (${token.length} characters, SHA-256 ${print}…)`;
}

function sendJson(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

/** Server-sent events: the time, once a second, for as long as somebody listens. */
function sendClock(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const tick = () => response.write(`data: ${new Date().toISOString()}\n\n`);
  tick();
  const timer = setInterval(tick, 1000);
  response.on('close', () => clearInterval(timer));
}
