/** The gate alone, in this process, over whatever application and provider a test brings. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGate, formatProblems, type Gate, type GateOptions, parseConfig } from '../../src/index.ts';
import { freePort } from './free-port.ts';

export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface GateAlone {
  readonly url: string;
  readonly port: number;
  /** `http://127.0.0.1:port` of the admin listener; null without one. */
  readonly adminUrl: string | null;
  readonly dataDir: string;
  /** Every line that was logged so far. */
  logged(): string;
  /** The logged lines of one event, parsed; of all events without a name. */
  events(name?: string): readonly LogLine[];
  /** Stops the gate and starts it again over the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface GateAloneSetup {
  /** Where browsers reach it: a free port of loopback when absent. */
  readonly url?: string;
  /** The configuration over `publicUrl`, `listen.address`, `dataDir` and `log`; `listen` and `log` are merged. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly gate?: GateOptions;
  /** Kept when it ends; a folder of its own, removed at the end, when absent. */
  readonly dataDir?: string;
}

export async function startGateAlone(setup: GateAloneSetup): Promise<GateAlone> {
  const url = setup.url ?? `http://127.0.0.1:${await freePort()}`;
  const dataDir = setup.dataDir ?? mkdtempSync(join(tmpdir(), 'sallyport-gate-'));
  const loaded = parseConfig({
    publicUrl: url,
    dataDir,
    ...setup.config,
    listen: { address: new URL(url).host, ...(setup.config.listen as object | undefined) },
    log: { format: 'json', ...(setup.config.log as object | undefined) },
  });
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems));
  let log = '';
  const logSink = {
    write(chunk: string) {
      log += chunk;
      return true;
    },
    close: async () => {},
  };
  let adminUrl: string | null = null;
  const open = async (): Promise<Gate> => {
    const gate = createGate(loaded.config, { logSink, ...setup.gate });
    const { adminAddress } = await gate.listen();
    adminUrl = adminAddress === null ? null : `http://${adminAddress.host}:${adminAddress.port}`;
    return gate;
  };
  let gate = await open();
  return {
    url,
    port: Number(new URL(url).port),
    get adminUrl() {
      return adminUrl;
    },
    dataDir,
    logged: () => log,
    events: (name) => parseLines(log).filter((line) => name === undefined || line.event === name),
    async restart() {
      await gate.close();
      gate = await open();
    },
    async close() {
      await gate.close();
      if (setup.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** What is not a whole line of JSON is left out: the last line may still be on its way. */
export function parseLines(log: string): LogLine[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as LogLine);
}
