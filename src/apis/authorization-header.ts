/**
 * Reads `Authorization` as a bearer-checking server must: one scheme, one space, one token (RFC 6750 section 2.1 and
 * RFC 9449 section 7.1). Each wrong form has one fixed verdict. Nowhere else is a token looked for (RFC 9700 section 4.3.2).
 */
import type { HeaderList } from '../core/headers.ts';

export type TokenScheme = 'Bearer' | 'DPoP';

export type AuthorizationHeader =
  | { readonly kind: 'none' }
  /** What follows the scheme, not looked at yet. */
  | { readonly kind: 'token'; readonly scheme: TokenScheme; readonly token: string }
  /** Another scheme: as if nothing had been brought (RFC 6750 section 3.1). */
  | { readonly kind: 'foreign' }
  /** Not one token. `detail` is a stable word. */
  | { readonly kind: 'malformed'; readonly scheme: TokenScheme; readonly detail: string };

/** Characters. Tokens of real providers stay below 8 KiB, and so does a request head. */
export const maxTokenLength = 16_384;

const none: AuthorizationHeader = { kind: 'none' };
const foreign: AuthorizationHeader = { kind: 'foreign' };
const severalHeaders: AuthorizationHeader = {
  kind: 'malformed',
  scheme: 'Bearer',
  detail: 'several-headers',
};

export function readAuthorization(headers: HeaderList): AuthorizationHeader {
  let value: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'authorization') continue;
    if (value !== null) return severalHeaders;
    value = headers[i + 1] as string;
  }
  if (value === null) return none;
  const scheme = schemeOf(value);
  return scheme === null ? foreign : readToken(value, scheme);
}

/** The case of a scheme does not matter (RFC 9110 section 11.1). */
function schemeOf(value: string): TokenScheme | null {
  // As nearly everybody writes it, without another string.
  if (value.startsWith('Bearer ')) return 'Bearer';
  const name = (/^[^\s]*/.exec(value.slice(0, 8))?.[0] ?? '').toLowerCase();
  if (name === 'bearer') return 'Bearer';
  return name === 'dpop' ? 'DPoP' : null;
}

function readToken(value: string, scheme: TokenScheme): AuthorizationHeader {
  const at = scheme.length;
  const malformed = (detail: string) => ({ kind: 'malformed', scheme, detail }) as const;
  if (value.length <= at + 1) return malformed('no-token');
  if (value.charCodeAt(at) !== 0x20) return malformed('separator');
  const first = value.charCodeAt(at + 1);
  if (first === 0x20 || first === 0x09) return malformed('separator');
  return { kind: 'token', scheme, token: value.slice(at + 1) };
}

/** Why this cannot be a token, whatever it says: a stable word, or null. `malformed` ones are no `b64token` (RFC 6750 section 2.1). */
export function tokenProblem(token: string): 'token-too-large' | 'token-parts' | 'token-characters' | null {
  if (token.length > maxTokenLength) return 'token-too-large';
  if (/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return null;
  return /[ \t]/.test(token) ? 'token-parts' : 'token-characters';
}
