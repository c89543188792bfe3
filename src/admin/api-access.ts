/** Who may use the API of the listener for operators: the bearer of the token, or of a client certificate. Never a browser. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { type AdminAnswer, errorAnswer } from './admin-answer.ts';
import type { AdminConfig } from './admin-config.ts';

/** Null: go on. */
export type ApiAccess = (request: IncomingMessage) => AdminAnswer | null;

type AccessConfig = NonNullable<AdminConfig['sessions']>;

/** Wrong tokens within `missWindow` milliseconds that are told apart from too many. */
const missLimit = 20;
const missWindow = 10_000;

export function createApiAccess(config: AccessConfig, clock: Clock): ApiAccess {
  const isToken = createTokenCheck(config);
  const countMiss = createMissCounter(clock);
  return (request) => {
    if (isFromBrowser(request)) return errorAnswer(403, 'this is not for browsers');
    if (config.clientCertificates && hasClientCertificate(request)) return null;
    const token = bearerToken(request);
    if (token !== null && isToken(token)) return null;
    // The right token passes even now: whoever floods the listener must not keep the operator from ending sessions.
    if (token !== null && countMiss()) {
      return errorAnswer(429, 'too many wrong tokens', { 'retry-after': String(missWindow / 1000) });
    }
    return errorAnswer(401, 'who asks has to say so', {
      'www-authenticate': 'Bearer realm="sallyport admin"',
    });
  };
}

/** Compared as digests, in constant time: neither content nor length of the token shows in how long it takes. */
function createTokenCheck({ token }: AccessConfig): (given: string) => boolean {
  if (token === undefined) return () => false;
  const expected = digest(token.reveal());
  return (given) => timingSafeEqual(digest(given), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'latin1').digest();
}

/** Exactly one field, and nothing beside the token in it (RFC 6750 section 2.1). */
function bearerToken(request: IncomingMessage): string | null {
  const fields = request.headersDistinct.authorization ?? [];
  if (fields.length !== 1) return null;
  return /^bearer ([\x21-\x7e]{1,512})$/i.exec(fields[0] as string)?.[1] ?? null;
}

/**
 * `authorized` alone is not enough: releases of Node before 26 set it for every resumed TLS 1.3 connection, whether or not
 * anybody has ever shown a certificate.
 */
function hasClientCertificate({ socket }: IncomingMessage): boolean {
  return (
    socket instanceof TLSSocket &&
    socket.authorized &&
    !socket.isSessionReused() &&
    socket.getPeerX509Certificate() !== undefined
  );
}

/** A browser adds one of these to whatever a page sends (Fetch Standard); an operator who types the address is no page. */
function isFromBrowser({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return headers.origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin');
}

/** True for each miss that is one too many. */
function createMissCounter(clock: Clock): () => boolean {
  let begunAt = Number.NEGATIVE_INFINITY;
  let misses = 0;
  return () => {
    const now = clock.monotonic();
    if (now - begunAt >= missWindow) {
      begunAt = now;
      misses = 0;
    }
    misses += 1;
    return misses > missLimit;
  };
}
