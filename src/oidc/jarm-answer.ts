/**
 * Answers to an authorization request that the provider has signed (JARM, JWT Secured Authorization Response Mode): one
 * parameter `response`. Opened and verified, it is the same answer as the plain one, and is judged by the same checks.
 */
import type { Clock } from '../core/clock.ts';
import type { ProviderKeys } from './jwks.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';
import {
  maxTokenLength,
  openSignedToken,
  parseTokenJson,
  clockTolerance as tolerance,
} from './signed-token.ts';
import type { JsonObject } from './strict-json.ts';
import { checkParties, readTime } from './token-claims.ts';
import type { DecryptToken } from './token-decryption.ts';

export interface SignedAnswers {
  /**
   * The `state` that it claims to have, only to find the login that it may belong to; null when it cannot be read.
   * Nothing is verified here.
   */
  readState(response: string): Promise<string | null>;
  /**
   * The answer inside, verified (JARM section 2.4). Fails with a `Refusal` that names the check, or with
   * `ERR_PROVIDER_UNAVAILABLE` when there are no keys to check with.
   */
  open(answer: URLSearchParams, jwksUri: string): Promise<URLSearchParams>;
}

export interface SignedAnswersDeps {
  readonly keys: ProviderKeys;
  readonly decrypt: DecryptToken;
  readonly clock: Clock;
}

/** No type at all is usual: the specification names none. */
const rules = { name: 'jarm', types: ['jwt', 'oauth-authz-resp+jwt'] } as const;

/** What is taken out; nobody reads a description or a link of a stranger. */
const members = ['code', 'state', 'iss', 'error'] as const;

export function createSignedAnswers(config: ProviderConfig, deps: SignedAnswersDeps): SignedAnswers {
  const { keys, decrypt, clock } = deps;
  const { issuer, clientId, idTokenSigningAlgorithms: algorithms } = config;
  return {
    async readState(response) {
      try {
        return peekState(await decrypt(response, rules.name));
      } catch (error) {
        if (error instanceof Refusal) return null;
        throw error;
      }
    },
    async open(answer, jwksUri) {
      const token = await decrypt(onlyResponse(answer), rules.name);
      const { claims } = await openSignedToken(
        token,
        { source: keys, uri: jwksUri },
        { ...rules, algorithms },
      );
      // Meant for nobody else: a code must not be taken over from another client of the same provider.
      checkParties(claims, { issuer, clientId, trustedAudiences: [] });
      checkTimes(claims, clock.now() / 1000);
      return asParameters(claims);
    },
  };
}

function peekState(token: string): string | null {
  const [, payload, signature] = token.length > maxTokenLength ? [] : token.split('.', 3);
  if (payload === undefined || signature === undefined) return null;
  const { state } = parseTokenJson(Buffer.from(payload, 'base64url'), rules.name);
  return typeof state === 'string' ? state : null;
}

/** Beside a signed answer there is no room for anything that is not signed. */
function onlyResponse(answer: URLSearchParams): string {
  const [response, ...more] = answer.getAll('response');
  if (response === undefined) throw new Refusal('unsigned-answer');
  if (more.length > 0) throw new Refusal('duplicate-parameter');
  if (answer.size > 1) throw new Refusal('unexpected-parameter');
  return response;
}

function checkTimes(claims: JsonObject, now: number): void {
  if (readTime(claims.exp, 'jarm-expiry') <= now - tolerance) throw new Refusal('jarm-expired');
  for (const name of ['iat', 'nbf']) {
    const time = claims[name];
    if (time !== undefined && readTime(time, 'jarm-time') > now + tolerance) throw new Refusal('clock-skew');
  }
}

function asParameters(claims: JsonObject): URLSearchParams {
  const answer = new URLSearchParams();
  for (const name of members) {
    const value = claims[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw new Refusal('jarm-member');
    answer.set(name, value);
  }
  return answer;
}
