/** Several gates as processes of their own, which share one public address, one configuration and one store. */
import { randomBytes } from 'node:crypto';
import { freePort } from '../../support/free-port.ts';
import { type GateProcess, prepareGateProcess } from '../../support/gate-process.ts';
import type { RotatingProvider } from '../../support/rotating-provider.ts';
import { type App, startApp } from './app.ts';

export interface FleetNode extends GateProcess {
  /** Of its admin listener. */
  readonly adminUrl: string;
}

export interface Fleet {
  /** What browsers know; nothing listens there unless a test puts something in front. */
  readonly publicUrl: string;
  /** The `Host` of every request. */
  readonly host: string;
  readonly nodes: readonly FleetNode[];
  readonly app: App;
  /** What every node was given, but for its own addresses. */
  readonly config: Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

export interface FleetSetup {
  readonly provider: Pick<RotatingProvider, 'issuer' | 'clientId' | 'clientSecret'>;
  readonly size?: number;
  /** The `session` section; a key for both rings is made when it has none. */
  readonly session: Readonly<Record<string, unknown>>;
  /** Over the rest of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly publicUrl?: string;
  /** Called for each node before it starts: puts files into its folder. */
  readonly prepare?: (node: FleetNode) => void;
}

export const newKey = (): string => randomBytes(32).toString('base64');

/** Everything that is signed in gets the access token and who it is, so that the application can tell them apart. */
const routes = [
  { path: '/public/**', cluster: 'app', access: 'public' },
  {
    path: '/**',
    cluster: 'app',
    access: 'signed-in',
    onAnonymous: 'unauthorized',
    upstreamToken: 'access',
    requestHeaders: { 'X-User': '{claims.sub}' },
  },
];

/** Starts them all; answers when each of them serves. */
export async function startFleet(setup: FleetSetup): Promise<Fleet> {
  const { provider, size = 2 } = setup;
  const app = await startApp();
  const publicUrl = setup.publicUrl ?? `http://127.0.0.1:${await freePort()}`;
  const config = {
    publicUrl,
    fleet: true,
    providers: {
      main: {
        issuer: provider.issuer,
        clientId: provider.clientId,
        clientSecret: provider.clientSecret,
      },
    },
    clusters: { app: { targets: [app.url] } },
    routes,
    ...setup.config,
    session: { keys: [newKey()], ...setup.session },
  };
  const nodes: FleetNode[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.close()));
    await app.close();
  };
  try {
    for (let index = 0; index < size; index += 1) {
      const node = await prepareNode(config);
      nodes.push(node);
      setup.prepare?.(node);
    }
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return { publicUrl, host: new URL(publicUrl).host, nodes, app, config, close };
}

async function prepareNode(config: Readonly<Record<string, unknown>>): Promise<FleetNode> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const adminUrl = `http://127.0.0.1:${await freePort()}`;
  const admin = { address: new URL(adminUrl).host, ...(config.admin as object | undefined) };
  const node = await prepareGateProcess({ url, config: { ...config, admin } });
  return { ...node, adminUrl };
}
