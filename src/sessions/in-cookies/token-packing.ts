/**
 * Makes tokens small: the parts of a JWT are base64url of JSON, which hides from a compressor that the ID token, the
 * access token and the claims say the same things. Decoded they shrink to half. Whatever does not come out exactly as
 * it went in is kept as it is: a token is a string of its issuer, and nothing here depends on what it means.
 *
 * A token that is no JWT is one secret, and may be the same for hours. It stays out of what is compressed: there the
 * length, which anybody on the way sees, would tell how much of it stands in a claim that others can choose (the attacks
 * CRIME and BREACH). The secret of a JWT is its signature, which is another one with every token.
 */

/** A part of a token: how many of the packed bytes it was decoded to, or the part itself. */
type Part = number | string;

/**
 * The parts that dots stood between; or, of a token that stays apart, how many of the bytes apart are its own: decoded
 * from base64url, or below zero as text.
 */
type Packed = readonly Part[] | number;

export interface PackedTokens {
  /** For each token. Plain JSON. */
  readonly parts: readonly Packed[];
  /** To be compressed. */
  readonly bytes: Buffer;
  /** Not to be compressed. */
  readonly apart: Buffer;
}

export function packTokens(tokens: readonly string[]): PackedTokens {
  const decoded: Buffer[] = [];
  const apart: Buffer[] = [];
  const parts = tokens.map((token) => {
    const split = splitJwt(token);
    return split === null ? packApart(token, apart) : split.map((part) => packPart(part, decoded));
  });
  return { parts, bytes: Buffer.concat(decoded), apart: Buffer.concat(apart) };
}

/** Null when it is not what `packTokens` makes. */
export function unpackTokens(
  parts: unknown,
  bytes: Buffer,
  apart: Buffer = Buffer.alloc(0),
): readonly string[] | null {
  if (!Array.isArray(parts)) return null;
  const ofJwts = createTaker(bytes);
  const ofOthers = createTaker(apart);
  const tokens = parts.map((packed) =>
    Array.isArray(packed) ? unpackJwt(packed, ofJwts) : unpackApart(packed, ofOthers),
  );
  const all = tokens.filter((token) => token !== null);
  return all.length === tokens.length && ofJwts.isEmpty() && ofOthers.isEmpty() ? all : null;
}

/** A JWS has three parts, a JWE five. */
function splitJwt(token: string): readonly string[] | null {
  const parts = token.split('.', 6);
  return parts.length === 3 || parts.length === 5 ? parts : null;
}

function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === 0 || bytes.toString('base64url') !== text ? null : bytes;
}

function packPart(part: string, decoded: Buffer[]): Part {
  const bytes = decode(part);
  if (bytes === null) return part;
  decoded.push(bytes);
  return bytes.length;
}

function packApart(token: string, apart: Buffer[]): Packed {
  const decoded = decode(token);
  const bytes = decoded ?? Buffer.from(token, 'utf8');
  // No issuer gives such a token: one that is empty, or that UTF-8 cannot say.
  if (bytes.length === 0 || !token.isWellFormed()) return [token];
  apart.push(bytes);
  return decoded === null ? -bytes.length : bytes.length;
}

interface Taker {
  /** The next so many bytes, or null when there are fewer, or when it is no number of bytes. */
  take(count: unknown): Buffer | null;
  isEmpty(): boolean;
}

function createTaker(bytes: Buffer): Taker {
  let at = 0;
  return {
    take(count) {
      if (!Number.isSafeInteger(count)) return null;
      const length = count as number;
      if (length < 1 || length > bytes.length - at) return null;
      at += length;
      return bytes.subarray(at - length, at);
    },
    isEmpty: () => at === bytes.length,
  };
}

function unpackJwt(parts: readonly unknown[], { take }: Taker): string | null {
  const texts = parts.map((part) =>
    typeof part === 'string' ? part : (take(part)?.toString('base64url') ?? null),
  );
  return texts.includes(null) ? null : texts.join('.');
}

function unpackApart(packed: unknown, { take }: Taker): string | null {
  if (typeof packed !== 'number') return null;
  return packed > 0
    ? (take(packed)?.toString('base64url') ?? null)
    : (take(-packed)?.toString('utf8') ?? null);
}
