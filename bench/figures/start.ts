/** How long the gate takes from its start until it accepts a connection. */
import { spawn } from 'node:child_process';
import type { BenchClient, Surroundings } from '../candidate.ts';
import { gateProgram, writeGateConfig } from '../candidates/sallyport.ts';
import type { Figure } from '../figure.ts';
import { median } from '../median.ts';
import { untilAccepting } from '../processes.ts';

const limitMilliseconds = 400;

export async function startFigure(
  surroundings: Surroundings,
  client: BenchClient,
  times: number,
): Promise<Figure> {
  const file = writeGateConfig(surroundings, client, { home: 'start' });
  // The first start warms the file cache and makes the keys.
  await startOnce(file, client.port);
  const durations: number[] = [];
  for (let i = 0; i < times; i += 1) durations.push(await startOnce(file, client.port));
  return {
    name: 'from start to accepting',
    measured: median(durations),
    limit: limitMilliseconds,
    unit: ' ms',
    detail: `${times} starts, ${Math.min(...durations).toFixed(0)} to ${Math.max(...durations).toFixed(0)} ms`,
  };
}

async function startOnce(file: string, port: number): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [gateProgram, 'serve', '--config', file], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await untilAccepting(port, child, 10_000);
    return performance.now() - began;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}
