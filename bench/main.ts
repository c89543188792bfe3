/** `npm run bench`: the gate beside nginx and mod_auth_openidc, and the figures that it promises. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startProvider } from '../demo/provider.ts';
import type { BenchClient, Candidate, CandidateName, Surroundings } from './candidate.ts';
import { startModAuthOpenidc } from './candidates/mod-auth-openidc.ts';
import { startNginx } from './candidates/nginx.ts';
import { startSallyport } from './candidates/sallyport.ts';
import { renderChart } from './chart.ts';
import { compare, compareMemory, type Pace } from './compare.ts';
import { ensurePrograms, programVersions } from './debian.ts';
import { isMet } from './figure.ts';
import { ratioFigures } from './figures/ratios.ts';
import type { Four } from './figures/store-costs.ts';
import { type FigureOutcome, figureNames, measureFigures } from './measure-figures.ts';
import { freePort } from './processes.ts';
import { candidateNames, describeMachine, formatReport, type Report } from './report.ts';
import { scenarios } from './scenarios.ts';
import { startUpstream } from './upstream.ts';

const parts: readonly string[] = [...scenarios.map((scenario) => scenario.name), ...figureNames];

const help = `npm run bench -- [options]

  --quick                 short rounds: a look, not a result (about 3 minutes)
  --only <name>           a part alone, may be repeated: ${parts.join(', ')}
  --candidate <name>      a proxy alone, may be repeated: ${candidateNames.join(', ')}
  --no-build              measures dist/ as it is
  --help                  this text

A full run takes about 18 minutes and, for a while, 4 GB of memory and 3 GB of disk. It prints a table; a run with
neither --quick nor --only nor --candidate also writes bench/results/latest.json and docs/assets/bench.svg.
`;

const root = join(import.meta.dirname, '..');

interface Plan {
  readonly quick: boolean;
  readonly only: readonly string[];
  readonly candidates: readonly CandidateName[];
  readonly build: boolean;
}

function readPlan(): Plan | null {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      candidate: { type: 'string', multiple: true, default: [] },
      'no-build': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const wrong = values.only.find((name) => !parts.includes(name));
  if (wrong !== undefined) throw new TypeError(`--only takes one of ${parts.join(', ')}, not "${wrong}".`);
  const candidates = candidateNames.filter(
    (name) => values.candidate.length === 0 || values.candidate.includes(name),
  );
  return { quick: values.quick, only: values.only, candidates, build: !values['no-build'] };
}

async function run(plan: Plan, running: AsyncDisposableStack): Promise<Report> {
  const machine = describeMachine();
  const directory = join(root, 'bench', 'tmp', String(process.pid));
  mkdirSync(directory, { recursive: true });
  running.defer(() => rmSync(directory, { recursive: true, force: true }));
  const upstream = await startUpstream(directory);
  running.defer(upstream.stop);
  const clients = await makeClients();
  const provider = await startProvider({
    port: 0,
    dataDir: join(directory, 'provider'),
    clients: [clients.apache, clients.gate, ...clients.figures].map((client) => ({
      clientId: client.clientId,
      clientSecret: client.clientSecret,
      redirectUris: ['/oidc/callback', '/.auth/callback'].map(
        (path) => `http://localhost:${client.port}${path}`,
      ),
      postLogoutRedirectUris: [],
    })),
  });
  running.defer(provider.close);
  const surroundings: Surroundings = { directory, issuer: provider.issuer, upstream };
  const candidates = await startCandidates(plan, surroundings, clients, running);
  const pace: Pace = plan.quick ? { rounds: 2, seconds: 1, directory } : { rounds: 5, seconds: 4, directory };
  const wanted = scenarios.filter(({ name }) => plan.only.length === 0 || plan.only.includes(name));
  const results = await compare(candidates, wanted, pace);
  const memory = compareMemory(candidates);
  const gate = candidates.find((candidate) => candidate.name === 'sallyport');
  const { figures, sizes }: FigureOutcome =
    gate === undefined
      ? { figures: [], sizes: [] }
      : await measureFigures({
          surroundings,
          clients: clients.figures,
          gate,
          quick: plan.quick,
          wants: (name) => plan.only.length === 0 || plan.only.includes(name),
        });
  return {
    date: new Date().toISOString(),
    machine,
    versions: programVersions(),
    rounds: pace.rounds,
    secondsPerRound: pace.seconds,
    results,
    memory,
    figures: [...ratioFigures(results), ...figures],
    sizes,
  };
}

interface Clients {
  readonly apache: BenchClient;
  readonly gate: BenchClient;
  readonly figures: Four<BenchClient>;
}

async function makeClients(): Promise<Clients> {
  const client = async (name: string): Promise<BenchClient> => ({
    clientId: `bench-${name}`,
    clientSecret: 'not-a-secret-in-a-bench',
    port: await freePort(),
  });
  return {
    apache: await client('apache'),
    gate: await client('gate'),
    figures: [await client('one'), await client('two'), await client('three'), await client('four')],
  };
}

async function startCandidates(
  plan: Plan,
  surroundings: Surroundings,
  clients: Clients,
  running: AsyncDisposableStack,
): Promise<readonly Candidate[]> {
  const makers: Readonly<Record<CandidateName, () => Promise<Candidate>>> = {
    nginx: () => startNginx(surroundings),
    mod_auth_openidc: () => startModAuthOpenidc(surroundings, clients.apache),
    sallyport: () => startSallyport(surroundings, clients.gate),
  };
  const candidates: Candidate[] = [];
  for (const name of plan.candidates) {
    const candidate = await makers[name]();
    running.defer(candidate.stop);
    candidates.push(candidate);
  }
  return candidates;
}

function build(): void {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.ts')], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the build failed');
}

function save(report: Report): void {
  mkdirSync(join(root, 'bench', 'results'), { recursive: true });
  mkdirSync(join(root, 'docs', 'assets'), { recursive: true });
  writeFileSync(join(root, 'bench', 'results', 'latest.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(root, 'docs', 'assets', 'bench.svg'), renderChart(report));
}

async function main(): Promise<void> {
  const plan = readPlan();
  if (plan === null) return void process.stdout.write(help);
  ensurePrograms();
  if (plan.candidates.includes('sallyport') && (plan.build || !existsSync(join(root, 'dist')))) build();
  const running = new AsyncDisposableStack();
  const interrupt = () => running.disposeAsync().finally(() => process.exit(130));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const report = await run(plan, running);
    process.stdout.write(`\n${formatReport(report)}\n`);
    if (!plan.quick && plan.only.length === 0 && plan.candidates.length === candidateNames.length)
      save(report);
    if (!report.figures.every(isMet)) process.exitCode = 1;
  } finally {
    await running.disposeAsync();
  }
}

main().then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${error instanceof TypeError ? error.message : String((error as Error).stack)}\n`);
    process.exit(2);
  },
);
