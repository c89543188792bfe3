#!/usr/bin/env node
/** The command line: hands the process's arguments, environment and streams to the command. */
import { createTerminal } from './create-terminal.ts';
import { run } from './run.ts';

const words = process.argv.slice(2);
process.exitCode = await run(words, createTerminal());
// The gate has closed, and its log has had its time. A reader that stopped reading must not hold the process (FL-073).
if (words[0] === 'serve') setTimeout(() => process.exit(), 500).unref();
