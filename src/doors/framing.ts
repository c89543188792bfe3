/**
 * What Node's parser lets through although RFC 9112 says refuse, checked in one pass over the raw header lines; the
 * same pass makes the list that everything behind the door reads. Nothing behind it looks at the raw lines again.
 */
import type { IncomingMessage } from 'node:http';
import type { HeaderList } from '../core/headers.ts';
import type { HostCheck } from './allowed-hosts.ts';
import type { HeaderRule, HeaderRules } from './header-rules.ts';
import type { RefusalWord } from './refusals.ts';

export interface FramingRules {
  readonly checkHost: HostCheck;
  readonly headerRule: HeaderRules;
  /** Most header fields. */
  readonly headers: number;
  /** Longest request target in bytes. */
  readonly url: number;
}

/** What a head says about its message. */
export interface Framing {
  /** Set once the head is refused. */
  refusal: RefusalWord | null;
  /** Lower-case names; without `Expect`, `Host` normalised, `Content-Length` as one decimal. */
  readonly headers: HeaderList;
  host: string;
  /** Null when there is none. May be beyond what a number holds: then `Infinity`. */
  contentLength: number | null;
  chunked: boolean;
  expectContinue: boolean;
  /** The protocol asked for, in lower case; null when none or several are. */
  upgrade: string | null;
  /** From a trusted peer: all `X-Forwarded-For` lines joined, and `X-Forwarded-Proto`. */
  forwardedFor: string;
  forwardedProto: string;
  /** From a trusted peer: what it says the certificate of the client is; null when it says nothing. */
  clientCertificate: string | null;
}

const refusedMethods: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Reads a head; `trusted` tells whether the peer is a proxy whose `X-Forwarded-*` count. */
export function readFraming(request: IncomingMessage, rules: FramingRules, trusted: boolean): Framing {
  const headers: string[] = [];
  const framing: Framing = {
    refusal: checkRequestLine(request, rules),
    headers,
    host: '',
    contentLength: null,
    chunked: false,
    expectContinue: false,
    upgrade: null,
    forwardedFor: '',
    forwardedProto: '',
    clientCertificate: null,
  };
  if (framing.refusal !== null) return framing;
  const raw = request.rawHeaders;
  let seen = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const rule = rules.headerRule(raw[i] as string);
    const value = raw[i + 1] as string;
    if (rule.kind === 'plain') {
      headers.push(rule.name, value);
    } else if (rule.kind === 'single') {
      if ((seen & rule.bit) !== 0) framing.refusal = 'header-repeated';
      seen |= rule.bit;
      headers.push(rule.name, value);
    } else {
      framing.refusal ??= readSpecial(framing, headers, { rule, value, rules, trusted });
    }
  }
  framing.refusal ??= checkWhole(framing, request);
  return framing;
}

function checkRequestLine(request: IncomingMessage, rules: FramingRules): RefusalWord | null {
  // A parser that takes `HTTP/2.0` on an HTTP/1.1 connection frames it as nobody else would (HP-036).
  if (request.httpVersionMajor !== 1) return 'http-version';
  if (refusedMethods.has(request.method as string)) return 'method-refused';
  if ((request.url as string).length > rules.url) return 'target-too-long';
  return request.rawHeaders.length > rules.headers * 2 ? 'header-count' : null;
}

interface Field {
  readonly rule: HeaderRule;
  readonly value: string;
  readonly rules: FramingRules;
  readonly trusted: boolean;
}

function readSpecial(framing: Framing, headers: string[], field: Field): RefusalWord | null {
  const { rule, value } = field;
  switch (rule.kind) {
    case 'host':
      return readHost(framing, headers, field);
    case 'content-length':
      return readContentLength(framing, headers, value);
    case 'transfer-encoding':
      if (framing.chunked) return 'framing-ambiguous';
      // Only the one coding whose end everybody finds at the same byte (HP-010 to HP-016).
      if (value.toLowerCase() !== 'chunked') return 'transfer-coding';
      framing.chunked = true;
      headers.push(rule.name, 'chunked');
      return null;
    case 'expect':
      // Never forwarded: waiting is between the client and this door (HP-055).
      if (framing.expectContinue || value.toLowerCase() !== '100-continue') return 'expectation';
      framing.expectContinue = true;
      return null;
    case 'upgrade':
      if (framing.upgrade !== null) return 'header-repeated';
      framing.upgrade = value.toLowerCase();
      return null;
    case 'client-certificate':
      // What an untrusted peer says here is a claim without proof (RS-061).
      if (!field.trusted) return null;
      if (framing.clientCertificate !== null) return 'client-certificate';
      framing.clientCertificate = value;
      return null;
    case 'drop':
      return null;
    case 'connection':
      headers.push(rule.name, value);
      return null;
    default:
      readForwarded(framing, headers, field);
      return null;
  }
}

function readHost(framing: Framing, headers: string[], field: Field): RefusalWord | null {
  if (framing.host !== '') return 'header-repeated';
  const checked = field.rules.checkHost(field.value);
  if (typeof checked === 'string') return checked;
  framing.host = checked.host;
  headers.push('host', checked.host);
  return null;
}

function readContentLength(framing: Framing, headers: string[], value: string): RefusalWord | null {
  if (framing.contentLength !== null) return 'framing-ambiguous';
  const match = /^0*(\d+)[ \t]*$/.exec(value);
  if (match === null) return 'length-invalid';
  const digits = match[1] as string;
  framing.contentLength = digits.length > 15 ? Number.POSITIVE_INFINITY : Number(digits);
  headers.push('content-length', digits);
  return null;
}

/** What an untrusted peer says about others is not even kept (HP-079). */
function readForwarded(framing: Framing, headers: string[], field: Field): void {
  if (!field.trusted) return;
  const { kind, name } = field.rule;
  if (kind === 'forwarded-for') {
    framing.forwardedFor =
      framing.forwardedFor === '' ? field.value : `${framing.forwardedFor},${field.value}`;
  } else if (kind === 'forwarded-proto') {
    // Two lines are no scheme: one of them may be the client's own.
    framing.forwardedProto = framing.forwardedProto === '' ? field.value : 'ambiguous';
  }
  headers.push(name, field.value);
}

function checkWhole(framing: Framing, request: IncomingMessage): RefusalWord | null {
  if (framing.host === '') return 'host-missing';
  if (!framing.chunked) return null;
  if (framing.contentLength !== null) return 'framing-ambiguous';
  // RFC 9112 section 6.1: a faulty framing, whatever follows.
  return request.httpVersionMinor === 0 ? 'framing-ambiguous' : null;
}
