/** What a failure or a refusal looks like from outside: a page for a person, problem+json for a program. */
import { noCookies, type Respond, type SetCookies } from '../core/decision.ts';
import { errorTable, type SallyportError } from '../core/errors.ts';
import type { RequestHead } from '../core/request-head.ts';
import { errorPage, explain, type PageLink } from '../pages/error-page.ts';
import { pageAnswer } from './answers.ts';
import { prefersHtml } from './navigation.ts';
import { problemResponse, sessionChallenge } from './problem.ts';

/** Where a page may lead on to. */
export interface FailureLinks {
  /** Starts a sign-in; absent where that does not help. */
  readonly login?: string;
  readonly home?: string;
}

export interface Refusal {
  readonly status: number;
  /** Short and for everybody; heading of the page. */
  readonly title: string;
  /** Plain sentences for the page. */
  readonly text: string;
  /** Stable word: `code` of the problem, reason in logs. */
  readonly reason: string;
  readonly setCookies?: SetCookies;
  /** `[name, value, …]` in lower case. */
  readonly headers?: readonly string[];
}

/**
 * The answer to an operational failure. Never its message: that is for the log. `head` is null when the request was
 * too broken to have one; a browser may still be at the other end, so it gets the page.
 */
export function renderFailure(head: RequestHead | null, error: SallyportError, links: FailureLinks): Respond {
  if (head === null || prefersHtml(head)) return failurePage(head, error, { links: pageLinks(links) });
  return problemResponse(
    {
      status: error.status,
      title: errorTable[error.code].title,
      code: error.code,
      requestId: head.id,
      ...(links.login === undefined ? {} : { loginUrl: links.login }),
    },
    { headers: failureHeaders(error) },
  );
}

export interface FailurePageOptions {
  /** The most likely one first. */
  readonly links: readonly PageLink[];
  /** Instead of the explanation that belongs to the code. */
  readonly text?: string;
  readonly setCookies?: SetCookies;
}

/** The page of a failure, whoever asks: login and callback are only ever reached by a browser. */
export function failurePage(
  head: RequestHead | null,
  error: SallyportError,
  { links, text, setCookies = noCookies }: FailurePageOptions,
): Respond {
  const page = errorPage({
    title: errorTable[error.code].title,
    text: text ?? explain(error.code),
    code: error.code,
    requestId: head?.id ?? null,
    links,
  });
  const headers = failureHeaders(error);
  return pageAnswer(page, { status: error.status, reason: error.code, headers, setCookies });
}

/** The answer to a request that was understood and refused. */
export function renderRefusal(head: RequestHead, refusal: Refusal, links: FailureLinks): Respond {
  const { status, title, text, reason, setCookies = noCookies, headers = [] } = refusal;
  if (!prefersHtml(head)) {
    const loginUrl = links.login === undefined ? {} : { loginUrl: links.login };
    return problemResponse(
      { status, title, code: reason, requestId: head.id, ...loginUrl },
      { setCookies, headers },
    );
  }
  const page = errorPage({ title, text, code: null, requestId: head.id, links: pageLinks(links) });
  return pageAnswer(page, { status, reason, setCookies, headers });
}

function pageLinks(links: FailureLinks): PageLink[] {
  const list: PageLink[] = [];
  if (links.login !== undefined) list.push({ href: links.login, text: 'Sign in again' });
  if (links.home !== undefined) list.push({ href: links.home, text: 'Start page' });
  return list;
}

function failureHeaders(error: SallyportError): readonly string[] {
  if (error.status === 401) return sessionChallenge;
  return error.retryAfter === null ? [] : ['retry-after', String(Math.ceil(error.retryAfter))];
}
