/** What the bench needs from Debian: the programs it compares with, and the load generator. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const needed = [
  { file: '/usr/sbin/nginx', package: 'nginx' },
  { file: '/usr/sbin/apache2', package: 'apache2' },
  { file: '/usr/lib/apache2/modules/mod_auth_openidc.so', package: 'libapache2-mod-auth-openidc' },
  { file: '/usr/bin/wrk', package: 'wrk' },
  { file: '/usr/bin/redis-server', package: 'redis-server' },
] as const;

/** Installs what is missing when it may; else throws with the command to run. */
export function ensurePrograms(): void {
  const missing = needed.filter((program) => !existsSync(program.file)).map((program) => program.package);
  if (missing.length === 0) return;
  const command = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing];
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.stderr.write(`installing ${missing.join(', ')} …\n`);
    // Debian would start what it installs; an exit code of 101 from this policy file forbids it.
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env: environment });
    spawnSync(command[0] as string, command.slice(1), { stdio: 'ignore', env: environment });
    if (needed.every((program) => existsSync(program.file))) return;
  }
  throw new Error(`The bench needs ${missing.join(', ')}: sudo ${command.join(' ')}`);
}

/** The versions under comparison, for the report. */
export function programVersions(): Readonly<Record<string, string>> {
  const first = (command: string, args: readonly string[], pattern: RegExp): string => {
    const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown';
  };
  return {
    nginx: first('/usr/sbin/nginx', ['-v'], /nginx\/([\d.]+)/),
    apache: first('/usr/sbin/apache2', ['-v'], /Apache\/([\d.]+)/),
    mod_auth_openidc: first('dpkg-query', ['-W', 'libapache2-mod-auth-openidc'], /\t(\S+)/),
    wrk: first('dpkg-query', ['-W', 'wrk'], /\t(\S+)/),
    redis: first('/usr/bin/redis-server', ['--version'], / v=([\d.]+)/),
    node: process.versions.node,
  };
}
