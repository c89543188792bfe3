/** A failure as an answer, whatever happens while it is made. */
import { noCookies, type Respond } from '../core/decision.ts';
import type { SallyportError } from '../core/errors.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Door } from './door.ts';

/** The page or problem for an error; a bug in making it must not leave the client without an answer. */
export function answerFailure(door: Door, head: RequestHead | null, error: SallyportError): Respond {
  try {
    return door.deps.failure(head, error);
  } catch {
    return {
      kind: 'respond',
      status: error.status,
      headers: ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store'],
      body: `${error.code}\n`,
      setCookies: noCookies,
      reason: 'failure',
      route: null,
      session: null,
      caller: null,
    };
  }
}
