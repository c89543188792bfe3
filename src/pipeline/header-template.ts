/**
 * A configured request header: its name, and a value with holes for claims and captured segments, as
 * `{claims.email}`, `{claims.address.country}`, `{claims["https://example.com/roles"]}` and `{params.id}`. A list of
 * claims is JSON, or joined: `{claims.groups join ","}`.
 */
import type { HeaderTemplate } from '../core/route.ts';

type Hole = HeaderTemplate['holes'][number];

export type TemplateResult =
  | { readonly ok: true; readonly template: HeaderTemplate }
  | { readonly ok: false; readonly reason: string };

const step = /^(?:\.([A-Za-z_][A-Za-z0-9_-]*)|\["([^"\\\u0000-\u001f]{1,256})"\])/;

/**
 * Punctuation alone, and not `%`: what stands in a member is percent-encoded, and letters and digits stand in that
 * encoding themselves, so that a list joined with `C` could not be taken apart any more.
 */
const joined = /^ join "([!#$&'()*+,./:;<=>?@[\]^_`|~-]{1,4})"/;

export function parseHeaderTemplate(name: string, value: string): TemplateResult {
  const literals: string[] = [];
  const holes: Hole[] = [];
  let rest = value;
  for (;;) {
    const open = rest.search(/[{}]/);
    const literal = open === -1 ? rest : rest.slice(0, open);
    // Visible ASCII, space and tab (RFC 9110 section 5.5): no line break can be configured into a head.
    if (!/^[\t\x20-\x7e]*$/.test(literal))
      return { ok: false, reason: 'has a character that no header value may hold' };
    literals.push(literal);
    if (open === -1) break;
    const hole = readHole(rest.slice(open));
    if (typeof hole === 'string') return { ok: false, reason: hole };
    holes.push({ source: hole.source, path: hole.path, separator: hole.separator });
    rest = rest.slice(open + hole.length);
  }
  return { ok: true, template: { name: name.toLowerCase(), literals, holes } };
}

/** The hole that `text` begins with and its length, or the reason why it begins with none. */
function readHole(text: string): (Hole & { readonly length: number }) | string {
  const source = /^\{([A-Za-z]+)/.exec(text)?.[1];
  if (source === undefined) return 'has a brace that opens no placeholder';
  if (source !== 'claims' && source !== 'params') {
    return `names the unknown source \`${source}\`: placeholders begin with \`claims\` or \`params\``;
  }
  const path: string[] = [];
  let at = source.length + 1;
  for (let match = step.exec(text.slice(at)); match !== null; match = step.exec(text.slice(at))) {
    path.push((match[1] ?? match[2]) as string);
    at += match[0].length;
  }
  const join = joined.exec(text.slice(at));
  if (join !== null) at += join[0].length;
  if (text[at] !== '}' || path.length === 0) return malformed(text.slice(at));
  if (source === 'params' && path.length > 1)
    return 'has a malformed placeholder: a captured segment has no members';
  if (source === 'params' && join !== null)
    return 'has a malformed placeholder: a captured segment is no list to join';
  return { source, path, separator: join?.[1] ?? null, length: at + 1 };
}

function malformed(rest: string): string {
  return /^\s+join\b/.test(rest)
    ? 'has a malformed placeholder: write {claims.name join ","}, with one to four punctuation marks other than % and " as the separator'
    : 'has a malformed placeholder: write {claims.name}, {claims["a name"]} or {params.name}';
}

/** Fields that the gate itself writes, that frame the message, or that carry somebody's credentials. */
const reserved = new Set([
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'cookie2',
  'dpop',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'origin',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/** Why no route may set a header of this name, or null when it may. */
export function headerNameProblem(name: string): string | null {
  if (/[_.]/.test(name) && /^[\w.-]+$/.test(name)) {
    return 'has `_` or `.` in its name, which applications cannot tell from `-`: write it with `-`';
  }
  if (!/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(name)) return 'is not a header name: letters, digits and `-`';
  const lower = name.toLowerCase();
  if (reserved.has(lower) || /^(?:sec-|x-forwarded-|:)/.test(lower)) {
    return 'is written by the gate or frames the message; no route may set it';
  }
  return null;
}
