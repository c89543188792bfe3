/** Programs that tests drive: found in PATH, or installed from Debian when that is allowed. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './run-command.ts';

export type Found =
  | { readonly path: string }
  /** One line that says what is missing. */
  | { readonly missing: string };

/** The first of `names` in PATH, else from the Debian package. */
export function findOrInstall(packageName: string, names: readonly string[]): Found {
  const path = findProgram(names);
  if (path !== null) return { path };
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || findProgram(['apt-get']) === null) {
    return { missing: `${packageName} is not installed (on Debian: apt-get install ${packageName})` };
  }
  process.stdout.write(`Installing ${packageName} for the tests …\n`);
  const installed = install(packageName);
  const now = findProgram(names);
  return installed && now !== null
    ? { path: now }
    : { missing: `${packageName} could not be installed with apt-get` };
}

function install(packageName: string): boolean {
  // Debian starts the servers that it installs, but not in the runlevel for maintenance.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const run = (...args: readonly string[]) => runCommand('apt-get', args, { quiet: true, env }).ok;
  return run('update') && run('install', '-y', '--no-install-recommends', packageName);
}

function findProgram(names: readonly string[]): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const files = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return files.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
