/** Puts one API together: see `api.ts` for what it promises. */
import type { Authentication } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import type { Emit } from '../core/events.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { TokenIssuer } from '../oidc/token-issuer.ts';
import type { Api } from './api.ts';
import type { ApiConfig } from './api-config.ts';
import { type AuthorizationHeader, readAuthorization } from './authorization-header.ts';
import { type Challenges, createChallenges, type Failure } from './challenges.ts';
import { checkDemand, type DemandRules } from './demands.ts';
import type { DpopCheck } from './dpop-check.ts';
import { createResourceMetadata } from './resource-metadata.ts';
import { createTokenCheck } from './token-check.ts';
import { checkHolder, type HolderRefusal, type HolderRules } from './token-holder.ts';
import { createVerifiedTokens, type RememberedToken, type TokenVerdict } from './verified-tokens.ts';

export interface ApiDeps {
  /** Those that the configuration names, in its order. */
  readonly issuers: readonly TokenIssuer[];
  readonly checkProof: DpopCheck;
  /** Origin under which the gate is reached. */
  readonly publicUrl: string;
  /** Whether clients can show certificates: to the gate's own listener, or to a trusted proxy. */
  readonly takesCertificates: boolean;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** Milliseconds for which a token that its issuer does not know is not asked about again. */
const longestInactive = 30_000;

export function createApi(name: string, config: ApiConfig, deps: ApiDeps): Api {
  const { issuers, clock, emit } = deps;
  const metadata = createResourceMetadata(config, {
    publicUrl: deps.publicUrl,
    issuers: issuers.map(({ issuer }) => issuer),
    proofAlgorithms: config.dpop.algorithms,
    takesCertificates: deps.takesCertificates,
  });
  const challenges = createChallenges({
    realm: name,
    metadataUrl: metadata === null ? null : `${deps.publicUrl}${metadata.path}`,
    schemes: config.dpop.use === 'required' ? ['DPoP'] : ['Bearer'],
    proofAlgorithms: config.dpop.algorithms,
  });
  const find = createVerifiedTokens({
    check: createTokenCheck(config, { name, issuers, clock, emit }),
    clock,
    size: config.cacheSize,
    inactiveFor: Math.min(config.introspection?.cache ?? 0, longestInactive),
  });
  const demandRules: DemandRules = { challenges, leeway: config.leeway, now: clock.now };
  const holder: HolderRules = { checkProof: deps.checkProof, dpop: config.dpop.use };

  const refuse = (head: RequestHead, refusal: CredentialRefusal): Authentication => {
    const { detail } = refusal;
    emit('credential.refused', {
      requestId: head.id,
      kind: 'bearer',
      api: name,
      detail,
      client: head.client.address,
    });
    return { kind: 'refused', refusal };
  };

  const answer = (
    head: RequestHead,
    sent: SentToken,
    { good, refusal }: { readonly good: RememberedToken; readonly refusal: HolderRefusal | null },
  ): Authentication =>
    refusal === null
      ? good.authentication
      : refuse(head, challenges.failure({ ...refusal, scheme: sent.scheme }));

  const judge = (head: RequestHead, sent: SentToken, verdict: TokenVerdict): MaybePromise<Authentication> => {
    if (verdict.kind === 'refused')
      return refuse(head, challenges.failure(tokenFailure(sent, verdict.detail)));
    const { scheme, token } = sent;
    const refusal = checkHolder(head, { scheme, token, confirmation: verdict.confirmation }, holder);
    return refusal instanceof Promise
      ? refusal.then((found) => answer(head, sent, { good: verdict, refusal: found }))
      : answer(head, sent, { good: verdict, refusal });
  };

  return {
    name,
    metadata,
    authenticate(head) {
      const sent = readAuthorization(head.headers);
      if (sent.kind === 'none') return nobody;
      if (sent.kind !== 'token') return refuse(head, unreadable(sent, challenges));
      const verdict = find(sent.token, head.client.address);
      return verdict instanceof Promise
        ? verdict.then((found) => judge(head, sent, found))
        : judge(head, sent, verdict);
    },
    authorize: (caller, demand) => checkDemand(caller, demand, demandRules),
    challenge: (demand) => challenges.nothing(demand, 'no-token'),
  };
}

const nobody: Authentication = { kind: 'none' };

type SentToken = Extract<AuthorizationHeader, { kind: 'token' }>;

function unreadable(
  sent: Extract<AuthorizationHeader, { kind: 'foreign' | 'malformed' }>,
  challenges: Challenges,
): CredentialRefusal {
  if (sent.kind === 'foreign') return challenges.nothing(null, 'scheme');
  return challenges.failure({ error: 'invalid_request', detail: sent.detail, scheme: sent.scheme });
}

/** Two things where one token should stand are a malformed request; everything else is a token that is not good. */
function tokenFailure({ scheme }: SentToken, detail: string): Failure {
  return { error: detail === 'token-parts' ? 'invalid_request' : 'invalid_token', detail, scheme };
}
