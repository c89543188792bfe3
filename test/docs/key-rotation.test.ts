/** The guide to key rotation is true: its commands do what it says, in its order, and what it shows looks like that. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/key-rotation.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
const commands = blocks
  .flatMap((text) => text.split('\n'))
  .filter((line) => line.startsWith('sallyport '))
  .map((line) => line.split(' ').slice(1));

test('every command of the guide works, one after the other', async (context) => {
  const cwd = temporaryFolder(context);
  assert.ok(commands.length >= 6);
  for (const args of commands) {
    const { code, err } = await runCli(args, { cwd });
    assert.equal(code, 0, `sallyport ${args.join(' ')}: ${err}`);
  }
});

test('every sub-command and option that the guide names exists', async (context) => {
  const cwd = temporaryFolder(context);
  const named = new Set([...guide.matchAll(/sallyport keys ([a-z]+)/g)].map(([, name = '']) => name));
  const help = await Promise.all([...named].map((name) => runCli(['keys', name, '--help'], { cwd })));
  for (const { code } of help) assert.equal(code, 0);
  const options = [...guide.matchAll(/sallyport keys [^`\n]*?(--[a-z]+)/g)].map(([, option = '']) => option);
  for (const option of [...options, '--promote', '--drop', '--config']) {
    assert.ok(
      help.some(({ out }) => out.includes(option)),
      option,
    );
  }
});
