/**
 * Which route a path belongs to. A tree of path segments, so that a thousand routes cost what one costs.
 *
 * Precedence: patterns are compared segment by segment from the left; a literal goes before `:name` or `*`, and both
 * before `/**`. The pattern is chosen by the path alone: a method that none of its routes lists is refused and never
 * falls through to a broader pattern.
 */
import type { Route, RouteMatch } from '../core/route.ts';

export type RouteLookup =
  | { readonly kind: 'match'; readonly match: RouteMatch }
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  /** Applications that read paths leniently would see another route with other access rules (RT-005, RT-008). */
  | { readonly kind: 'ambiguous' }
  | { readonly kind: 'none' };

export interface RouteTable {
  /** `path` is canonical. */
  find(path: string, method: string): RouteLookup;
}

interface Node {
  readonly literals: Map<string, Node>;
  wildcard: Node | null;
  /** Routes whose pattern ends here. */
  readonly ending: CompiledRoute[];
  /** Routes whose pattern ends in `/**` here. */
  readonly tail: CompiledRoute[];
}

interface CompiledRoute {
  readonly route: Route;
  /** Position of each captured segment and its name. */
  readonly captures: readonly { readonly index: number; readonly name: string }[];
  /** Shared by all requests when nothing is captured. */
  readonly plainMatch: RouteLookup | null;
}

const none: RouteLookup = { kind: 'none' };
const ambiguous: RouteLookup = { kind: 'ambiguous' };

/** Upper case, path parameters, dots or spaces ending a segment, a last slash: what lenient applications fold away. */
const foldable = /[A-Z;]|(?:\.|%20)(?:\/|$)|.\/$/;

export function createRouteTable(routes: readonly Route[]): RouteTable {
  const root = createNode();
  for (const route of routes) insert(root, route);

  const lookup = (path: string, method: string): RouteLookup => {
    const candidates = findNode(root, path, 0);
    return candidates === null ? none : select(candidates, path, method);
  };

  return {
    find(path, method) {
      const found = lookup(path, method);
      if (!foldable.test(path)) return found;
      return sameRules(found, lookup(fold(path), method)) ? found : ambiguous;
    },
  };
}

function createNode(): Node {
  return { literals: new Map(), wildcard: null, ending: [], tail: [] };
}

function insert(root: Node, route: Route): void {
  const isTail = route.path.endsWith('/**');
  const text = isTail ? route.path.slice(0, -3) : route.path;
  const segments = text === '' ? [] : text.slice(1).split('/');
  const captures: { index: number; name: string }[] = [];
  let node = root;
  for (const [index, segment] of segments.entries()) {
    if (segment.startsWith(':')) captures.push({ index, name: segment.slice(1) });
    node = segment === '*' || segment.startsWith(':') ? wildcardOf(node) : literalOf(node, segment);
  }
  const match: RouteLookup = { kind: 'match', match: { route, params: Object.create(null) } };
  const compiled = { route, captures, plainMatch: captures.length === 0 ? match : null };
  (isTail ? node.tail : node.ending).push(compiled);
}

function wildcardOf(node: Node): Node {
  node.wildcard ??= createNode();
  return node.wildcard;
}

function literalOf(node: Node, segment: string): Node {
  const known = node.literals.get(segment);
  if (known !== undefined) return known;
  const created = createNode();
  node.literals.set(segment, created);
  return created;
}

/** The routes of the most specific pattern that covers what follows the slash at `slash`; past the end: nothing is left. */
function findNode(node: Node, path: string, slash: number): readonly CompiledRoute[] | null {
  const rest = node.tail.length > 0 ? node.tail : null;
  if (slash === path.length) return node.ending.length > 0 ? node.ending : rest;
  if (node.literals.size === 0 && node.wildcard === null) return rest;
  const next = path.indexOf('/', slash + 1);
  const end = next === -1 ? path.length : next;
  const literal = node.literals.get(path.slice(slash + 1, end));
  const specific = literal === undefined ? null : findNode(literal, path, end);
  if (specific !== null) return specific;
  // An empty last segment is a trailing slash: no wildcard captures nothing, but `/**` covers it.
  const isEmpty = end === slash + 1;
  const captured = node.wildcard === null || isEmpty ? null : findNode(node.wildcard, path, end);
  return captured ?? rest;
}

function select(candidates: readonly CompiledRoute[], path: string, method: string): RouteLookup {
  const effective = method === 'HEAD' ? 'GET' : method;
  for (const candidate of candidates) {
    const { methods } = candidate.route;
    if (methods === null || methods.has(effective) || methods.has(method)) {
      return candidate.plainMatch ?? capture(candidate, path);
    }
  }
  return { kind: 'method-not-allowed', allow: allowedMethods(candidates) };
}

function capture(candidate: CompiledRoute, path: string): RouteLookup {
  const segments = path.slice(1).split('/');
  const params: Record<string, string> = Object.create(null);
  for (const { index, name } of candidate.captures) params[name] = segments[index] as string;
  return { kind: 'match', match: { route: candidate.route, params } };
}

function allowedMethods(candidates: readonly CompiledRoute[]): string[] {
  const methods = new Set(candidates.flatMap((candidate) => [...(candidate.route.methods ?? [])]));
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].sort();
}

function fold(path: string): string {
  const segments = path
    .toLowerCase()
    .replace(/(?<=.)\/$/, '')
    .split('/');
  return segments.map((segment) => segment.replace(/;.*$/, '').replace(/(?:\.|%20)+$/, '')).join('/');
}

/** Whether reading the path leniently would change who may pass. */
function sameRules(strict: RouteLookup, lenient: RouteLookup): boolean {
  if (lenient.kind === 'none') return true;
  if (strict.kind !== 'match' || lenient.kind !== 'match') return strict.kind === lenient.kind;
  const a = strict.match.route;
  const b = lenient.match.route;
  return a === b || (a.access === b.access && a.csrf === b.csrf);
}
