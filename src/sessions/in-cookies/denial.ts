/**
 * A denial says which sessions are over though their cookies still open: one, those of a person, those of a provider's
 * session, all. Pure: what fits, how denials under one key come together, how they are written down.
 */
import { createHash } from 'node:crypto';
import type { SessionEndReason } from '../../core/session.ts';
import { sessionKeyPrefix } from '../session-cookie.ts';
import type { SessionFilter } from '../session-directory.ts';

/** A session as denials see it. Names are digests, so that a store tells of nobody. */
export interface Deniable {
  /** The digest of its id. */
  readonly id: string;
  readonly provider: string;
  readonly subject: string;
  readonly sid: string | null;
  /** Unix time in milliseconds: when its login was begun. */
  readonly startedAt: number;
  /** `iat` of the ID token of its sign-in (seconds), or null. */
  readonly issuedAt: number | null;
}

export interface Denial {
  /** Digests; null fits all. */
  readonly provider: string | null;
  readonly subject: string | null;
  readonly sid: string | null;
  /** The id of a session that stays, or null. */
  readonly except: string | null;
  /** Sessions whose login was begun later are not meant (Unix time in milliseconds). */
  readonly before: number;
  /** `iat` of the logout token (seconds): sign-ins that the provider gave later are not meant. Null: not told. */
  readonly issuedAt: number | null;
  readonly reason: SessionEndReason;
  /** Unix time in milliseconds. */
  readonly at: number;
}

/** Nodes agree about the time within this, in milliseconds (FL-051). */
const clockTolerance = 60_000;
/** Denials under one key. */
const most = 16;
const formatVersion = 1;
/** What keys of denials begin with. */
export const denialPrefix = 'd:';
const filterPrefix = `${denialPrefix}f:`;

export function createDeniable(parts: {
  readonly key: string;
  readonly provider: string;
  readonly subject: string;
  readonly sid: string | null;
  readonly startedAt: number;
  readonly issuedAt: number | null;
}): Deniable {
  const { key, provider, subject, sid, startedAt, issuedAt } = parts;
  return {
    id: key.slice(sessionKeyPrefix.length),
    provider: digest('provider', provider),
    subject: digest('subject', subject),
    sid: sid === null ? null : digest('sid', sid),
    startedAt,
    issuedAt,
  };
}

export function createDenial(
  filter: SessionFilter,
  parts: Pick<Denial, 'before' | 'issuedAt' | 'except' | 'reason' | 'at'>,
): Denial {
  return {
    provider: filter.provider === undefined ? null : digest('provider', filter.provider),
    subject: filter.subject === undefined ? null : digest('subject', filter.subject),
    sid: filter.sid === undefined ? null : digest('sid', filter.sid),
    ...parts,
  };
}

/** The key for one session: what is denied there is denied to no other. */
export function denialKeyOf(id: string): string {
  return denialPrefix + id;
}

/** The key for all that a denial fits. */
export function denialKeyFor({
  provider,
  subject,
  sid,
}: Pick<Denial, 'provider' | 'subject' | 'sid'>): string {
  return filterPrefix + digest('filter', JSON.stringify([provider, subject, sid]));
}

/** The id of the session that a key is for, or null when it may be for many. */
export function idOfDenialKey(key: string): string | null {
  return key.startsWith(filterPrefix) ? null : key.slice(denialPrefix.length);
}

/** Every key under which a denial of this session can be: its own, and one for each choice of what names it. */
export function denialKeys({ id, provider, subject, sid }: Deniable): readonly string[] {
  const keys = [denialKeyOf(id)];
  for (const p of [null, provider]) {
    for (const s of [null, subject]) {
      keys.push(denialKeyFor({ provider: p, subject: s, sid: null }));
      if (sid !== null) keys.push(denialKeyFor({ provider: p, subject: s, sid }));
    }
  }
  return keys;
}

export function denies(denial: Denial, session: Deniable): boolean {
  if (denial.provider !== null && denial.provider !== session.provider) return false;
  if (denial.subject !== null && denial.subject !== session.subject) return false;
  if (denial.sid !== null && denial.sid !== session.sid) return false;
  return denial.except !== session.id && isBefore(denial, session);
}

/**
 * Whether the sign-in came before the logout (LO-016, LO-024). The provider's own times tell best: they are of one
 * clock, and a logout token may be delivered late. Where they say that the sign-in is older, our clocks need not agree
 * to the second; in the same second it is the order here that counts.
 */
function isBefore({ before, issuedAt }: Denial, session: Deniable): boolean {
  if (issuedAt === null || session.issuedAt === null || session.issuedAt === issuedAt)
    return session.startedAt <= before;
  return session.issuedAt < issuedAt && session.startedAt <= before + clockTolerance;
}

/** With a new one; those that it covers are dropped, and of too many the oldest become one that denies no less. */
export function addDenial(denials: readonly Denial[], added: Denial): readonly Denial[] {
  const all = [...denials.filter((denial) => !covers(added, denial)), added];
  const [first, second, ...rest] = all;
  if (all.length <= most || first === undefined || second === undefined) return all;
  return [joined(first, second), ...rest];
}

function covers(a: Denial, b: Denial): boolean {
  const issued = a.issuedAt === null || (b.issuedAt !== null && a.issuedAt >= b.issuedAt);
  const kept = a.except === null || a.except === b.except;
  return sameFilter(a, b) && a.before >= b.before && issued && kept;
}

function joined(a: Denial, b: Denial): Denial {
  const filter = sameFilter(a, b) ? a : { ...a, provider: null, subject: null, sid: null };
  const issuedAt = a.issuedAt === null || b.issuedAt === null ? null : Math.max(a.issuedAt, b.issuedAt);
  return { ...filter, except: null, before: Math.max(a.before, b.before), issuedAt };
}

function sameFilter(a: Denial, b: Denial): boolean {
  return a.provider === b.provider && a.subject === b.subject && a.sid === b.sid;
}

export function formatDenials(denials: readonly Denial[]): Buffer {
  return Buffer.from(JSON.stringify({ v: formatVersion, denials }), 'utf8');
}

/** Null when it cannot be read, which denies: somebody wanted to say so. */
export function parseDenials(bytes: Uint8Array): readonly Denial[] | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (!isObject(value) || value.v !== formatVersion || !Array.isArray(value.denials)) return null;
    return value.denials.every(isDenial) ? value.denials : null;
  } catch {
    return null;
  }
}

function isDenial(value: unknown): value is Denial {
  if (!isObject(value)) return false;
  const { provider, subject, sid, except, before, issuedAt, reason, at } = value;
  const texts = [provider, subject, sid, except].every((text) => text === null || typeof text === 'string');
  const times = typeof before === 'number' && typeof at === 'number';
  return texts && times && (issuedAt === null || typeof issuedAt === 'number') && typeof reason === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function digest(kind: string, name: string): string {
  return createHash('sha256').update(`${kind}\0${name}`, 'utf8').digest('base64url');
}
