/**
 * The head for the application, built new: what the client sent passes one by one through the field rules, and then
 * the gate writes what it vouches for. Fields that a `Connection` of the client names are gone before ours are added,
 * so that it can never take ours away (HP-060, RFC 9110 section 7.6.1).
 */
import type { Forward } from '../core/decision.ts';
import type { Emit } from '../core/events.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { HeaderTemplate } from '../core/route.ts';
import { createFieldRules, type FieldRule } from './field-rules.ts';
import { fillTemplate } from './header-value.ts';
import { type IsOwnCookie, withoutOwnCookies } from './own-cookies.ts';
import { createTokenUse, removeField, type TokenUse, writeToken } from './token-use.ts';

export interface OutgoingHead {
  /** Flat list for undici; without `Host` and without framing, which depend on target and body. */
  readonly headers: string[];
  /** As the client declared it, or null. */
  readonly contentLength: number | null;
  /** The client sends a body of unknown length. */
  readonly chunked: boolean;
  /** How many times this gate already stands in `Via`: more than a few are a loop. */
  readonly passes: number;
  /** What is left to do for the token that is in the head; null: nothing. */
  readonly use: TokenUse | null;
}

interface Taken extends OutgoingHead {
  contentLength: number | null;
  chunked: boolean;
  passes: number;
  authorized: boolean;
  connection: string | null;
  via: string | null;
}

export interface OutgoingHeadDeps {
  readonly publicUrl: URL;
  readonly isOwnCookie: IsOwnCookie;
  /** Every header name that any route may emit, in lower case. */
  readonly identityHeaders: readonly string[];
  readonly emit: Emit;
}

export type BuildHead = (head: RequestHead, forward: Forward) => OutgoingHead;

export function createOutgoingHead(deps: OutgoingHeadDeps): BuildHead {
  const ruleOf = createFieldRules(deps.identityHeaders);
  const { publicUrl, isOwnCookie } = deps;
  const pseudonym = publicUrl.host;
  const proto = publicUrl.protocol.slice(0, -1);
  const port = publicUrl.port || (proto === 'https' ? '443' : '80');
  /** The one origin that browsers see, whatever they wrote into `Host`. */
  const constant = ['x-forwarded-proto', proto, 'x-forwarded-host', publicUrl.host, 'x-forwarded-port', port];

  return (head, forward) => {
    const taken = takeFields(head, forward);
    const { headers, via } = taken;
    if (taken.connection !== null) removeNamed(headers, taken.connection);
    addIdentity(headers, head, forward);
    headers.push('x-forwarded-for', head.client.address, 'x-request-id', head.id);
    for (let i = 0; i < constant.length; i += 1) headers.push(constant[i] as string);
    headers.push('via', via === null ? `1.1 ${pseudonym}` : `${via}, 1.1 ${pseudonym}`);
    taken.passes = via === null ? 0 : countPasses(via, pseudonym);
    return taken;
  };

  /** What of the client's fields passes, and what they say about the body, the connection and the way so far. */
  function takeFields(head: RequestHead, forward: Forward): Taken {
    const taken: Taken = {
      headers: [],
      contentLength: null,
      chunked: false,
      passes: 0,
      use: createTokenUse(forward.upstreamToken),
      authorized: false,
      connection: null,
      via: null,
    };
    const sent = head.headers;
    for (let i = 0; i < sent.length; i += 2) {
      const name = sent[i] as string;
      const rule = ruleOf(name);
      if (rule === 'pass') taken.headers.push(name, sent[i + 1] as string);
      else if (rule !== 'drop') takeSpecial(taken, rule, sent[i + 1] as string, forward);
    }
    return taken;
  }

  function takeSpecial(taken: Taken, rule: FieldRule, value: string, forward: Forward): void {
    switch (rule) {
      case 'content-length':
        taken.contentLength = Number(value);
        break;
      case 'transfer-encoding':
        taken.chunked = true;
        break;
      case 'connection':
        taken.connection = taken.connection === null ? value : `${taken.connection},${value}`;
        break;
      case 'via':
        taken.via = taken.via === null ? value : `${taken.via}, ${value}`;
        break;
      case 'cookie': {
        const rest = withoutOwnCookies(value, isOwnCookie);
        if (rest !== null) taken.headers.push('cookie', rest);
        break;
      }
      case 'authorization':
        // The first one, as servers take it; two of them are not passed on.
        if (forward.route.passAuthorization && !taken.authorized) {
          taken.headers.push('authorization', value);
          taken.authorized = true;
        }
        break;
      case 'dpop':
        // A proof belongs to the token that it came with (RFC 9449 section 7), and is worth nothing beside another.
        if (forward.route.passAuthorization && forward.upstreamToken === null) {
          taken.headers.push('dpop', value);
        }
        break;
    }
  }

  /** The token and the claims of the very snapshot that was judged (RT-070), or nothing. */
  function addIdentity(out: string[], head: RequestHead, forward: Forward): void {
    const { route, session, caller, upstreamToken } = forward;
    if (upstreamToken !== null) writeToken(out, upstreamToken);
    const claims = (session ?? caller)?.identity.claims ?? null;
    for (const template of route.requestHeaders) {
      const filled = fillTemplate(template, { claims, params: forward.params });
      if (filled === 'too-long') reportOmitted(head, forward, template);
      else if (filled !== null) out.push(template.name, filled.value);
    }
  }

  function reportOmitted(head: RequestHead, forward: Forward, template: HeaderTemplate): void {
    deps.emit('header.omitted', {
      requestId: head.id,
      route: forward.route.name,
      header: template.name,
      reason: 'too-long',
    });
  }
}

/** `connection` is nearly always `keep-alive` or `upgrade`, which name no field that is left here. */
function removeNamed(out: string[], connection: string): void {
  if (/^(?:keep-alive|close|upgrade|keep-alive, ?upgrade)$/i.test(connection)) return;
  for (const token of connection.toLowerCase().split(',')) {
    const name = token.trim();
    if (name !== '') removeField(out, name);
  }
}

/** `Via` of RFC 9110 section 7.6.3: `1.1 name (comment)`, separated by commas. */
function countPasses(via: string, pseudonym: string): number {
  let passes = 0;
  for (const entry of via.split(',')) {
    if (entry.trim().split(/\s+/)[1]?.toLowerCase() === pseudonym) passes += 1;
  }
  return passes;
}
