/** 500 MB through the gate in either direction: bodies are carried, not held. */
import { request as httpRequest, type RequestOptions } from 'node:http';
import type { Candidate } from '../candidate.ts';
import type { Figure } from '../figure.ts';
import { residentBytes } from '../processes.ts';
import { navigation } from '../sign-in.ts';
import { hugeBytes } from '../upstream.ts';

const limitMegabytes = 50;

export async function memoryFigures(gate: Candidate): Promise<readonly Figure[]> {
  await download(gate, '/big');
  return [
    await growth('500 MB download, growth of memory', gate, () => download(gate, '/huge')),
    await growth('500 MB upload, growth of memory', gate, () => upload(gate)),
  ];
}

/** The largest resident set during `transfer`, sampled, less the one before it. */
async function growth(name: string, gate: Candidate, transfer: () => Promise<number>): Promise<Figure> {
  const before = residentBytes(gate.pid);
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes(gate.pid));
  }, 10);
  const began = performance.now();
  const bytes = await transfer();
  clearInterval(timer);
  peak = Math.max(peak, residentBytes(gate.pid));
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (bytes !== hugeBytes) throw new Error(`${name}: only ${bytes} bytes went through`);
  const detail = `${megabytes(before)} MB before, ${megabytes(peak)} MB at most, in ${seconds} s`;
  return { name, measured: (peak - before) / 1e6, limit: limitMegabytes, unit: ' MB', detail };
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

async function download(gate: Candidate, path: string): Promise<number> {
  return (await exchange(`${gate.url}${path}`, { headers: headers(gate) }, null)).bytes;
}

/** What the application counted, not what was sent. */
async function upload(gate: Candidate): Promise<number> {
  const options = {
    method: 'POST',
    headers: { ...headers(gate), origin: gate.url, 'content-length': hugeBytes },
  };
  return Number((await exchange(`${gate.url}/count`, options, hugeBytes)).beginning);
}

const headers = (gate: Candidate) => ({ ...navigation, cookie: gate.cookie });

interface Answer {
  readonly bytes: number;
  readonly beginning: string;
}

/** Sends `bodyBytes` with back-pressure and reads the answer, of which only the beginning is kept. */
function exchange(url: string, options: RequestOptions, bodyBytes: number | null): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { ...options, agent: false });
    request.once('error', reject);
    request.once('response', (response) => {
      let bytes = 0;
      let beginning = '';
      response.on('data', (chunk: Buffer) => {
        if (bytes === 0) beginning = chunk.toString('latin1', 0, 32);
        bytes += chunk.length;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve({ bytes, beginning });
        else reject(new Error(`${url} answered ${response.statusCode}`));
      });
    });
    if (bodyBytes === null) request.end();
    else send(request, bodyBytes);
  });
}

function send(request: ReturnType<typeof httpRequest>, bodyBytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let left = bodyBytes;
  const write = () => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(chunk.length, left));
      left -= part.length;
      if (!request.write(part) && left > 0) return void request.once('drain', write);
    }
    request.end();
  };
  write();
}
