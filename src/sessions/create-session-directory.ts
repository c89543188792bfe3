/**
 * Makes the directory of sessions over a store: lists and ends sessions by who they are of. Needs no browser and no
 * running gate, so that the command line can use it on a store alone; in a gate `onEnded` ends what is cached and open
 * there at once, and the other nodes hear of it from the store.
 */
import { createHash } from 'node:crypto';
import { setImmediate as pause } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { SessionEndReason } from '../core/session.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Listed, Store } from '../stores/store.ts';
import type { Limits } from './limits.ts';
import { loginLifetime } from './login-transactions.ts';
import { sessionKeyPrefix, sessionLogId } from './session-cookie.ts';
import type {
  EndOptions,
  SessionDirectory,
  SessionFilter,
  SessionPage,
  SessionSummary,
} from './session-directory.ts';
import { sidTag, subjectTag } from './session-entry.ts';
import { shownSid } from './session-label.ts';
import { createSummaries } from './session-summaries.ts';
import { createTombstones } from './tombstones.ts';

export interface SessionDirectoryDeps {
  readonly store: Store;
  /** Of tokens at rest: `KeyRings.tokens`. */
  readonly keyRing: KeyRing;
  readonly limits: Limits;
  /** Names of the providers in the configuration. */
  readonly providers: readonly string[];
  readonly clock: Clock;
  readonly emit: Emit;
  /** Called for each session that was ended, when its record is gone. */
  readonly onEnded?: (key: string, reason: SessionEndReason) => void;
}

/** Milliseconds: a login that was under way when a logout came is over by then, its last answer included. */
const tombstoneLifetime = loginLifetime + 60_000;
const wordPrefix = 'j:';
const clockTolerance = 60_000;
const firstPage: PageOf = { cursor: null, limit: 100 };
const atOnce = 1000;
/** Labels that are opened in one go: some milliseconds. */
const stretch = 250;

