/** The whole product on loopback: a real provider, an application that tells what it received, and the gate. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGate, formatProblems, type Gate, type GateOptions, parseConfig } from '../../src/index.ts';
import { type RealProvider, type RealProviderOptions, startRealProvider } from './real-provider.ts';
import { createUserAgent, type UserAgent } from './user-agent.ts';

/** What the application answers with, as JSON, to every request. */
export interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RunningGate {
  readonly url: string;
  readonly provider: RealProvider;
  readonly appUrl: string;
  /** Requests that reached the application. */
  readonly received: readonly Received[];
  /** Every line that was logged so far. */
  logged(): string;
  /** A browser that has signed in as this person (with `autoLogin`). */
  signIn(path?: string): Promise<UserAgent>;
  /** Stops the gate and starts it again over the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface GateSetup {
  /** Laid over the configuration, section by section. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly provider?: Partial<RealProviderOptions>;
  readonly gate?: GateOptions;
  readonly dataDir?: string;
}

/** A free port on loopback; taken again at once, so that a clash is unlikely. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOn(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listenOn(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function createApp(received: Received[]): Server {
  return createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const seen: Received = { method, target: url, headers, body };
      received.push(seen);
      const text = JSON.stringify(seen);
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      });
      response.end(text);
    });
  });
}

const routes = [
  { path: '/public/**', cluster: 'app', access: 'public' },
  {
    path: '/api/**',
    cluster: 'app',
    access: 'signed-in',
    onAnonymous: 'unauthorized',
    upstreamToken: 'access',
  },
  {
    path: '/**',
    cluster: 'app',
    access: 'signed-in',
    upstreamToken: 'none',
    requestHeaders: { 'X-User': '{claims.sub}', 'X-Email': '{claims.email}' },
  },
];

/** The configuration of the README's example, over the given parts. */
function configure(
  url: string,
  parts: { issuer: string; appUrl: string; dataDir: string; setup: GateSetup },
): unknown {
  return {
    publicUrl: url,
    listen: { address: url.slice('http://'.length) },
    dataDir: parts.dataDir,
    providers: { main: { issuer: parts.issuer, clientId: 'app', clientSecret } },
    clusters: { app: { targets: [parts.appUrl] } },
    log: { format: 'json' },
    routes,
    ...parts.setup.config,
  };
}

const clientSecret = 'a secret with :+%/ ~ in it';

export async function startGate(setup: GateSetup = {}): Promise<RunningGate> {
  const received: Received[] = [];
  const app = createApp(received);
  const appUrl = `http://127.0.0.1:${await listenOn(app)}`;
  const url = `http://127.0.0.1:${await freePort()}`;
  const provider = await startRealProvider({
    clients: [
      {
        clientId: 'app',
        clientSecret,
        redirectUris: [`${url}/.auth/callback`],
        postLogoutRedirectUris: [`${url}/.auth/signed-out`],
      },
    ],
    autoLogin: 'alice',
    ...setup.provider,
  });
  const dataDir = setup.dataDir ?? mkdtempSync(join(tmpdir(), 'sallyport-gate-'));
  const loaded = parseConfig(configure(url, { issuer: provider.issuer, appUrl, dataDir, setup }));
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems));
  let log = '';
  const logSink = {
    write(chunk: string) {
      log += chunk;
      return true;
    },
    close: async () => {},
  };
  const open = async (): Promise<Gate> => {
    const gate = createGate(loaded.config, { logSink, ...setup.gate });
    await gate.listen();
    return gate;
  };
  let gate = await open();
  return {
    url,
    provider,
    appUrl,
    received,
    logged: () => log,
    async signIn(path = '/') {
      const agent = createUserAgent();
      const answer = await agent.navigate(url + path);
      if (answer.status !== 200)
        throw new Error(`sign-in ended with ${answer.status} at ${answer.url.pathname}`);
      return agent;
    },
    async restart() {
      await gate.close();
      gate = await open();
    },
    async close() {
      await gate.close();
      await provider.close();
      app.closeAllConnections();
      await new Promise((resolve) => app.close(resolve));
      if (setup.dataDir === undefined) rmSync(dataDir, { recursive: true });
    },
  };
}
