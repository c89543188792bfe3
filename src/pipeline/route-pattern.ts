/**
 * The grammar of a route's `path`: literal segments, `*` for one segment, `:name` for one captured segment and, at the
 * end, `/**` for the prefix itself and everything below. Nothing else: what cannot be read in two ways cannot be
 * bypassed.
 */

export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'param'; readonly name: string };

export interface RoutePattern {
  readonly segments: readonly Segment[];
  /** Whether it ends in `/**`. */
  readonly tail: boolean;
  /** Two patterns of the same shape cover the same paths. */
  readonly shape: string;
  /** What `:name` segments capture. */
  readonly params: readonly string[];
}

export interface PatternProblem {
  readonly reason: string;
  readonly suggestion: string | null;
}

export type PatternResult =
  | { readonly ok: true; readonly pattern: RoutePattern }
  | ({ readonly ok: false } & PatternProblem);

const refuse = (reason: string, suggestion: string | null = null): PatternResult => ({
  ok: false,
  reason,
  suggestion,
});

export function parseRoutePattern(path: string): PatternResult {
  if (!path.startsWith('/')) return refuse('does not begin with `/`', path.replace(/^\^?\/*/, '/'));
  const tail = path.endsWith('/**');
  const body = tail ? path.slice(0, -3) : path;
  const texts = body === '' || body === '/' ? [] : body.slice(1).split('/');
  const segments: Segment[] = [];
  for (const text of texts) {
    const problem = segmentProblem(text, path);
    if (problem !== null) return refuse(problem.reason, problem.suggestion);
    segments.push(toSegment(text));
  }
  const params = segments.flatMap((segment) => (segment.kind === 'param' ? [segment.name] : []));
  if (new Set(params).size < params.length) return refuse('captures the same name twice');
  return { ok: true, pattern: { segments, tail, shape: shapeOf(segments, tail), params } };
}

function toSegment(text: string): Segment {
  if (text === '*') return { kind: 'any' };
  if (text.startsWith(':')) return { kind: 'param', name: text.slice(1) };
  return { kind: 'literal', text };
}

function shapeOf(segments: readonly Segment[], tail: boolean): string {
  const parts = segments.map((segment) => (segment.kind === 'literal' ? segment.text : '*'));
  return `/${[...parts, ...(tail ? ['**'] : [])].join('/')}`;
}

function segmentProblem(text: string, path: string): PatternProblem | null {
  const problem = (reason: string, suggestion: string | null = null) => ({ reason, suggestion });
  if (text === '') return problem('has an empty segment', emptySegmentsRemoved(path));
  if (text === '.' || text === '..') return problem('has a dot segment; patterns match paths that have none');
  if (text === '**') return problem('has `**` in the middle: it stands at the end only, as `/**`');
  if (text === '*') return null;
  if (text.startsWith(':')) {
    return /^:[A-Za-z][A-Za-z0-9_]*$/.test(text)
      ? null
      : problem(`captures \`${text}\`, which is not a name`, ':name');
  }
  if (text.includes('*')) return problem('has `*` inside a segment: it stands for one whole segment');
  if (/[?#]/.test(text)) return problem('has a query or a fragment: a route is chosen by the path alone');
  if (text.includes(';')) return problem('has a `;`: path parameters are not part of what is matched');
  if (/[()[\]{}^$|\\]/.test(text)) {
    return problem('looks like a regular expression: patterns are literals, `*`, `:name` and a last `/**`');
  }
  return encodingProblem(text, path);
}

/** A literal has to be written as the canonical path has it, or it would never match. */
function encodingProblem(text: string, path: string): PatternProblem | null {
  const canonical = canonicalSegment(text);
  if (canonical === null)
    return { reason: 'has percent-encoding that is not valid, or hides a separator', suggestion: null };
  if (canonical === text) return null;
  return {
    reason: 'has percent-encoding that is not canonical',
    suggestion: path
      .split('/')
      .map((segment) => (segment === text ? canonical : segment))
      .join('/'),
  };
}

function canonicalSegment(text: string): string | null {
  try {
    const decoded = decodeURIComponent(text);
    if (/[/\\%\u0000-\u001f\u007f]/.test(decoded)) return null;
    return encodeURIComponent(decoded).replace(/%(?:24|26|2B|2C|3A|3D|40)/g, (code) =>
      decodeURIComponent(code),
    );
  } catch {
    return null;
  }
}

function emptySegmentsRemoved(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
}