export function createSessionDirectory(deps: SessionDirectoryDeps): SessionDirectory {
  const { store, emit } = deps;
  const summaries = createSummaries(deps);
  const tombstones = createTombstones(deps, tombstoneLifetime);

  /** Every page of all records, one after the other. */
  async function* pages(): AsyncGenerator<readonly Listed[]> {
    let cursor: string | null = null;
    do {
      const page = await store.list(sessionKeyPrefix, cursor, atOnce);
      yield page.records;
      cursor = page.cursor;
    } while (cursor !== null);
  }

  /** The first page that has something on it, or the last. */
  const look = async (provider: string | undefined, page: PageOf): Promise<SessionPage> => {
    let { cursor } = page;
    for (;;) {
      const found = await store.list(sessionKeyPrefix, cursor, page.limit);
      const sessions = found.records.flatMap((listed) => summaries.read(listed) ?? []);
      const fitting = provider === undefined ? sessions : sessions.filter(isOf(provider));
      if (fitting.length > 0 || found.cursor === null) return { sessions: fitting, cursor: found.cursor };
      cursor = found.cursor;
    }
  };

  /** In stretches, so that somebody with ten thousand sessions holds nobody up. */
  const readAll = async (found: readonly Listed[]): Promise<SessionSummary[]> => {
    const sessions: SessionSummary[] = [];
    for (let at = 0; at < found.length; at += stretch) {
      if (at > 0) await pause();
      sessions.push(...found.slice(at, at + stretch).flatMap((listed) => summaries.read(listed) ?? []));
    }
    return sessions;
  };

  const endKeys = async (keys: readonly string[], reason: SessionEndReason): Promise<number> => {
    let ended = 0;
    for (let at = 0; at < keys.length; at += atOnce) {
      const some = keys.slice(at, at + atOnce);
      ended += await store.deleteAll(some);
      for (const key of some) deps.onEnded?.(key, reason);
    }
    return ended;
  };

  /** By tag or id the label need not open: a logout ends what it leads to. */
  const endFound = async (
    found: readonly Listed[],
    filter: SessionFilter,
    options: EndOptions,
  ): Promise<number> => {
    const isFound = filter.subject !== undefined || filter.sid !== undefined;
    const { provider } = filter;
    const fitting = isFound || provider === undefined ? found : found.filter(labelledFor(provider));
    const spared = options.except === undefined ? null : sessionKeyPrefix + options.except;
    const keys = fitting.map(({ key }) => key).filter((key) => key !== spared);
    return endKeys(keys, options.reason);
  };

  const labelledFor =
    (provider: string) =>
    (listed: Listed): boolean =>
      summaries.read(listed)?.provider === provider;

  const end = async (filter: SessionFilter, options: EndOptions): Promise<number> => {
    const found = await summaries.find(filter);
    let count = 0;
    if (found !== null) count = await endFound(found, filter, options);
    else for await (const page of pages()) count += await endFound(page, filter, options);
    emit('sessions.ended', { reason: options.reason, provider: filter.provider ?? null, count });
    return count;
  };

  const byLogId = async (logId: string): Promise<SessionSummary | null> => {
    for await (const page of pages()) {
      const found = page.find(({ key }) => sessionLogId(key) === logId);
      if (found !== undefined) return summaries.read(found);
    }
    return null;
  };

  return {
    abilities: 'all',
    end,

    async list(filter, page = firstPage) {
      const found = await summaries.find(filter);
      if (found === null) return look(filter.provider, page);
      return pageOf((await readAll(found)).filter(fits(filter)), page);
    },

    async find(id) {
      if (/^[0-9a-f]{12}$/.test(id)) return byLogId(id);
      const [found] = (await summaries.find({ id })) ?? [];
      return found === undefined ? null : summaries.read(found);
    },

    async endByProvider({ provider, subject, sid, issuedAt }, reason) {
      if (sid !== null) {
        await tombstones.lay(sidTag(provider, sid), issuedAt);
        return end({ provider, sid }, { reason });
      }
      if (subject === null) throw new Error('a logout names a subject or a sid');
      await tombstones.lay(subjectTag(provider, subject), issuedAt);
      return end({ provider, subject }, { reason });
    },

    async useOnce(word, until) {
      const digest = createHash('sha256').update(word, 'utf8').digest('base64url');
      // The clock of who asks next may be behind ours (FL-051).
      const entry = { value: Buffer.from([1]), expiresAt: until + clockTolerance };
      return (await store.addIfAbsent(wordPrefix + digest, entry)) !== null;
    },
  };
}

interface PageOf {
  readonly cursor: string | null;
  readonly limit: number;
}

function isOf(provider: string): (session: SessionSummary) => boolean {
  return (session) => session.provider === provider;
}

function fits({ provider, subject, sid }: SessionFilter): (session: SessionSummary) => boolean {
  return (session) =>
    (provider === undefined || session.provider === provider) &&
    (subject === undefined || session.subject === subject) &&
    (sid === undefined || session.sid === shownSid(sid));
}

/** The latest first. The cursor is the place of the last one that was told, so that one that ends moves nothing. */
function pageOf(sessions: readonly SessionSummary[], { cursor, limit }: PageOf): SessionPage {
  const sorted = sessions.map((session) => ({ session, place: placeOf(session) }));
  sorted.sort((a, b) => (a.place < b.place ? 1 : -1));
  const rest = cursor === null ? sorted : sorted.filter(({ place }) => place < cursor);
  const shown = rest.slice(0, limit);
  const last = shown.at(-1);
  return {
    sessions: shown.map(({ session }) => session),
    cursor: last === undefined || shown.length === rest.length ? null : last.place,
  };
}

/** Sorts by when it was begun; by id where that is the same. */
function placeOf({ createdAt, id }: SessionSummary): string {
  return `${String(Math.floor(createdAt)).padStart(16, '0')}.${id}`;
}
