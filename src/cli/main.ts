#!/usr/bin/env node
/** The command line: hands the process's arguments, environment and streams to the command. */
import { createTerminal } from './create-terminal.ts';
import { run } from './run.ts';

process.exitCode = await run(process.argv.slice(2), createTerminal());
