/** The page for everything that did not work: what happened in plain words, what to do now, what to quote. */
import { type ErrorCode, errorTable } from '../core/errors.ts';
import { type Html, html } from './html.ts';
import { layout, linkButton } from './layout.ts';

export interface PageLink {
  readonly href: string;
  readonly text: string;
}

export interface ErrorPageProps {
  readonly title: string;
  /** Plain sentences for whoever sits in front of the browser. */
  readonly text: string;
  /** A stable code to quote, or null. */
  readonly code: string | null;
  /** Request id to quote, or null when the request had none yet. */
  readonly requestId: string | null;
  /** The most likely one first. */
  readonly links: readonly PageLink[];
}

/** Pure: props → page. */
export function errorPage(props: ErrorPageProps): Html {
  const facts: (readonly [string, string])[] = [];
  if (props.code !== null) facts.push(['Code', props.code]);
  if (props.requestId !== null) facts.push(['Request', props.requestId]);
  const actions = props.links.map(({ href, text }, i) => linkButton(href, text, i === 0 ? 'main' : 'quiet'));
  return layout({
    title: props.title,
    tone: 'warn',
    body: html`<p>${props.text}</p>`,
    actions: actions.length === 0 ? null : html`${actions}`,
    facts,
  });
}

const tryLater = 'Please try again in a moment.';

/** What a person reads for a code. Says nothing of the inside: the operator has the log and the request id. */
export function explain(code: ErrorCode): string {
  return explanations[code] ?? (errorTable[code].status < 500 ? refused : tryLater);
}

const refused = 'The request was refused before it reached the application.';

const explanations: Readonly<Partial<Record<ErrorCode, string>>> = {
  ERR_INTERNAL: `This was not your doing. ${tryLater} If it keeps happening, tell the operator the request below.`,
  ERR_BAD_REQUEST: 'Something in the address or in the request was malformed, so it went no further.',
  ERR_BODY_TOO_LARGE: 'What was sent is larger than is accepted here.',
  ERR_BODY_UNSUPPORTED: 'What was sent has a form that is not accepted here.',
  ERR_URI_TOO_LONG: 'The address is longer than is accepted here.',
  ERR_HEAD_TOO_LARGE:
    'Most often this site has collected too many cookies in your browser. Clear the cookies of this site and come back.',
  ERR_METHOD_REFUSED: 'Requests of this kind are not accepted here.',
  ERR_REQUEST_TIMEOUT: `The connection may be slow. ${tryLater}`,
  ERR_STORE_UNAVAILABLE: `Nothing is lost: if you were signed in, you still are. ${tryLater}`,
  ERR_KEYS_UNAVAILABLE:
    'Something this site needs to keep you signed in is missing. Please tell the operator.',
  ERR_PROVIDER_UNAVAILABLE: `The service that signs you in does not answer. ${tryLater}`,
  ERR_PROVIDER_METADATA:
    'The service that signs you in gave an answer that cannot be used. Please tell the operator.',
  ERR_PROVIDER_CLIENT: 'The service that signs you in does not accept this site. Please tell the operator.',
  ERR_LOGIN_DENIED: 'The sign-in was cancelled, or your account may not be used here.',
  ERR_LOGIN_FAILED: 'The answer to the sign-in did not pass a check, so it was not accepted.',
  ERR_LOGIN_EXPIRED:
    'It was used already, took too long, or was started in another browser. Nothing is wrong with your account: just start again. If it keeps happening, allow cookies for this site.',
  ERR_LOGIN_LOOP:
    'You signed in several times, but your browser came back each time without the cookie that keeps you signed in. Allow cookies for this site and try again. If that does not help, tell the operator: the public URL, https or the cookie settings may be wrong.',
  ERR_SESSION_ENDED: 'Your session ended while this was under way.',
  ERR_UPSTREAM_UNREACHABLE: `It may be starting or down for a moment. ${tryLater}`,
  ERR_UPSTREAM_INVALID:
    'The application answered with something that cannot be passed on. Please tell the operator.',
  ERR_UPSTREAM_TIMEOUT: `It took too long. ${tryLater}`,
  ERR_UPSTREAM_OVERLOADED: `More people are here than it can serve right now. ${tryLater}`,
  ERR_DRAINING: tryLater,
};
