/** A directory of sessions in memory, in place of one over a store: finds and ends what a test puts into it. */
import type { SessionEndReason } from '../../src/core/session.ts';
import type {
  SessionDirectory,
  SessionFilter,
  SessionSummary,
} from '../../src/sessions/session-directory.ts';

export interface FakeDirectory extends SessionDirectory {
  /** Calls of `end`, in order. */
  readonly ended: { readonly filter: SessionFilter; readonly reason: SessionEndReason }[];
  remaining(): readonly SessionSummary[];
}

export interface FakeDirectoryOptions {
  readonly sessions?: readonly SessionSummary[];
  readonly abilities?: SessionDirectory['abilities'];
  /** Thrown by everything. */
  readonly failure?: Error;
}

/** A session of alice; `id` is made of one letter. */
export function summaryOf(letter: string, more: Partial<SessionSummary> = {}): SessionSummary {
  return {
    id: letter.repeat(43),
    logId: letter.repeat(8),
    provider: 'main',
    issuer: 'https://login.example.com',
    subject: 'alice',
    sid: `sid-${letter}`,
    name: 'alice@example.com',
    createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    lastSeenAt: Date.UTC(2026, 0, 2, 4, 0, 0),
    expiresAt: Date.UTC(2026, 0, 2, 12, 0, 0),
    address: '192.0.2.7',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
    ...more,
  };
}

export function createFakeDirectory(options: FakeDirectoryOptions = {}): FakeDirectory {
  const { abilities = 'all', failure } = options;
  let sessions = [...(options.sessions ?? [])];
  const ended: FakeDirectory['ended'] = [];
  const check = () => {
    if (failure !== undefined) throw failure;
  };
  return {
    abilities,
    ended,
    remaining: () => sessions,
    async list(filter, page = { cursor: null, limit: 100 }) {
      check();
      const from = Number(page.cursor ?? 0);
      const found = sessions.filter((session) => fits(session, filter));
      const to = from + page.limit;
      return { sessions: found.slice(from, to), cursor: to < found.length ? String(to) : null };
    },
    async find(id) {
      check();
      return sessions.find((session) => session.id === id || session.logId === id) ?? null;
    },
    async end(filter, { reason }) {
      check();
      ended.push({ filter, reason });
      if (abilities === 'end') return null;
      const before = sessions.length;
      sessions = sessions.filter((session) => !fits(session, filter));
      return before - sessions.length;
    },
    endByProvider: async () => 0,
    useOnce: async () => true,
  };
}

function fits(session: SessionSummary, { id, provider, subject, sid }: SessionFilter): boolean {
  return (
    (id === undefined || session.id === id) &&
    (provider === undefined || session.provider === provider) &&
    (subject === undefined || session.subject === subject) &&
    (sid === undefined || session.sid === sid)
  );
}
