/** Finds the Chromium that browser tests drive, and installs Debian's when that is allowed. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './run-command.ts';

export type FoundChromium =
  | { readonly path: string }
  /** One line that says what is missing. */
  | { readonly missing: string };

export function findOrInstallChromium(): FoundChromium {
  const path = findChromium();
  if (path !== null) return { path };
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || findProgram('apt-get') === null) {
    return { missing: 'Chromium is not installed (on Debian: apt-get install chromium)' };
  }
  process.stdout.write('Installing Chromium for the browser tests …\n');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const installed =
    runCommand('apt-get', ['update'], { quiet: true, env }).ok &&
    runCommand('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { quiet: true, env }).ok;
  const now = findChromium();
  return installed && now !== null
    ? { path: now }
    : { missing: 'Chromium could not be installed with apt-get' };
}

function findChromium(): string | null {
  const named = process.env.SALLYPORT_CHROMIUM;
  if (named !== undefined && named !== '') return named;
  return findProgram('chromium') ?? findProgram('chromium-browser') ?? findProgram('google-chrome');
}

function findProgram(name: string): string | null {
  const files = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name));
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
