/**
 * `npm test`: format, lint, types, the reference pages, and every test, with what they need set up by this command.
 * With paths as arguments, only the tests below them. Under `CI=true` nothing may be skipped.
 */
import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { findOrInstallChromium } from './chromium.ts';
import { findOrInstall } from './debian.ts';
import { root } from './root.ts';
import { localProgram, runCommand } from './run-command.ts';

const isCi = process.env.CI === 'true';
/** No file may take longer: a test that hangs must not hang everything. */
const fileTimeout = 5 * 60_000;

const checks: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
  ['format and lint', localProgram('biome'), ['check', '--error-on-warnings', '.']],
  ['types', localProgram('tsc'), ['-p', '.']],
  ['reference pages', process.execPath, ['scripts/docs.ts', '--check']],
];

const only = process.argv.slice(2);
if (only.length === 0) runChecks();
prepareBrowser();
const files = withoutRedisFiles(testFiles(only));
const isFleet = (file: string) => relative(root, file).startsWith('test/fleet/');
// Fleets load the machine and measure nothing but themselves: one after the other, when everything else is done.
await runTests(
  files.filter((file) => !isFleet(file)),
  Math.max(2, availableParallelism()),
);
await runTests(files.filter(isFleet), 1);

function runChecks(): void {
  for (const [name, program, args] of checks) {
    process.stdout.write(`${name} …\n`);
    if (runCommand(program, args).ok) continue;
    process.stderr.write(`${name}: failed\n`);
    process.exit(1);
  }
}

function prepareBrowser(): void {
  const chromium = findOrInstallChromium();
  if ('path' in chromium) {
    process.env.SALLYPORT_CHROMIUM = chromium.path;
    return;
  }
  process.stdout.write(`${chromium.missing}: the browser tests are skipped\n`);
  if (isCi) process.exit(1);
}

/** Tests over a real Redis start their own; without the program they cannot run, which is said and never overlooked. */
function withoutRedisFiles(all: readonly string[]): readonly string[] {
  const redis = findOrInstall('redis-server', ['redis-server']);
  if ('path' in redis) return all;
  process.stdout.write(`${redis.missing}: the tests over Redis are left out\n`);
  if (isCi) process.exit(1);
  return all.filter((file) => !/redis-server\.ts'/.test(readFileSync(file, 'utf8')));
}

function testFiles(paths: readonly string[]): string[] {
  const files = globSync('test/**/*.test.ts', { cwd: root }).sort();
  const wanted = paths.map((path) => relative(root, join(process.cwd(), path)));
  const chosen =
    wanted.length === 0 ? files : files.filter((file) => wanted.some((path) => file.startsWith(path)));
  return chosen.map((file) => join(root, file));
}

async function runTests(files: readonly string[], concurrency: number): Promise<void> {
  if (files.length === 0) return;
  const stream = run({
    files: [...files],
    cwd: root,
    concurrency,
    timeout: fileTimeout,
  });
  stream.on('test:summary', ({ counts, success, file }) => {
    if (file !== undefined) return;
    const isIncomplete = isCi && counts.skipped + counts.todo > 0;
    if (!success || isIncomplete || counts.tests === 0) process.exitCode = 1;
  });
  stream.on('test:fail', () => {
    process.exitCode = 1;
  });
  // To the end: what comes next must not run beside it.
  for await (const text of stream.compose(spec)) process.stdout.write(text);
}
