/** Reads one cookie of ours, by its exact name, and only when it came exactly once (RFC 6265bis; SC-007, SC-008). */
import { headerValues } from '../core/headers.ts';
import type { RequestHead } from '../core/request-head.ts';

/** The raw value, or null when the cookie is absent or came more than once. */
export function readCookie(head: RequestHead, name: string): string | null {
  let found: string | null = null;
  for (const header of headerValues(head.headers, 'cookie')) {
    for (const pair of header.split(';')) {
      const at = pair.indexOf('=');
      if (at === -1 || pair.slice(0, at).replace(/^[ \t]+|[ \t]+$/g, '') !== name) continue;
      if (found !== null) return null;
      found = pair.slice(at + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    }
  }
  return found;
}
