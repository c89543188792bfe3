/**
 * What a request costs by the credential that it brings, at one gate and in turns: a session, tokens that are remembered
 * and tokens that are new, an API key, a DPoP proof, an assertion for the application. Then a flood of unknown keys.
 */
import { createDpopClient } from '../bearer/dpop-client.ts';
import { credentialGate, remembered } from '../bearer/gate-options.ts';
import { type JoseVerification, startJoseVerification } from '../bearer/jose-verification.ts';
import { type Algorithm, audience, startTokenIssuer, type TokenIssuer } from '../bearer/token-issuer.ts';
import { verifiedTokens } from '../bearer/verified-tokens.ts';
import type { BenchClient, Candidate, Surroundings } from '../candidate.ts';
import { startSallyport } from '../candidates/sallyport.ts';
import type { Figure } from '../figure.ts';
import { createHeaderRotation } from '../header-rotation.ts';
import { inTurns } from '../in-turns.ts';
import { freePort } from '../processes.ts';
import { measure, type Scenario, smallGet } from '../scenarios.ts';
import { type CredentialCost, judgeCredentials, type SideName, sideNames } from './bearer-costs.ts';
import { unknownKeyFigures } from './unknown-keys.ts';

export interface BearerPace {
  readonly rounds: number;
  /** Requests that each side answers before anything counts. */
  readonly warmUp: number;
  /** Seconds. */
  readonly flood: number;
}

/** Seconds of one side in one round. */
const seconds = 1;

/** Tokens that come in a circle: each was forgotten when it comes again. */
const circle = remembered * 1.2;

/** More than are sent in a round, as each is good once. */
const proofs = 15_000;

type Sides = Readonly<Record<SideName, () => Promise<CredentialCost>>>;

interface Work {
  readonly gate: Candidate;
  readonly apiKey: string;
  readonly adminPort: number;
  readonly issuer: TokenIssuer;
  readonly jose: JoseVerification;
  readonly directory: string;
}

export async function bearerFigures(
  surroundings: Surroundings,
  client: BenchClient,
  pace: BearerPace,
): Promise<readonly Figure[]> {
  await using running = new AsyncDisposableStack();
  const { directory } = surroundings;
  const issuer = await startTokenIssuer();
  running.defer(issuer.stop);
  const jose = startJoseVerification();
  running.defer(jose.stop);
  const adminPort = await freePort();
  const { options, apiKey } = await credentialGate(issuer, adminPort);
  const gate = await startSallyport(surroundings, client, options);
  running.defer(gate.stop);
  const sides = makeSides({ gate, apiKey, adminPort, issuer, jose, directory });
  const rounds = await inTurns(sideNames, pace, (name) => sides[name]());
  return [
    ...judgeCredentials(rounds),
    ...(await unknownKeyFigures({ gate, issuer, seconds: pace.flood, directory })),
  ];
}

function makeSides(work: Work): Sides {
  const { gate, issuer, apiKey, directory } = work;
  const load = (scenario: Partial<Scenario>) =>
    measure(gate, { ...smallGet, signedIn: false, ...scenario }, { seconds, directory });
  const bearer = { Authorization: `Bearer ${issuer.issue('RS256')}` };
  return {
    session: () => load({ signedIn: true }),
    repeated: () => load({ path: '/bearer/small', headers: bearer }),
    'either by session': () => load({ path: '/either/small', signedIn: true }),
    'either by token': () => load({ path: '/either/small', headers: bearer }),
    key: () => load({ path: '/key/small', headers: { 'X-API-Key': apiKey } }),
    assertion: () => load({ path: '/assertion/small', signedIn: true }),
    ...freshSides('RS256', work),
    ...freshSides('ES256', work),
    proof: proofSide(work),
  };
}

/** The same tokens to a route that checks them, to a route that passes them on, and one by one to jose. */
function freshSides<Name extends Algorithm>(algorithm: Name, work: Work) {
  const { gate, adminPort, issuer, jose, directory } = work;
  const tokens = Array.from({ length: circle }, () => issuer.issue(algorithm));
  const headers = tokens.map((token) => ({ Authorization: `Bearer ${token}` }));
  const loading = (route: string) => {
    // Each goes round by itself: the route that checks must see all others before it sees one again.
    const rotation = createHeaderRotation(directory, `${route}-${algorithm}`, headers);
    const scenario: Scenario = { ...smallGet, path: `/${route}/small`, signedIn: false, rotation };
    return () => measure(gate, scenario, { seconds, directory });
  };
  const check = loading('bearer');
  const checked = async () => {
    const before = await verifiedTokens(adminPort);
    const cost = await check();
    const verified = (await verifiedTokens(adminPort)) - before;
    if (verified < cost.requests) throw new Error(`${verified} of ${cost.requests} tokens were verified`);
    return cost;
  };
  const task = {
    alg: algorithm,
    key: issuer.publicKey(algorithm),
    issuer: issuer.issuer,
    audience,
    tokens: tokens.slice(0, 1000),
  };
  return {
    [`fresh ${algorithm}`]: checked,
    [`plain ${algorithm}`]: loading('plain'),
    [`jose ${algorithm}`]: () => jose.measure(task),
  } as Readonly<Record<`${'fresh' | 'plain' | 'jose'} ${Name}`, () => Promise<CredentialCost>>>;
}

function proofSide({ gate, issuer, directory }: Work) {
  const client = createDpopClient(issuer);
  const path = '/bearer/small';
  const signed = () => ({ Authorization: `DPoP ${client.token}`, DPoP: client.prove(`${gate.url}${path}`) });
  return () => {
    const rotation = createHeaderRotation(directory, 'proofs', Array.from({ length: proofs }, signed));
    return measure(gate, { ...smallGet, path, signedIn: false, rotation }, { seconds, directory });
  };
}
