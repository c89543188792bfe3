/** What the rounds of `bearer.ts` say, against what is promised. */
import { type Algorithm, algorithms } from '../bearer/token-issuer.ts';
import type { Figure } from '../figure.ts';
import { median } from '../median.ts';

/** Sides in the order in which they are measured: whoever is compared stands near to each other. */
export const sideNames = [
  'key',
  'assertion',
  'session',
  'repeated',
  'either by session',
  'either by token',
  'proof',
  'plain RS256',
  'fresh RS256',
  'jose RS256',
  'plain ES256',
  'fresh ES256',
  'jose ES256',
] as const;

export type SideName = (typeof sideNames)[number];

/** One side, one round. */
export interface CredentialCost {
  readonly requests: number;
  /** Per request, or per token at jose. */
  readonly cpuMicroseconds: number;
}

type Rounds = readonly (readonly CredentialCost[])[];

/** Of the cost of the same with a session. */
const sessionLimit = 1.15;
/** Of one verification. */
const verificationLimit = 1.3;
/** A key is one HMAC more. */
const keyLimit = 1.3;
/** An assertion is signed, which is about as much as all the rest. */
const assertionLimit = 3;
/** A proof brings its own key, which has to be read, and a write to the store. */
const proofLimit = 2.5;

export function judgeCredentials(rounds: Rounds): readonly Figure[] {
  const costs = (side: SideName) =>
    rounds.map((row) => row[sideNames.indexOf(side)]?.cpuMicroseconds ?? Number.NaN);
  const micros = (side: SideName) => `${median(costs(side)).toFixed(1)} µs`;

  const against = (name: string, [side, other]: readonly [SideName, SideName], limit: number): Figure => {
    const others = costs(other);
    const measured = median(costs(side).map((cost, round) => cost / (others[round] as number)));
    return { name, measured, limit, unit: '×', detail: `${micros(side)} against ${micros(other)}` };
  };

  const fresh = (alg: Algorithm): Figure => {
    const [plain, bare] = [costs(`plain ${alg}`), costs(`jose ${alg}`)];
    const beyond = costs(`fresh ${alg}`).map(
      (cost, round) => (cost - (plain[round] as number)) / (bare[round] as number),
    );
    return {
      name: `fresh ${alg} token, CPU beyond passing it on, of one verification by jose`,
      measured: median(beyond),
      limit: verificationLimit,
      unit: '×',
      detail: `${micros(`fresh ${alg}`)}, passed on ${micros(`plain ${alg}`)}, jose ${micros(`jose ${alg}`)}`,
    };
  };

  return [
    against('bearer token again, CPU against a session', ['repeated', 'session'], sessionLimit),
    against('the same on one route for both', ['either by token', 'either by session'], sessionLimit),
    ...algorithms.map(fresh),
    against('API key, CPU against a session', ['key', 'session'], keyLimit),
    against('assertion for the application, CPU against a session', ['assertion', 'session'], assertionLimit),
    against('DPoP proof, CPU against a fresh ES256 token', ['proof', 'fresh ES256'], proofLimit),
  ];
}
