/** An endpoint of the gate's own: a request head and, when asked for, its body become an answer. */
import type { Respond } from '../core/decision.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';

export type Endpoint = (head: RequestHead, readBody: ReadBody) => Promise<Respond>;

/** Absolute path (`/.auth/login`) → method → endpoint. HEAD follows GET; another method is 405 with `Allow`. */
export type EndpointTable = ReadonlyMap<string, ReadonlyMap<string, Endpoint>>;
