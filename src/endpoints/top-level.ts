/** Login and callback are for a person who looks at a top-level page: everything else is turned away, stateless. */
import type { Respond } from '../core/decision.ts';
import { headerValues } from '../core/headers.ts';
import type { RequestHead } from '../core/request-head.ts';
import { isSpeculative } from './navigation.ts';
import { problemResponse } from './problem.ts';

/**
 * The refusal of a prefetch or prerender (RP-063, SC-054), of a HEAD, and of what a browser loads as picture, frame or
 * data (RD-051); null when a person navigates. A 4xx makes browsers drop a prefetch and ask again when it is wanted.
 */
export function refuseUnlessTopLevel(head: RequestHead): Respond | null {
  if (head.method === 'HEAD' || isSpeculative(head)) return refuse(head, 'speculative');
  const embedded = headerValues(head.headers, 'sec-fetch-dest').some((value) => value !== 'document');
  return embedded ? refuse(head, 'not-a-navigation') : null;
}

function refuse(head: RequestHead, code: string): Respond {
  return problemResponse(
    { status: 403, title: 'Open this address as a page', code, requestId: head.id },
    { headers: ['vary', 'sec-purpose, sec-fetch-dest'] },
  );
}
