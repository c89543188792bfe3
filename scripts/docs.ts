/** `npm run docs`: writes the reference pages from the code; with `--check`, only tells whether they are current. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { referencePages } from './reference/pages.ts';
import { root } from './root.ts';

const directory = `${root}/docs/reference`;
const stale = Object.entries(referencePages()).filter(([name, text]) => {
  const file = `${directory}/${name}`;
  return !existsSync(file) || readFileSync(file, 'utf8') !== text;
});

if (process.argv.includes('--check')) {
  for (const [name] of stale)
    process.stderr.write(`docs/reference/${name} is not current: run \`npm run docs\`\n`);
  if (stale.length > 0) process.exitCode = 1;
} else {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of stale) writeFileSync(`${directory}/${name}`, text);
}
