/** Whose a token says it is, before anything is verified: only to choose whose keys to verify it with. */
import { Refusal } from './refusal.ts';
import { maxTokenLength } from './signed-token.ts';
import { parseStrictObject } from './strict-json.ts';

/**
 * Whether it is worth verifying a token with the keys of this issuer: it names the issuer, or it is encrypted and does
 * not say (RFC 7519 section 5.3). Never throws.
 */
export function mayComeFrom(token: string, issuer: string): boolean {
  if (token.length > maxTokenLength) return false;
  const parts = token.split('.', 6);
  if (parts.length === 3) return readIssuer(parts[1] as string) === issuer;
  if (parts.length !== 5) return false;
  const claimed = readIssuer(parts[0] as string);
  return claimed === undefined || claimed === issuer;
}

/** Null when it is not readable; undefined when it does not say. */
function readIssuer(part: string): unknown {
  try {
    return parseStrictObject(Buffer.from(part, 'base64url').toString()).iss;
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
