/**
 * The scopes of a token, by one parser for all the ways in which servers say them: `scope` as text (RFC 9068 section 2.2.3)
 * or as a list, and `scp` (Entra: text; Okta: a list). They are compared whole: `read` is not `read:all`.
 */
import type { JsonObject } from '../oidc/strict-json.ts';

/** One scope (RFC 6749 section 3.3). */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/** Scopes of one token. */
const maxScopes = 1000;

const noScopes: ReadonlySet<string> = new Set();

/** Each scope once. Null when what is there is no list of scopes, or when both claims are there and differ. */
export function readScopes(claims: JsonObject): ReadonlySet<string> | null {
  const { scope, scp } = claims;
  if (scope === undefined && scp === undefined) return noScopes;
  if (scp === undefined) return parseScopes(scope);
  if (scope === undefined) return parseScopes(scp);
  const first = parseScopes(scope);
  const second = parseScopes(scp);
  if (first === null || second === null || first.size !== second.size) return null;
  return [...first].every((name) => second.has(name)) ? first : null;
}

/** Spaces alone separate: a tab, a comma or a quote makes it something else, and nothing is granted by guessing. */
function parseScopes(value: unknown): ReadonlySet<string> | null {
  const names = typeof value === 'string' ? value.split(' ').filter((name) => name !== '') : value;
  if (!Array.isArray(names) || names.length > maxScopes) return null;
  return names.every((name) => typeof name === 'string' && scopeToken.test(name)) ? new Set(names) : null;
}
