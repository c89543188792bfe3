/** `GET sessions`: a person's own sessions, as a page or as JSON. Never a token, and never a session of anybody else. */
import type { Respond } from '../core/decision.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Session } from '../core/session.ts';
import { noSessionsPage, type SessionRow, sessionsPage } from '../pages/sessions-page.ts';
import type { SessionSummary } from '../sessions/session-directory.ts';
import { type AnswerOptions, jsonAnswer, pageAnswer, redirectAnswer } from './answers.ts';
import { clientName } from './client-name.ts';
import { type EndpointContext, justLook, loginUrl, ownUrl } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { prefersHtml } from './navigation.ts';
import { ownSessions, sessionId } from './own-sessions.ts';
import { problemResponse, sessionChallenge } from './problem.ts';
import { mayRead } from './same-origin.ts';

/** One session in the JSON. Times are ISO 8601 in UTC. */
export interface OwnSession {
  /** To end it by: POST `session=<id>` to the same address. */
  readonly id: string;
  readonly current: boolean;
  readonly since: string;
  readonly lastSeen: string;
  readonly client: string;
  readonly address: string;
}

/** Sessions that are shown at most. */
const limit = 100;

/** Fails as `Sessions.authenticate` does, and with `ERR_STORE_UNAVAILABLE`. */
export function createOwnSessionsList(context: EndpointContext): Endpoint {
  const { sessions, publicUrl } = context;
  return async (head) => {
    if (!prefersHtml(head) && !mayRead(head, publicUrl)) return refuseOtherSite(head);
    if (sessions.directory.abilities !== 'all') return cannotList(context, head);
    const authentication = await sessions.authenticate(head, justLook);
    if (authentication.kind !== 'session') {
      const setCookies = authentication.kind === 'rejected' ? authentication.setCookies : [];
      return nobodySignedIn(context, head, setCookies);
    }
    const { session, setCookies } = authentication;
    return show(context, head, { session, setCookies });
  };
}

async function show(
  context: EndpointContext,
  head: RequestHead,
  { session, setCookies }: { readonly session: Session; readonly setCookies: readonly string[] },
): Promise<Respond> {
  const found = await context.sessions.directory.list(ownSessions(session), { cursor: null, limit });
  const rows = toRows(found.sessions, session);
  const more = found.cursor !== null;
  const options: AnswerOptions = { status: 200, reason: 'sessions', setCookies, session };
  if (!prefersHtml(head)) return jsonAnswer({ sessions: rows.map(toJson), more }, options);
  const action = context.config.paths.sessions;
  const page = sessionsPage({ action, homeUrl: context.home, sessions: rows, more });
  return pageAnswer(page, { ...options, formAction: "'self'", referrerPolicy: 'same-origin' });
}

/** The current one first, then those that were used last. */
function toRows(summaries: readonly SessionSummary[], session: Session): SessionRow[] {
  const current = sessionId(session);
  const rows = summaries.map((summary) => ({
    id: summary.id,
    current: summary.id === current,
    client: clientName(summary.userAgent),
    address: summary.address,
    since: summary.createdAt,
    lastSeen: summary.lastSeenAt,
  }));
  return rows.sort((a, b) => Number(b.current) - Number(a.current) || b.lastSeen - a.lastSeen);
}

function toJson({ since, lastSeen, ...row }: SessionRow): OwnSession {
  return { ...row, since: new Date(since).toISOString(), lastSeen: new Date(lastSeen).toISOString() };
}

/** A person is sent to sign in; a program is told. */
export function nobodySignedIn(
  context: EndpointContext,
  head: RequestHead,
  setCookies: readonly string[],
): Respond {
  const login = loginUrl(context, null);
  if (prefersHtml(head)) return redirectAnswer(login, { reason: 'login-required', setCookies });
  return problemResponse(
    {
      status: 401,
      title: 'Nobody is signed in',
      code: 'login-required',
      requestId: head.id,
      loginUrl: login,
    },
    { setCookies, headers: sessionChallenge },
  );
}

export function cannotList(context: EndpointContext, head: RequestHead): Respond {
  const reason = 'sessions-not-listed';
  if (!prefersHtml(head)) {
    const title = 'Sessions cannot be listed here';
    return problemResponse({ status: 404, title, code: reason, requestId: head.id });
  }
  const logoutUrl = ownUrl(context, context.config.paths.logout);
  return pageAnswer(noSessionsPage({ homeUrl: context.home, logoutUrl }), { status: 404, reason });
}

/** What another site cannot ask it cannot leak (SC-043). */
function refuseOtherSite(head: RequestHead): Respond {
  const title = 'Another site may not ask this';
  return problemResponse({ status: 403, title, code: 'cross-site', requestId: head.id });
}
