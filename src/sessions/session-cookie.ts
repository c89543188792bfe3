/**
 * The session cookie: `id.secret`, 256 random bits each. The id finds the record, the secret opens it. The store knows
 * only a digest of the id, so that neither the store nor a copy of it yields a cookie (SC-004, SC-051).
 */
import { createHash } from 'node:crypto';
import type { RandomBytes } from '../core/clock.ts';

export interface SessionCookie {
  /** 43 characters of base64url. */
  readonly id: string;
  /** 43 characters of base64url. */
  readonly secret: string;
}

/** Length of an id or a secret. */
export const partLength = 43;
/** Length of the whole value. */
export const cookieLength = 2 * partLength + 1;

const partBytes = 32;
/** What keys of session records begin with. */
export const sessionKeyPrefix = 's:';

export function createSessionCookie(random: RandomBytes): SessionCookie {
  return {
    id: random(partBytes).toString('base64url'),
    secret: random(partBytes).toString('base64url'),
  };
}

export function formatSessionCookie(cookie: SessionCookie): string {
  return `${cookie.id}.${cookie.secret}`;
}

/** Null for anything that `formatSessionCookie` could not have made, to the last bit. */
export function parseSessionCookie(value: string): SessionCookie | null {
  if (value.length !== cookieLength || value[partLength] !== '.') return null;
  const id = canonicalPart(value.slice(0, partLength));
  const secret = canonicalPart(value.slice(partLength + 1));
  return id === null || secret === null ? null : { id, secret };
}

/** A fresh string as well, which does not keep the header alive that it was cut from. */
function canonicalPart(text: string): string | null {
  const canonical = Buffer.from(text, 'base64url').toString('base64url');
  return canonical === text ? canonical : null;
}

export function sessionKey(id: string): string {
  const digest = createHash('sha256').update(Buffer.from(id, 'base64url')).digest('base64url');
  return sessionKeyPrefix + digest;
}

/** A short digest of a session's key: tells sessions apart in logs and leads nowhere. */
export function sessionLogId(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}
