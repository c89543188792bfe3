/** Is a person waiting for a page, or a program for data? Decides between redirect and 401, page and problem+json. */
import { headerValues } from '../core/headers.ts';
import type { RequestHead } from '../core/request-head.ts';
import { requestHeader } from '../core/request-head.ts';

/**
 * Whether a browser is about to show the answer as a top-level document, so that it can be sent to sign in.
 * `Sec-Fetch-*` decides where there is any: frames, pictures and `fetch` are not navigations (RD-027). Without it, a
 * GET or HEAD that asks for HTML and was not made by a script library counts as one.
 */
export function isNavigation(head: RequestHead): boolean {
  if (head.upgrade !== null) return false;
  if (head.method !== 'GET' && head.method !== 'HEAD') return false;
  const mode = requestHeader(head, 'sec-fetch-mode');
  const destination = requestHeader(head, 'sec-fetch-dest');
  if (mode === null && destination === null) return asksForHtml(head);
  return mode === 'navigate' && (destination === null || destination === 'document');
}

/** Whether an answer of our own should be a page: any navigation, whatever its method and wherever it is shown. */
export function prefersHtml(head: RequestHead): boolean {
  if (head.upgrade !== null) return false;
  const mode = requestHeader(head, 'sec-fetch-mode');
  return mode === null ? asksForHtml(head) : mode === 'navigate';
}

function asksForHtml(head: RequestHead): boolean {
  if (requestHeader(head, 'x-requested-with') !== null) return false;
  return accepts(head, 'text/html');
}

/** Whether `Accept` names this media type itself, with a weight above zero (RFC 9110 section 12.5.1). */
export function accepts(head: RequestHead, mediaType: string): boolean {
  return headerValues(head.headers, 'accept').some((value) =>
    value.split(',').some((range) => {
      const [type = '', ...parameters] = range.split(';');
      if (type.trim().toLowerCase() !== mediaType) return false;
      return !parameters.some((parameter) => /^\s*q\s*=\s*0(?:\.0{0,3})?\s*$/i.test(parameter));
    }),
  );
}

/**
 * Whether a browser fetches this before anybody asked for it. Such a request must not start or finish a sign-in
 * (RP-063, SC-054).
 */
export function isSpeculative(head: RequestHead): boolean {
  const purpose = [
    ...headerValues(head.headers, 'sec-purpose'),
    ...headerValues(head.headers, 'purpose'),
    ...headerValues(head.headers, 'x-purpose'),
    ...headerValues(head.headers, 'x-moz'),
  ];
  return purpose.some((value) => /prefetch|prerender|preview/i.test(value));
}
