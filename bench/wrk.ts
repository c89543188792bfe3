/** Load over HTTP with wrk, and its summary as numbers. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body of a POST; 0 is a GET. */
  readonly bodyBytes: number;
  /** For the script. */
  readonly directory: string;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const summary = `
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"microseconds":%d,"p50":%f,"p99":%f,"status":%d,"socket":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.status, e.connect + e.read + e.write + e.timeout))
end
`;

/** Runs wrk once. Throws when an answer was no success: a bench of error pages would be worth nothing. */
export async function runWrk(load: Load): Promise<LoadResult> {
  const script = join(load.directory, `load-${load.bodyBytes}.lua`);
  const post =
    load.bodyBytes === 0
      ? ''
      : `wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/octet-stream'\nwrk.body = string.rep('x', ${load.bodyBytes})\n`;
  writeFileSync(script, post + summary);
  const headers = Object.entries(load.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '10s', '-s', script];
  const { stdout } = await promisify(execFile)('/usr/bin/wrk', [...args, ...headers, load.url]);
  const match = /^RESULT (.+)$/m.exec(stdout);
  if (match === null) throw new Error(`wrk said nothing of use:\n${stdout}`);
  const result = JSON.parse(match[1] as string) as Record<string, number>;
  if (result.status !== 0 || result.requests === 0) {
    throw new Error(`${load.url}: ${result.status} of ${result.requests} answers were no success`);
  }
  return {
    requests: result.requests as number,
    seconds: (result.microseconds as number) / 1e6,
    p50: result.p50 as number,
    p99: result.p99 as number,
  };
}
