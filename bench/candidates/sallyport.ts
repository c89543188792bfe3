/** The gate, as built: `node dist/cli/main.js serve`. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchClient, Candidate, Surroundings } from '../candidate.ts';
import { start } from '../processes.ts';
import { signIn } from '../sign-in.ts';

/** Where one gate keeps its data; gates of one run share a client, never a home. */
export interface GateOptions {
  /** Folder below the run's directory. */
  readonly home: string;
  /** Routes beyond those of the scenarios, none of which matches; 0 when absent. */
  readonly extraRoutes?: number;
  /** `sqlite` when absent. */
  readonly store?: 'sqlite' | { readonly redis: { readonly url: string } };
  /** Processes; 1 when absent. */
  readonly workers?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Further sections of the configuration. */
  readonly sections?: Readonly<Record<string, unknown>>;
  /** Further routes, which go before those of the scenarios. */
  readonly routes?: readonly object[];
}

/** Whoever shares a Redis shares keys; with a file of its own a gate makes its own. */
const sharedKey = randomBytes(32).toString('base64');

/** What applications are told of who calls, on every route that knows. */
export const identified = {
  requestHeaders: { 'X-User': '{claims.sub}', 'X-Email': '{claims.email}' },
} as const;

export const gateProgram = join(import.meta.dirname, '../../dist/cli/main.js');

export async function startSallyport(
  surroundings: Surroundings,
  client: BenchClient,
  options: GateOptions = { home: 'sallyport' },
): Promise<Candidate> {
  if (!existsSync(gateProgram)) throw new Error('there is no dist/: run `npm run build` first');
  const file = writeGateConfig(surroundings, client, options);
  const running = await start({
    command: process.execPath,
    args: [gateProgram, 'serve', '--config', file],
    log: join(surroundings.directory, options.home, 'output.log'),
    port: client.port,
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  });
  const url = `http://localhost:${client.port}`;
  try {
    return {
      name: 'sallyport',
      url,
      cookie: await signIn(`${url}/`, 'alice'),
      ...running,
    };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** Writes the configuration and answers its path. */
export function writeGateConfig(
  surroundings: Surroundings,
  client: BenchClient,
  options: GateOptions,
): string {
  const home = join(surroundings.directory, options.home);
  mkdirSync(home, { recursive: true });
  const file = join(home, 'sallyport.json');
  writeFileSync(file, JSON.stringify(configuration(surroundings, client, options), null, 2));
  return file;
}

function configuration(
  { issuer, upstream }: Surroundings,
  client: BenchClient,
  { extraRoutes = 0, store = 'sqlite', workers = 1, sections = {}, routes = [] }: GateOptions,
) {
  const signedIn = { access: 'signed-in', upstreamToken: 'access', ...identified, bodyLimit: '1GiB' };
  return {
    publicUrl: `http://localhost:${client.port}`,
    // As many requests on a connection as nginx and Apache take here.
    listen: { address: `127.0.0.1:${client.port}`, limits: { requestsPerConnection: 100_000_000 } },
    dataDir: './data',
    workers,
    providers: { main: { issuer, clientId: client.clientId, clientSecret: client.clientSecret } },
    session: {
      store,
      ...(store === 'sqlite' ? {} : { keys: [sharedKey] }),
      idleTimeout: '1h',
      absoluteTimeout: '12h',
    },
    // Off for nginx and Apache as well.
    log: { access: false, format: 'json' },
    clusters: {
      app: { targets: [`http://${upstream.http}`] },
      echo: { targets: [`http://${upstream.echo}`] },
    },
    ...sections,
    routes: [
      ...routes,
      ...Array.from({ length: extraRoutes }, (_, index) => ({
        path: `/service-${index}/:id/**`,
        cluster: 'app',
        access: 'signed-in',
      })),
      { path: '/public/**', cluster: 'app', access: 'public' },
      { path: '/api/**', cluster: 'app', ...signedIn, onAnonymous: 'unauthorized' },
      { path: '/ws', cluster: 'echo', ...signedIn },
      { path: '/count', cluster: 'echo', ...signedIn },
      { path: '/**', cluster: 'app', ...signedIn },
    ],
  };
}
