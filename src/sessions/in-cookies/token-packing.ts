/**
 * Makes tokens small: the parts of a JWT are base64url of JSON, which hides from a compressor that the ID token, the
 * access token and the claims say the same things. Decoded they shrink to half. Whatever does not come out exactly as
 * it went in is kept as it is: a token is a string of its issuer, and nothing here depends on what it means.
 */

/** A part of a token: how many of the packed bytes it was decoded to, or the part itself. */
type Part = number | string;

export interface PackedTokens {
  /** For each token its parts, which dots stood between. Plain JSON. */
  readonly parts: readonly (readonly Part[])[];
  readonly bytes: Buffer;
}

/** A JWS has three parts, a JWE five; what has more is not one. */
const mostParts = 5;

export function packTokens(tokens: readonly string[]): PackedTokens {
  const decoded: Buffer[] = [];
  const parts = tokens.map((token) => splitToken(token).map((part) => packPart(part, decoded)));
  return { parts, bytes: Buffer.concat(decoded) };
}

/** Null when it is not what `packTokens` makes. */
export function unpackTokens(parts: unknown, bytes: Buffer): readonly string[] | null {
  if (!Array.isArray(parts)) return null;
  const tokens: string[] = [];
  let at = 0;
  for (const token of parts) {
    if (!Array.isArray(token)) return null;
    const texts: string[] = [];
    for (const part of token) {
      if (typeof part === 'string') texts.push(part);
      else if (!Number.isSafeInteger(part) || part < 1 || part > bytes.length - at) return null;
      else {
        texts.push(bytes.toString('base64url', at, at + part));
        at += part;
      }
    }
    tokens.push(texts.join('.'));
  }
  return at === bytes.length ? tokens : null;
}

function splitToken(token: string): readonly string[] {
  const parts = token.split('.', mostParts + 1);
  return parts.length > mostParts ? [token] : parts;
}

function packPart(part: string, decoded: Buffer[]): Part {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== part) return part;
  decoded.push(bytes);
  return bytes.length;
}
