/** The process of `verify-with-jose.ts`, asked for one round at a time. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { VerificationCost, VerificationTask } from './verify-with-jose.ts';

export interface JoseVerification {
  measure(task: VerificationTask): Promise<VerificationCost>;
  stop(): Promise<void>;
}

export function startJoseVerification(): JoseVerification {
  const child = fork(join(import.meta.dirname, 'verify-with-jose.ts'));
  const died = once(child, 'exit');
  const failed = died.then(([code]) => {
    throw new Error(`the verification with jose ended with code ${code}`);
  });
  // It is told to whoever measures; the end is none.
  failed.catch(() => {});
  return {
    async measure(task) {
      const answer = once(child, 'message');
      child.send(task);
      const [cost] = await Promise.race([answer, failed]);
      return cost as VerificationCost;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await died;
    },
  };
}
