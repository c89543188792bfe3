/** `npm run build`: the JavaScript package with its types, in `dist/`. */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { root } from './root.ts';
import { localProgram, runCommand } from './run-command.ts';

const expected = ['dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js'];

rmSync(`${root}/dist`, { recursive: true, force: true });
const { ok } = runCommand(localProgram('tsc'), ['-p', 'tsconfig.build.json']);
const missing = expected.filter((file) => !existsSync(`${root}/${file}`));
if (ok && missing.length === 0) {
  chmodSync(`${root}/dist/cli/main.js`, 0o755);
} else {
  if (missing.length > 0) process.stderr.write(`build: ${missing.join(', ')} did not come out\n`);
  process.exitCode = 1;
}
