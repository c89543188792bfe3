/**
 * From the raw request target to the one URL that is matched, authorised and forwarded (RFC 9112 section 3.2, RFC 3986
 * section 6.2.2). Whatever two readers could read in two ways is refused; whatever all read alike gets one spelling:
 *
 *   refused     anything but origin-form, control and non-ASCII characters, `\`, `#`, invalid or non-UTF-8 percent
 *               encoding, encoded `/`, `\` and control characters, a letter, digit or separator encoded twice, a path
 *               parameter on an empty or dot segment (`..;/`)
 *   spelled     unreserved characters decoded, `"<>[]^{|}` and the backtick encoded, hex digits in upper case, repeated
 *               slashes collapsed, dot segments removed
 *   untouched   the query, byte for byte
 */
import type { CanonicalUrl } from '../core/request-head.ts';

/** Why a target was refused. */
export type TargetRefusal =
  | 'target-form'
  | 'target-character'
  | 'target-encoding'
  | 'target-double-encoding'
  | 'target-path-parameter';

const percent = 0x25;
const dot = 0x2e;
const slash = 0x2f;
const question = 0x3f;

/** What the single scan does with a character of the path. */
const plain = 0;
const rewrite = 1;
const refuse = 2;

const pathClasses = classify((character) => {
  if (/[A-Za-z0-9\-._~!$&'()*+,=:@/]/.test(character)) return plain;
  return /["%;<>[\]^`{|}]/.test(character) ? rewrite : refuse;
});

const unreserved = /[A-Za-z0-9\-._~]/;

/** Encoded twice, a letter, digit or separator says different things to readers who decode once and twice. */
const doubleEncoding = /%25(?:[01][0-9A-F]|2[3DEF5]|3[0-9BF]|[46][1-9A-F]|5[0-9ACF]|7[0-9AEF])/i;

const emptyWithParameters = /(?:^|\/)\.{0,2}(?:;|%3B)/;

/** The canonical URL, or why there is none. A plain path costs one scan. */
export function parseCanonicalUrl(target: string): CanonicalUrl | TargetRefusal {
  if (target.charCodeAt(0) !== slash) return 'target-form';
  let isPlain = true;
  let end = target.length;
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code === question) {
      end = i;
      break;
    }
    const kind = code > 0x7e ? refuse : (pathClasses[code] as number);
    if (kind === refuse) return 'target-character';
    if (kind === rewrite) isPlain = false;
    else if (code === slash && isPlain) {
      const next = target.charCodeAt(i + 1);
      if (next === slash || next === dot) isPlain = false;
    }
  }
  if (!isQuery(target, end)) return 'target-character';
  const search = end === target.length ? '' : target.slice(end);
  const path = end === target.length ? target : target.slice(0, end);
  if (isPlain) return { path, search };
  const spelled = respell(path);
  return isRefusal(spelled) ? spelled : { path: spelled, search };
}

/** Whether everything from `start` on is visible ASCII without a fragment. */
function isQuery(target: string, start: number): boolean {
  for (let i = start; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code < 0x21 || code > 0x7e || code === 0x23) return false;
  }
  return true;
}

function isRefusal(text: string): text is TargetRefusal {
  return text.charCodeAt(0) !== slash;
}

function respell(path: string): string | TargetRefusal {
  const encoded = encodeOnce(path);
  if (encoded === null) return 'target-encoding';
  if (doubleEncoding.test(encoded)) return 'target-double-encoding';
  if (emptyWithParameters.test(encoded)) return 'target-path-parameter';
  if (!isDecodable(encoded)) return 'target-encoding';
  return removeDotSegments(encoded);
}

/** One spelling per character; null when a percent sign is not followed by two hex digits or encodes a separator. */
function encodeOnce(path: string): string | null {
  let out = '';
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code !== percent) {
      out += pathClasses[code] === rewrite && code !== 0x3b ? encodeByte(code) : path[i];
      continue;
    }
    const byte = hexPair(path, i + 1);
    if (byte < 0x20 || byte === slash || byte === 0x5c || byte === 0x7f) return null;
    const character = String.fromCharCode(byte);
    out += byte < 0x80 && unreserved.test(character) ? character : encodeByte(byte);
    i += 2;
  }
  return out;
}

/** The byte that two hex digits at `index` stand for, or -1. */
function hexPair(text: string, index: number): number {
  const pair = text.slice(index, index + 2);
  return /^[0-9a-fA-F]{2}$/.test(pair) ? Number.parseInt(pair, 16) : -1;
}

function encodeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Valid UTF-8 without overlong forms, and nothing that becomes a dot segment by compatibility mapping. */
function isDecodable(path: string): boolean {
  if (!/%[89A-F]/.test(path)) return true;
  try {
    return !path.split('/').some(isDisguisedDots);
  } catch {
    return false;
  }
}

/** `．．` is `..` to systems that best-fit characters into their own code page. Throws when it is not UTF-8. */
function isDisguisedDots(segment: string): boolean {
  const decoded = decodeURIComponent(segment);
  const mapped = decoded.normalize('NFKC');
  return mapped !== decoded && /(?:^|[/\\])\.{1,2}(?:$|[/\\])/.test(mapped);
}

/** RFC 3986 section 5.2.4, with repeated slashes collapsed on the way. Never leaves the root. */
function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/');
  const last = segments.length - 1;
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string;
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  const endsInFolder = ['', '.', '..'].includes(segments[last] as string);
  return kept.length === 0 ? '/' : `/${kept.join('/')}${endsInFolder ? '/' : ''}`;
}

function classify(classOf: (character: string) => number): Uint8Array {
  return Uint8Array.from({ length: 0x80 }, (_, code) => classOf(String.fromCharCode(code)));
}
