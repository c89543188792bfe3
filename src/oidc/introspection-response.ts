/** Reads the answer to an introspection request: JSON (RFC 7662 section 2.2), or a JWT that the server signed (RFC 9701 section 5). */
import type { ProviderResponse } from './provider-http.ts';
import { Refusal } from './refusal.ts';
import { type KeySource, openSignedToken, clockTolerance as tolerance } from './signed-token.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';
import { checkParties, readTime } from './token-claims.ts';
import type { DecryptToken } from './token-decryption.ts';

export type IntrospectionForm = 'json' | 'jwt';

/** What to ask for, and what the answer has to say that it is. */
export const introspectionTypes: Readonly<Record<IntrospectionForm, string>> = {
  json: 'application/json',
  jwt: 'application/token-introspection+jwt',
};

export interface SignedAnswerRules {
  readonly issuer: string;
  readonly clientId: string;
  readonly algorithms: readonly string[];
  readonly keys: KeySource;
  readonly decrypt: DecryptToken;
  /** Unix time in milliseconds. */
  readonly now: number;
}

/** Seconds since it was made at most: it was made for this very request. */
const maxAge = 60;

/** The members of an active token, or null. Fails with a `Refusal` about the response when it is not JSON. */
export function readPlainAnswer({ text }: Pick<ProviderResponse, 'text'>): JsonObject | null {
  let answer: JsonObject;
  try {
    answer = parseStrictObject(text);
  } catch {
    throw new Refusal('response-invalid', 'response');
  }
  return whenActive(answer);
}

/** The same for a signed one. Fails with a `Refusal` that names the check, or with `ERR_PROVIDER_UNAVAILABLE` without keys. */
export async function readSignedAnswer(
  { text }: Pick<ProviderResponse, 'text'>,
  rules: SignedAnswerRules,
): Promise<JsonObject | null> {
  const { claims } = await openSignedToken(await rules.decrypt(text.trim(), 'introspection'), rules.keys, {
    name: 'introspection',
    algorithms: rules.algorithms,
    types: ['token-introspection+jwt'],
    typeRequired: true,
  });
  // Made for nobody else: the answer about a token of another resource server proves nothing here.
  checkParties(claims, { issuer: rules.issuer, clientId: rules.clientId, trustedAudiences: [] });
  const issued = readTime(claims.iat, 'introspection-issued-at');
  const age = rules.now / 1000 - issued;
  if (age > maxAge + tolerance || age < -tolerance) throw new Refusal('introspection-issued-at');
  const { token_introspection: answer } = claims;
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw new Refusal('introspection-member');
  }
  return whenActive(answer as JsonObject);
}

/** `true` and nothing that is like it (RS-041). */
function whenActive(answer: JsonObject): JsonObject | null {
  return answer.active === true ? answer : null;
}
