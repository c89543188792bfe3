/** A flood of tokens that name keys which nobody has: how often the key set is fetched for them, and what each costs. */
import type { TokenIssuer } from '../bearer/token-issuer.ts';
import type { Candidate } from '../candidate.ts';
import type { Figure } from '../figure.ts';
import { createHeaderRotation } from '../header-rotation.ts';
import { measure, smallGet } from '../scenarios.ts';

/** Seconds between fetches for keys that are unknown (`src/oidc/jwks.ts`). */
const coolDown = 30;

/** Each with a key id of its own; none is remembered. */
const forged = 20_000;

/** What one process is to refuse in a second of its CPU. */
const refusalsPerSecond = 10_000;

export interface Flood {
  readonly gate: Candidate;
  readonly issuer: TokenIssuer;
  readonly seconds: number;
  readonly directory: string;
}

export async function unknownKeyFigures({
  gate,
  issuer,
  seconds,
  directory,
}: Flood): Promise<readonly Figure[]> {
  const tokens = Array.from({ length: forged }, () => ({ Authorization: `Bearer ${issuer.forge()}` }));
  const rotation = createHeaderRotation(directory, 'forged', tokens);
  const scenario = { ...smallGet, path: '/bearer/small', signedIn: false, isRefused: true, rotation };
  const before = issuer.fetches();
  const flood = await measure(gate, scenario, { seconds, directory });
  const fetches = issuer.fetches() - before;
  const rate = `${(flood.requests / flood.seconds).toFixed(0)} a second for ${seconds} s`;
  return [
    {
      name: 'unknown keys, fetches of the key set',
      measured: fetches,
      // One when it begins, and one after each cool-down.
      limit: Math.ceil(seconds / coolDown),
      unit: '',
      detail: `${rate}, one in ${coolDown} s`,
    },
    {
      name: 'unknown key, CPU of the refusal',
      measured: flood.cpuMicroseconds,
      limit: 1e6 / refusalsPerSecond,
      unit: ' µs',
      detail: `${refusalsPerSecond.toLocaleString('en')} a second take at most one core`,
    },
  ];
}
