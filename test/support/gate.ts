/** The whole product on loopback: a real provider, an application that tells what it received, and the gate. */

import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GateOptions } from '../../src/index.ts';
import { freePort } from './free-port.ts';
import { type GateAlone, startGateAlone } from './gate-alone.ts';
import {
  type RealClient,
  type RealProvider,
  type RealProviderOptions,
  startRealProvider,
} from './real-provider.ts';
import { signInAt } from './sign-in-at.ts';
import { createUserAgent, type UserAgent } from './user-agent.ts';

/** What the application answers with, as JSON, to every request. */
export interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RunningGate extends GateAlone {
  readonly provider: RealProvider;
  /** Where the gate carries requests to. */
  readonly appUrl: string;
  /** Requests that reached the application of this file; none when `appUrl` was given. */
  readonly received: readonly Received[];
  /** A browser that has signed in as this person (with `autoLogin`). */
  signIn(path?: string): Promise<UserAgent>;
}

export interface GateSetup {
  /** Laid over the configuration, section by section. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Over what the gate says of the provider. */
  readonly providerSettings?: Readonly<Record<string, unknown>>;
  readonly provider?: ExampleProviderOptions;
  readonly gate?: GateOptions;
  readonly dataDir?: string;
  /** Another application than the one that tells what it received. */
  readonly appUrl?: string;
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

/** The routes of the README's example: public, an API that gets the access token, and everything else with claims. */
export const exampleRoutes = [
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

/** A value that has to be encoded for client_secret_basic. */
const clientSecret = 'a secret with :+%/ ~ in it';

/** The configuration of the README's example over the given parts, and what a test lays over it. */
export function exampleConfig(parts: {
  readonly issuer: string;
  readonly appUrl: string;
  readonly providerSettings?: Readonly<Record<string, unknown>> | undefined;
}) {
  return {
    providers: { main: { issuer: parts.issuer, clientId: 'app', clientSecret, ...parts.providerSettings } },
    clusters: { app: { targets: [parts.appUrl] } },
    routes: exampleRoutes,
  };
}

export interface ExampleProviderOptions extends Partial<RealProviderOptions> {
  /** Asks who it is instead of signing alice in. */
  readonly asks?: boolean;
  /** Posts a logout token to the gate when somebody signs out at the provider. */
  readonly backchannel?: boolean;
  /** Clients besides the gate. */
  readonly machines?: readonly RealClient[];
  /** Over the metadata of the gate's own client. */
  readonly clientMetadata?: Readonly<Record<string, unknown>>;
}

/** A provider that knows the gate at `url` by the configuration of the example. */
export function startExampleProvider(
  url: string,
  {
    asks = false,
    backchannel = false,
    machines = [],
    clientMetadata = {},
    ...options
  }: ExampleProviderOptions = {},
): Promise<RealProvider> {
  return startRealProvider({
    clients: [
      {
        clientId: 'app',
        clientSecret,
        redirectUris: [`${url}/.auth/callback`],
        postLogoutRedirectUris: [`${url}/.auth/signed-out`],
        metadata: clientMetadata,
        ...(backchannel ? { backchannelLogoutUri: `${url}/.auth/backchannel-logout` } : {}),
      },
      ...machines,
    ],
    ...(asks ? {} : { autoLogin: 'alice' }),
    ...options,
  });
}

/** A browser that has signed in at the gate at `url`; throws when the way does not end with 200. */
export async function signInAtGate(url: string, path = '/'): Promise<UserAgent> {
  const agent = createUserAgent();
  const answer = await agent.navigate(url + path);
  if (answer.status !== 200) throw new Error(`sign-in ended with ${answer.status} at ${answer.url.pathname}`);
  return agent;
}

/** The same as a person by name, at a provider that asks. */
export async function signInAs(url: string, login: string): Promise<UserAgent> {
  const agent = createUserAgent();
  const sent = await agent.ask(`${url}/.auth/login`);
  const callback = await signInAt(String(sent.headers.location), { login, clientUrl: url });
  const answer = await agent.ask(callback);
  if (answer.status !== 303) throw new Error(`the callback answered ${answer.status}`);
  return agent;
}

/** The `Cookie` field of a browser. */
export function cookieOf(agent: UserAgent, url: string): string {
  return [...agent.cookies(url)].map(([name, value]) => `${name}=${value}`).join('; ');
}

export async function startGate(setup: GateSetup = {}): Promise<RunningGate> {
  const received: Received[] = [];
  const app = createApp(received);
  const appUrl = setup.appUrl ?? `http://127.0.0.1:${await listenOn(app)}`;
  const url = `http://127.0.0.1:${await freePort()}`;
  const provider = await startExampleProvider(url, setup.provider);
  const gate = await startGateAlone({
    url,
    config: {
      ...exampleConfig({ issuer: provider.issuer, appUrl, providerSettings: setup.providerSettings }),
      ...setup.config,
    },
    ...(setup.gate === undefined ? {} : { gate: setup.gate }),
    ...(setup.dataDir === undefined ? {} : { dataDir: setup.dataDir }),
  }).catch(async (error: unknown) => {
    await provider.close();
    app.close();
    throw error;
  });
  return {
    url,
    port: gate.port,
    get adminUrl() {
      return gate.adminUrl;
    },
    dataDir: gate.dataDir,
    logged: gate.logged,
    events: gate.events,
    restart: gate.restart,
    provider,
    appUrl,
    received,
    signIn: (path) => signInAtGate(url, path),
    async close() {
      await gate.close();
      await provider.close();
      app.closeAllConnections();
      if (app.listening) await new Promise((resolve) => app.close(resolve));
    },
  };
}
