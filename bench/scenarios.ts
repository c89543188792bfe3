/** What is measured: the five kinds of traffic, the same for every candidate. */
import type { Candidate } from './candidate.ts';
import type { HeaderRotation } from './header-rotation.ts';
import { cpuMicroseconds, processTree } from './processes.ts';
import { runWebSocketLoad } from './web-socket-load.ts';
import { type LoadResult, runWrk } from './wrk.ts';

export interface Scenario {
  readonly name: 'get' | 'download' | 'upload' | 'websocket' | 'public';
  readonly title: string;
  readonly path: string;
  readonly connections: number;
  readonly bodyBytes: number;
  readonly signedIn: boolean;
  /** Beyond what every browser sends. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers that are others with each request. */
  readonly rotation?: HeaderRotation;
  /** Whether no answer may be a success, instead of each. */
  readonly isRefused?: boolean;
}

export const smallGet: Scenario = {
  name: 'get',
  title: 'small GET, signed in',
  path: '/api/small',
  connections: 32,
  bodyBytes: 0,
  signedIn: true,
};

export const scenarios: readonly Scenario[] = [
  smallGet,
  {
    name: 'download',
    title: '1 MB download, signed in',
    path: '/big',
    connections: 8,
    bodyBytes: 0,
    signedIn: true,
  },
  {
    name: 'upload',
    title: '64 KB POST, signed in',
    path: '/api/upload',
    connections: 16,
    bodyBytes: 64 * 1024,
    signedIn: true,
  },
  {
    name: 'websocket',
    title: 'WebSocket echo, signed in',
    path: '/ws',
    connections: 16,
    bodyBytes: 0,
    signedIn: true,
  },
  {
    name: 'public',
    title: 'public route',
    path: '/public/small',
    connections: 32,
    bodyBytes: 0,
    signedIn: false,
  },
];

/** One scenario, one candidate, one round. */
export interface Measurement extends LoadResult {
  /** Of all processes of the candidate, per request (or per echoed message). */
  readonly cpuMicroseconds: number;
}

export interface Round {
  readonly seconds: number;
  readonly directory: string;
}

export async function measure(candidate: Candidate, scenario: Scenario, round: Round): Promise<Measurement> {
  const pids = processTree(candidate.pid);
  const before = cpuMicroseconds(pids);
  const result = await load(candidate, scenario, round);
  const used = cpuMicroseconds(pids) - before;
  return { ...result, cpuMicroseconds: used / result.requests };
}

function load(candidate: Candidate, scenario: Scenario, round: Round): Promise<LoadResult> {
  const url = `${candidate.url}${scenario.path}`;
  const common = { url, connections: scenario.connections, seconds: round.seconds };
  const headers = browserHeaders(candidate, scenario);
  if (scenario.name === 'websocket') return runWebSocketLoad({ ...common, headers });
  const { bodyBytes, rotation = null, isRefused = false } = scenario;
  return runWrk({ ...common, headers, rotation, bodyBytes, isRefused, directory: round.directory });
}

/** What a browser's `fetch` sends, the same to every candidate. */
function browserHeaders(candidate: Candidate, scenario: Scenario): Readonly<Record<string, string>> {
  return {
    'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) bench',
    Accept: '*/*',
    'Accept-Language': 'en-GB,en;q=0.9',
    'Sec-Fetch-Site': 'same-origin',
    'Sec-Fetch-Mode': scenario.name === 'websocket' ? 'websocket' : 'cors',
    'Sec-Fetch-Dest': scenario.name === 'websocket' ? 'websocket' : 'empty',
    ...(scenario.bodyBytes > 0 || scenario.name === 'websocket' ? { Origin: candidate.url } : {}),
    ...(scenario.signedIn && candidate.cookie !== '' ? { Cookie: candidate.cookie } : {}),
    ...scenario.headers,
  };
}
