/** Asks the provider for tokens of the gate's own: see `own-grants.ts` for what it promises. */
import type { Clock } from '../core/clock.ts';
import type { TokenTarget } from '../core/route.ts';
import { createBulkhead } from './bulkhead.ts';
import type { ClientCall } from './client-call.ts';
import type { DpopClient } from './dpop-client.ts';
import { checkGranted, translateGrantFailure } from './grant-errors.ts';
import type { Metadata } from './metadata.ts';
import type { OwnGrants, OwnToken } from './own-grants.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';
import type { JsonObject } from './strict-json.ts';
import { parseTokenBody, readAccessToken, readExpiresIn, type TokenScheme } from './token-response.ts';

export interface OwnGrantsDeps {
  readonly metadata: () => Promise<Metadata>;
  readonly clientCall: ClientCall;
  readonly dpop: DpopClient | null;
  readonly clock: Clock;
}

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

/** What an application may be sent; a refresh token or an ID token is none of its business (RFC 8693 section 3). */
const usableTokenTypes: readonly unknown[] = [accessTokenType, 'urn:ietf:params:oauth:token-type:jwt'];

interface Grant {
  readonly call: 'client-credentials' | 'exchange';
  readonly parameters: Readonly<Record<string, string>>;
  readonly target: TokenTarget;
}

export function createOwnGrants(
  config: Pick<ProviderConfig, 'defaultTokenLifetime' | 'timeout' | 'maxConcurrentCalls' | 'maxWaitingCalls'>,
  { metadata, clientCall, dpop, clock }: OwnGrantsDeps,
): OwnGrants {
  const scheme: TokenScheme = dpop === null ? 'Bearer' : 'DPoP';
  // Half of the calls to the provider at most: callers with many tokens must not keep people from signing in (RS-047).
  const bulkhead = createBulkhead({
    concurrent: Math.ceil(config.maxConcurrentCalls / 2),
    waiting: Math.floor(config.maxWaitingCalls / 2),
  });

  const request = async ({ call, parameters, target }: Grant): Promise<OwnToken> => {
    const { token_endpoint: url } = await metadata();
    const sentAt = clock.now();
    const response = await bulkhead.run(AbortSignal.timeout(config.timeout), () =>
      clientCall({
        call,
        url,
        parameters: new URLSearchParams({ ...parameters, ...targetParameters(target) }),
        accept: 'application/json',
        timeout: null,
      }),
    );
    checkGranted(response);
    const json = parseTokenBody(response.text, scheme);
    if (parameters.grant_type === tokenExchange) checkTokenType(json);
    const seconds = readExpiresIn(json.expires_in);
    return {
      accessToken: readAccessToken(json.access_token),
      scheme,
      expiresAt: sentAt + Math.floor(seconds === null ? config.defaultTokenLifetime : seconds * 1000),
      scope: readGrantedScope(json.scope),
    };
  };

  const grant = (asked: Grant) => request(asked).catch(translateGrantFailure);

  return {
    clientToken: (target) =>
      grant({ call: 'client-credentials', parameters: { grant_type: 'client_credentials' }, target }),
    exchange: (subjectToken, target) =>
      grant({
        call: 'exchange',
        parameters: {
          grant_type: tokenExchange,
          subject_token: subjectToken,
          subject_token_type: accessTokenType,
          requested_token_type: accessTokenType,
        },
        target,
      }),
    onBehalfOf: (subjectToken, target) =>
      grant({
        call: 'exchange',
        parameters: {
          grant_type: jwtBearer,
          assertion: subjectToken,
          requested_token_use: 'on_behalf_of',
        },
        target,
      }),
    prove: dpop === null ? null : dpop.prove,
  };
}

function targetParameters({ audience, scope, resource }: TokenTarget): Record<string, string> {
  return {
    ...(audience === null ? {} : { audience }),
    ...(scope === null ? {} : { scope }),
    ...(resource === null ? {} : { resource }),
  };
}

function checkTokenType({ issued_token_type: type }: JsonObject): void {
  if (!usableTokenTypes.includes(type)) throw new Refusal('issued-token-type', 'response');
}

/** RFC 6749 section 3.3; as the provider says it, be it less than was asked for. */
function readGrantedScope(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || value.length > 4096 || !/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(value)) {
    throw new Refusal('scope-invalid', 'response');
  }
  return value;
}
