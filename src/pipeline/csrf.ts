/** Whether a request that carries a session was really sent by our own pages (cross-site request forgery). */
import { type RequestHead, requestHeader } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';
import { isSameOriginAction } from '../endpoints/same-origin.ts';

/** Null when the request may pass, or the rule that failed. */
export type CsrfVerdict = 'cross-site' | 'csrf-header-missing' | null;

/** A WebSocket cannot send the static header, and its method is GET: it is held to the origin, as any unsafe method. */
export function checkCsrf(head: RequestHead, route: Route, publicUrl: URL): CsrfVerdict {
  const isUpgrade = head.upgrade !== null;
  if ((isUpgrade || !isSafe(head.method)) && !isSameOriginAction(head, publicUrl)) return 'cross-site';
  if (route.csrf === 'header' && !isUpgrade && requestHeader(head, 'x-csrf') !== '1')
    return 'csrf-header-missing';
  return null;
}

/** RFC 9110 section 9.2.1. Every method that is not known to be safe counts as unsafe. */
function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}
