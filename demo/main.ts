/** `npm run demo`: a real provider, a sample application, and the gate in front. Ctrl-C stops all three. */
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startDemo } from './demo.ts';
import { PortTaken } from './listen.ts';

const help = `npm run demo -- [options]

  --port <number>           the gate, to open in a browser (8080)
  --provider-port <number>  the OpenID provider (8081)
  --app-port <number>       the sample application (8082)
  --data-dir <folder>       where sessions and keys are kept (demo-data)
  --help                    this text
`;

const flags = {
  port: { type: 'string', default: '8080' },
  'provider-port': { type: 'string', default: '8081' },
  'app-port': { type: 'string', default: '8082' },
  'data-dir': { type: 'string', default: join(import.meta.dirname, '../demo-data') },
  help: { type: 'boolean', default: false },
} as const;

function readPort(text: string, flag: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535) return Number(text);
  throw new TypeError(`${flag} takes a port from 1 to 65535, not "${text}".`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: flags });
  if (values.help) return void process.stdout.write(help);
  const demo = await startDemo({
    port: readPort(values.port, '--port'),
    providerPort: readPort(values['provider-port'], '--provider-port'),
    appPort: readPort(values['app-port'], '--app-port'),
    dataDir: resolve(values['data-dir']),
  });
  process.stdout.write(`
  Open      ${demo.gateUrl}   and sign in as alice or bob, with any password

  gate      ${demo.gateUrl}
  provider  ${demo.issuer}
  app       ${demo.appUrl}   (behind the gate; here it knows nobody)

  Ctrl-C stops all three. Who is signed in is kept in ${relative('.', values['data-dir'])}/.

`);
  const stop = () => demo.close().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  const plain = error instanceof PortTaken || error instanceof TypeError;
  process.stderr.write(`${plain ? error.message : String((error as Error).stack)}\n`);
  process.exit(1);
});
