/** Load over HTTP with wrk, and its summary as numbers. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HeaderRotation } from './header-rotation.ts';

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Headers that are others with each request; null: none. */
  readonly rotation: HeaderRotation | null;
  /** Bytes of the body of a POST; 0 is a GET. */
  readonly bodyBytes: number;
  /** Whether no answer may be a success, instead of each. */
  readonly isRefused: boolean;
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

/** All requests are made before the load begins. */
const rotating = `
local requests = {}
local at
function init(args)
  for line in io.lines(args[1]) do
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    for name, value in line:gmatch('([^\\t:]+): ([^\\t]+)') do headers[name] = value end
    requests[#requests + 1] = wrk.format(nil, nil, headers)
  end
  at = tonumber(args[2])
end
function request()
  at = at % #requests + 1
  return requests[at]
end
`;

/** Runs wrk once. Throws when an answer was not as it should be: a bench of error pages would be worth nothing. */
export async function runWrk(load: Load): Promise<LoadResult> {
  const { rotation, connections } = load;
  const script = join(load.directory, `load-${load.bodyBytes}${rotation === null ? '' : '-rotating'}.lua`);
  const post =
    load.bodyBytes === 0
      ? ''
      : `wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/octet-stream'\nwrk.body = string.rep('x', ${load.bodyBytes})\n`;
  writeFileSync(script, post + summary + (rotation === null ? '' : rotating));
  const headers = Object.entries(load.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['-t1', `-c${connections}`, `-d${load.seconds}s`, '--timeout', '10s', '-s', script];
  const forScript = rotation === null ? [] : ['--', rotation.file, `${rotation.position()}`];
  const { stdout } = await promisify(execFile)('/usr/bin/wrk', [...args, ...headers, load.url, ...forScript]);
  const match = /^RESULT (.+)$/m.exec(stdout);
  if (match === null) throw new Error(`wrk said nothing of use:\n${stdout}`);
  const result = JSON.parse(match[1] as string) as Record<string, number>;
  // What was sent and not answered when the time was over is used up as well.
  rotation?.advance((result.requests as number) + connections);
  check(load, result);
  return {
    requests: result.requests as number,
    seconds: (result.microseconds as number) / 1e6,
    p50: result.p50 as number,
    p99: result.p99 as number,
  };
}

function check({ url, isRefused }: Load, { requests = 0, status = 0 }: Record<string, number>): void {
  const wrong = isRefused ? requests - status : status;
  if (requests > 0 && wrong === 0) return;
  throw new Error(`${url}: ${wrong} of ${requests} answers were ${isRefused ? 'a' : 'no'} success`);
}
