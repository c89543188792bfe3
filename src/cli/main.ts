#!/usr/bin/env node
/** The command line: hands the process's arguments, environment and streams to the command. */
import { exitCodes } from './command.ts';
import { createTerminal } from './create-terminal.ts';
import { run } from './run.ts';

const words = process.argv.slice(2);
// Whoever reads what a command prints may stop before its end (`… | head`). A gate goes on; its log sees to itself.
process.stdout.on('error', () => {
  if (words[0] !== 'serve') process.exit(exitCodes.problem);
});
process.stderr.on('error', () => {});
process.exitCode = await run(words, createTerminal());
// The gate has closed, and its log has had its time. A reader that stopped reading must not hold the process (FL-073).
if (words[0] === 'serve') setTimeout(() => process.exit(), 500).unref();
