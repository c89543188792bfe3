/** Problem details (RFC 9457): what a program gets where a person would get a page. */
import type { Respond, SetCookies } from '../core/decision.ts';
import { problemAnswer } from './answers.ts';

export interface Problem {
  readonly status: number;
  /** Short and for everybody. */
  readonly title: string;
  /** Stable, for programs: an `ErrorCode`, or the reason of a refusal (`login-required`). */
  readonly code: string;
  /** Null when the request had none yet. */
  readonly requestId: string | null;
  /** Absolute URL that a person can be sent to for signing in; only where that helps. */
  readonly loginUrl?: string;
}

/** What a 401 has to carry (RFC 9110 section 15.5.2); a scheme that no browser asks a password for. */
export const sessionChallenge: readonly string[] = ['www-authenticate', 'Cookie realm="sallyport"'];

export interface ProblemOptions {
  readonly setCookies?: SetCookies;
  /** `[name, value, …]` in lower case. */
  readonly headers?: readonly string[];
}

/**
 * `type` is a URN made of the code, so that it identifies the problem without a page that has to exist. There is no
 * `detail`: messages are for the log.
 */
export function problemResponse(problem: Problem, options: ProblemOptions = {}): Respond {
  const { status, title, code, requestId, loginUrl } = problem;
  const value = {
    type: `urn:sallyport:problem:${code}`,
    title,
    status,
    code,
    ...(requestId === null ? {} : { requestId }),
    ...(loginUrl === undefined ? {} : { loginUrl }),
  };
  return problemAnswer(value, { ...options, status, reason: code });
}
