/** The three parts of the demo, started in order and stopped together: provider, sample application, gate. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createGate, formatProblems, loadConfig } from '../src/index.ts';
import { startApp } from './app.ts';
import { closeServer, listen } from './listen.ts';
import { startProvider } from './provider.ts';

export interface DemoOptions {
  /** Ports of the gate, the provider and the application. */
  readonly port: number;
  readonly providerPort: number;
  readonly appPort: number;
  /** Where the gate and the provider keep what outlives a restart. */
  readonly dataDir: string;
  /** Laid over the configuration file, as a real environment would be. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Demo {
  readonly gateUrl: string;
  readonly issuer: string;
  readonly appUrl: string;
  /** Stops the gate and starts a new one over the same data. */
  restartGate(): Promise<void>;
  close(): Promise<void>;
}

/** Starts all three. Throws `PortTaken`, with nothing left running. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const gateUrl = `http://localhost:${options.port}`;
  await using running = new AsyncDisposableStack();
  const provider = await startProvider({
    port: options.providerPort,
    dataDir: options.dataDir,
    clients: [
      {
        clientId: 'sallyport-demo',
        clientSecret: 'not-a-secret-in-a-demo',
        redirectUris: [`${gateUrl}/.auth/callback`],
        postLogoutRedirectUris: [`${gateUrl}/.auth/signed-out`],
      },
    ],
  });
  running.defer(provider.close);
  const app = await startApp(options.appPort);
  running.defer(app.close);
  const startGate = () => startGateFor(options, gateUrl, provider.issuer, app.url);
  let gate = await startGate();
  running.defer(async () => void (await gate.close()));
  const keep = running.move();
  return {
    gateUrl,
    issuer: provider.issuer,
    appUrl: app.url,
    async restartGate() {
      await gate.close();
      gate = await startGate();
    },
    close: () => keep.disposeAsync(),
  };
}

/** The gate as anybody would run it: the file, and the environment on top. Throws `PortTaken`. */
async function startGateFor(options: DemoOptions, gateUrl: string, issuer: string, appUrl: string) {
  const loaded = loadConfig({
    file: fileURLToPath(new URL('./sallyport.yaml', import.meta.url)),
    env: {
      SALLYPORT_PUBLIC_URL: gateUrl,
      SALLYPORT_LISTEN__ADDRESS: `127.0.0.1:${options.port}`,
      SALLYPORT_DATA_DIR: options.dataDir,
      SALLYPORT_PROVIDERS__MAIN__ISSUER: issuer,
      SALLYPORT_CLUSTERS__APP__TARGETS: appUrl,
      ...options.environment,
    },
  });
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems));
  await closeServer(await listen(() => {}, options.port, '--port'));
  const gate = createGate(loaded.config);
  await gate.listen();
  return gate;
}
