/** `/admin/sessions`: sessions seen and ended by an operator or a program. Never a token in any answer. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { SallyportError } from '../core/errors.ts';
import type { SessionDirectory } from '../sessions/session-directory.ts';
import { type AdminAnswer, errorAnswer, jsonAnswer } from './admin-answer.ts';
import type { AdminConfig } from './admin-config.ts';
import { createApiAccess } from './api-access.ts';
import { readEndQuery, readListQuery } from './sessions-query.ts';

export interface SessionsApiDeps {
  readonly directory: Pick<SessionDirectory, 'abilities' | 'list' | 'find' | 'end'>;
  readonly clock: Clock;
}

export interface SessionsApi {
  /** Whether the request, by its target, is for this API. */
  isFor(target: string): boolean;
  /** Rejects only for a bug. */
  answer(request: IncomingMessage): Promise<AdminAnswer>;
}

const path = '/admin/sessions';
/** A filter by a subject of 255 characters, each of them percent-encoded in three bytes, and a cursor. */
const targetLimit = 4096;
/** `id` or `logId` of a session. */
const sessionPath = /^\/admin\/sessions\/([A-Za-z0-9_-]{1,64})$/;

/** Milliseconds that the connection of whoever may ask is kept without a byte: to end very many sessions takes its time. */
const patience = 40_000;

const cannotList = 'sessions live in browsers here (`session.store: cookie`): nobody can list them';
const cannotEnd =
  'sessions live in browsers here (`session.store: cookie`): to end them, configure `session.denyList`';

export function createSessionsApi(
  config: NonNullable<AdminConfig['sessions']>,
  { directory, clock }: SessionsApiDeps,
): SessionsApi {
  const refuse = createApiAccess(config, clock);

  const list = async (search: string): Promise<AdminAnswer> => {
    const query = readListQuery(search);
    if (typeof query === 'string') return errorAnswer(400, query);
    const { filter, cursor, limit } = query;
    const page = await directory.list(filter, { cursor, limit });
    return jsonAnswer(200, { sessions: page.sessions, cursor: page.cursor });
  };

  const show = async (id: string): Promise<AdminAnswer> => {
    const session = await directory.find(id);
    return session === null ? errorAnswer(404, 'there is no such session') : jsonAnswer(200, session);
  };

  const endOne = async (id: string): Promise<AdminAnswer> => {
    // The short id of the logs has to be looked up; where that is not possible, only the whole one will do.
    const found = directory.abilities === 'all' ? await directory.find(id) : { id };
    const ended = found === null ? 0 : await directory.end({ id: found.id }, { reason: 'operator' });
    return ended === 0 ? errorAnswer(404, 'there is no such session') : jsonAnswer(200, { ended });
  };

  const endMany = async (search: string): Promise<AdminAnswer> => {
    const filter = readEndQuery(search);
    if (typeof filter === 'string') return errorAnswer(400, filter);
    return jsonAnswer(200, { ended: await directory.end(filter, { reason: 'operator' }) });
  };

  const route = async ({ method, url = '' }: IncomingMessage): Promise<AdminAnswer> => {
    if (method !== 'GET' && method !== 'DELETE')
      return errorAnswer(405, 'method not allowed', { allow: 'GET, DELETE' });
    if (url.length > targetLimit) return errorAnswer(414, 'the address is too long');
    const [target = '', ...search] = url.split('?');
    const query = search.join('?');
    const id = sessionPath.exec(target)?.[1];
    if (target !== path && id === undefined) return errorAnswer(404, 'not found');
    if (method === 'GET' && directory.abilities !== 'all') return errorAnswer(501, cannotList);
    if (directory.abilities === 'none') return errorAnswer(501, cannotEnd);
    if (id === undefined) return method === 'GET' ? list(query) : endMany(query);
    if (query !== '') return errorAnswer(400, 'a session is named by its id alone, without parameters');
    return method === 'GET' ? show(id) : endOne(id);
  };

  return {
    isFor: (target) => target === path || target.startsWith(`${path}/`) || target.startsWith(`${path}?`),
    async answer(request) {
      const refusal = refuse(request);
      if (refusal !== null) return refusal;
      request.socket.setTimeout(patience);
      try {
        return await route(request);
      } catch (error) {
        if (!(error instanceof SallyportError) || error.status !== 503) throw error;
        const retryAfter = String(Math.ceil(error.retryAfter ?? 5));
        return errorAnswer(503, 'the session store does not answer', { 'retry-after': retryAfter });
      }
    },
  };
}
