/**
 * Runs an expression in a process that may not read what belongs to others, also when the tests run as root: it
 * imports first and gives its rights away then. Answers what the expression threw, or its value, as text.
 */
import { spawnSync } from 'node:child_process';

export interface AsNobody {
  /** Absolute URL of a module. */
  readonly module: string;
  /** JavaScript with the exports of the module as `it`. */
  readonly expression: string;
}

export function runAsNobody({ module, expression }: AsNobody): string {
  const code = `
    const it = await import(${JSON.stringify(module)});
    if (process.getuid() === 0) process.setuid(65534);
    try { console.log('done', ${expression}); } catch (error) { console.log(error.code, error.detail, error.message); }`;
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
  return child.stdout + child.stderr;
}
