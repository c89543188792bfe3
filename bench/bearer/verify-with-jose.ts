/**
 * A process that does nothing but verify tokens with jose, one after the other, and says what that took: what a fresh token
 * at the gate is measured against.
 */
import { importJWK, type JWK, jwtVerify } from 'jose';

export interface VerificationTask {
  readonly alg: string;
  readonly key: JWK;
  readonly issuer: string;
  readonly audience: string;
  readonly tokens: readonly string[];
}

export interface VerificationCost {
  readonly requests: number;
  /** Of the whole process, threads included, per token. */
  readonly cpuMicroseconds: number;
}

/** Milliseconds. */
const duration = 1000;

async function verifyAll({
  alg,
  key,
  issuer,
  audience,
  tokens,
}: VerificationTask): Promise<VerificationCost> {
  const publicKey = await importJWK(key, alg);
  const options = { issuer, audience, algorithms: [alg], typ: 'at+jwt' };
  const before = process.cpuUsage();
  const end = performance.now() + duration;
  let requests = 0;
  while (performance.now() < end) {
    await jwtVerify(tokens[requests % tokens.length] as string, publicKey, options);
    requests += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return { requests, cpuMicroseconds: (user + system) / requests };
}

process.on('message', async (task: VerificationTask) => {
  process.send?.(await verifyAll(task));
});
process.once('disconnect', () => process.exit(0));
