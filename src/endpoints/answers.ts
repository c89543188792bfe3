/** The three forms of an answer of our own: page, redirect, JSON; each with the headers that keep it to itself. */
import type { Respond, SetCookies } from '../core/decision.ts';
import { noCookies } from '../core/decision.ts';
import type { Session } from '../core/session.ts';
import { type Html, renderHtml } from '../pages/html.ts';
import { styleHash } from '../pages/style.ts';

export interface AnswerOptions {
  readonly status: number;
  /** Stable word for logs and metrics. */
  readonly reason: string;
  readonly setCookies?: SetCookies;
  readonly session?: Session | null;
  /** `[name, value, …]` in lower case, added to those of the answer. */
  readonly headers?: readonly string[];
}

export interface PageOptions extends AnswerOptions {
  /** Sources of `form-action`; nothing may be posted from a page that names none. */
  readonly formAction?: string;
  /** Sources of `script-src`: the hash of the one script that the page has. */
  readonly scriptSource?: string;
  /** Origins that may show the page in a frame; nobody when absent. */
  readonly frameAncestors?: readonly string[];
  /** `no-referrer` would make a form of the page post `Origin: null`; such a page says `same-origin`. */
  readonly referrerPolicy?: 'no-referrer' | 'same-origin';
}

function respond(headers: readonly string[], body: string, options: AnswerOptions): Respond {
  return {
    kind: 'respond',
    status: options.status,
    headers: options.headers === undefined ? headers : [...headers, ...options.headers],
    body,
    setCookies: options.setCookies ?? noCookies,
    reason: options.reason,
    route: null,
    session: options.session ?? null,
    caller: null,
  };
}

/** On everything: never stored, never sniffed, never read by another origin. */
const privateHeaders = [
  'cache-control',
  'no-store',
  'x-content-type-options',
  'nosniff',
  'cross-origin-resource-policy',
  'same-origin',
] as const;

/** A page: no script but one that is named, no frame, no source but its own style sheet. */
export function pageAnswer(page: Html, options: PageOptions): Respond {
  const { scriptSource, frameAncestors = [] } = options;
  const policy = [
    "default-src 'none'",
    `style-src ${styleHash}`,
    ...(scriptSource === undefined ? [] : [`script-src ${scriptSource}`]),
    `form-action ${options.formAction ?? "'none'"}`,
    "base-uri 'none'",
    `frame-ancestors ${frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')}`,
  ].join('; ');
  const headers = [
    'content-type',
    'text/html; charset=utf-8',
    ...privateHeaders,
    'content-security-policy',
    policy,
    // There is no value that names an origin: a page that may be framed has to do without (RFC 7034 section 2.1).
    ...(frameAncestors.length === 0 ? ['x-frame-options', 'DENY'] : []),
    'referrer-policy',
    options.referrerPolicy ?? 'no-referrer',
    // Severs the window from whoever opened it, so that no other site can steer it.
    'cross-origin-opener-policy',
    'same-origin',
  ];
  return respond(headers, renderHtml(page), options);
}

/** 303, whatever the method was: 307 and 308 would send a body with credentials on (RFC 9700 section 4.12). */
export function redirectAnswer(location: string, options: Omit<AnswerOptions, 'status'>): Respond {
  const headers = ['location', location, ...privateHeaders, 'referrer-policy', 'no-referrer'];
  return respond(headers, '', { ...options, status: 303 });
}

/** An empty 200 for a program. */
export function emptyAnswer(options: Omit<AnswerOptions, 'status'>): Respond {
  return respond(privateHeaders, '', { ...options, status: 200 });
}

/** JSON that no other origin can read. */
export function jsonAnswer(value: unknown, options: AnswerOptions): Respond {
  return respond(['content-type', 'application/json', ...privateHeaders], JSON.stringify(value), options);
}

/** `application/problem+json` (RFC 9457); see `problem.ts` for its members. */
export function problemAnswer(value: unknown, options: AnswerOptions): Respond {
  const headers = ['content-type', 'application/problem+json', ...privateHeaders];
  return respond(headers, JSON.stringify(value), options);
}
