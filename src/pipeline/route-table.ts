/**
 * Which route a path belongs to. A tree of path segments, so that a thousand routes cost what one costs.
 *
 * Precedence: patterns are compared segment by segment from the left; a literal goes before `:name` or `*`, and both
 * before `/**`. The pattern is chosen by the path alone: a method that none of its routes lists is refused and never
 * falls through to a broader pattern.
 */
import type { Route, RouteMatch } from '../core/route.ts';
import { lenientReadings, readSegmentLeniently } from './lenient-path.ts';

export type RouteLookup =
  | { readonly kind: 'match'; readonly match: RouteMatch }
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  /** Applications that read paths leniently would see another route with stricter rules (RT-005, RT-008). */
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

/** What a lenient application folds away: upper case, any encoding, path parameters, dots ending a segment, a last slash. */
const foldable = /[A-Z;%]|\.(?:\/|$)|.\/$/;

export function createRouteTable(routes: readonly Route[]): RouteTable {
  const strict = createNode();
  const lenient = createNode();
  // Without a literal that an application would fold, a plain path reads alike in both trees.
  let areFolded = true;
  const fold = (literal: string): string | null => {
    const folded = readSegmentLeniently(literal);
    if (folded !== literal) areFolded = false;
    return folded;
  };
  for (const route of routes) {
    insert(strict, route, (literal) => literal);
    insert(lenient, route, fold);
  }

  return {
    find(path, method) {
      const candidates = findNode(strict, path, 0);
      const found = candidates === null ? none : select(candidates, path, method);
      if (areFolded && !foldable.test(path)) return found;
      const isSafe = lenientReadings(path).every((reading) =>
        isSafeReading(found, findNode(lenient, reading, 0), method),
      );
      return isSafe ? found : ambiguous;
    },
  };
}

function createNode(): Node {
  return { literals: new Map(), wildcard: null, ending: [], tail: [] };
}

/** `spell` writes a literal as the tree shall know it; null leaves it out. */
function insert(root: Node, route: Route, spell: (literal: string) => string | null): void {
  const isTail = route.path.endsWith('/**');
  const text = isTail ? route.path.slice(0, -3) : route.path;
  const segments = text === '' ? [] : text.slice(1).split('/');
  const captures: { index: number; name: string }[] = [];
  let node = root;
  for (const [index, segment] of segments.entries()) {
    if (segment.startsWith(':')) captures.push({ index, name: segment.slice(1) });
    if (segment === '*' || segment.startsWith(':')) {
      node = wildcardOf(node);
      continue;
    }
    const literal = spell(segment);
    if (literal !== null) node = literalOf(node, literal);
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
  for (const candidate of candidates) {
    if (takes(candidate.route, method)) return candidate.plainMatch ?? capture(candidate, path);
  }
  return { kind: 'method-not-allowed', allow: allowedMethods(candidates) };
}

/** HEAD follows GET. */
function takes({ methods }: Route, method: string): boolean {
  return methods === null || methods.has(method) || (method === 'HEAD' && methods.has('GET'));
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

/**
 * Whether no lenient reader of the path sees a rule that is stricter than the one it was judged by. A route that is
 * spelled exactly so is meant: whoever configures `/Admin` and `/admin` tells them apart.
 */
function isSafeReading(
  strict: RouteLookup,
  lenient: readonly CompiledRoute[] | null,
  method: string,
): boolean {
  if (lenient === null) return true;
  const taking = lenient.map(({ route }) => route).filter((route) => takes(route, method));
  if (strict.kind !== 'match') return strict.kind !== 'none' && taking.length === 0;
  const { route } = strict.match;
  if (lenient.some((candidate) => candidate.route === route)) return true;
  return taking.length > 0 && taking.every((other) => isAsStrict(route, other));
}

/** On a public route nothing is checked. */
function isAsStrict(route: Route, other: Route): boolean {
  if (other.access === 'public') return true;
  return route.access !== 'public' && (route.csrf === 'header' || other.csrf === route.csrf);
}
