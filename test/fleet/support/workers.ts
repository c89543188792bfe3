/** One gate of several worker processes, and what tests do to them. */
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GateProcess } from '../../support/gate-process.ts';
import { createUserAgent, fetchHeaders } from '../../support/user-agent.ts';

export interface SlowApp {
  readonly url: string;
  /** Responses to `/slow`, which wait for the test. */
  readonly slow: ServerResponse[];
  close(): Promise<void>;
}

/** Answers at once, but for `/slow`; `/short` takes some milliseconds. */
export async function startSlowApp(): Promise<SlowApp> {
  const slow: ServerResponse[] = [];
  const server = createServer((request, response) => {
    request.resume();
    if (request.url?.endsWith('/slow')) slow.push(response);
    else if (request.url?.endsWith('/short')) setTimeout(() => response.end('served'), 5);
    else response.end('served');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    slow,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A request on a connection of its own, so that the kernel chooses a worker for it. */
export function askOnce(url: string, headers: Readonly<Record<string, string>> = {}) {
  return createUserAgent().ask(url, { headers: { ...fetchHeaders, ...headers, connection: 'close' } });
}

/** Workers that are said to serve and have not been said to have ended, by process id, the oldest first. */
export function workersOf(gate: GateProcess): readonly number[] {
  const ended = new Set(gate.events('worker.ended').map(({ worker }) => worker));
  return gate
    .events('worker.started')
    .map(({ worker }) => worker as number)
    .filter((pid) => !ended.has(pid));
}

/** Which workers answered, told apart by the first part of the ids of their requests. */
export function answeredBy(gate: GateProcess): ReadonlySet<string> {
  return new Set(
    gate.events('request.finished').map(({ requestId }) => String(requestId).split('-')[0] as string),
  );
}

/** Whether the process runs; one that has ended and whose parent does not look counts as ended (Linux). */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until `condition` resolves to something; fails after ten seconds. */
export async function eventually<T>(condition: () => Promise<T | null | false>): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = await condition();
    if (found !== null && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${condition}`);
    await sleep(20);
  }
}

/** The value of a sample in an exposition; the sum over all label sets that `name` begins with. */
export function sampleOf(exposition: string, name: string): number {
  return exposition
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
