/** Makes the APIs of the configuration, each with its issuers: see `api.ts` for what they promise. */
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { TokenIssuer } from '../oidc/token-issuer.ts';
import type { TokenIssuerConfig } from '../oidc/token-issuer-config.ts';
import type { Store } from '../stores/store.ts';
import type { Apis } from './api.ts';
import type { ApiConfig } from './api-config.ts';
import { createApi } from './create-api.ts';
import { createDpopCheck } from './dpop-check.ts';
import type { NonceSeal } from './dpop-nonce.ts';

export interface ApisDeps {
  /** Those of the providers, by the name of the provider. */
  readonly issuers: ReadonlyMap<string, TokenIssuer>;
  /** Makes one that stands in an API's `issuers` itself. Whoever gives this closes what it has made. */
  readonly makeIssuer: (name: string, config: TokenIssuerConfig) => TokenIssuer;
  readonly publicUrl: URL;
  /** Remembers which DPoP proofs came before, for the whole fleet. */
  readonly store: Pick<Store, 'addIfAbsent'>;
  /** Seals the nonces of DPoP proofs. */
  readonly sealing: NonceSeal;
  /** Whether clients can show certificates: to the gate's own listener, or to a trusted proxy. */
  readonly takesCertificates: boolean;
  /** The listener serves every host (`listen.hosts: ['*']`). */
  readonly anyHost: boolean;
  readonly clock: Clock;
  readonly emit: Emit;
}

export function createApis(config: Readonly<Record<string, ApiConfig>>, deps: ApisDeps): Apis {
  const { publicUrl, anyHost, store, sealing, takesCertificates, clock, emit } = deps;
  return new Map(
    Object.entries(config).map(([name, api]) => [
      name,
      createApi(name, api, {
        issuers: issuersOf(name, api, deps),
        checkProof: createDpopCheck(api.dpop, { store, clock, publicUrl, anyHost, sealing }),
        publicUrl: publicUrl.origin,
        takesCertificates,
        clock,
        emit,
      }),
    ]),
  );
}

/** A name with a dot is no provider's: `main.2` is the second issuer of the API `main`. */
function issuersOf(
  api: string,
  { issuers }: ApiConfig,
  deps: Pick<ApisDeps, 'issuers' | 'makeIssuer'>,
): TokenIssuer[] {
  return issuers.map((entry, index) => {
    if (typeof entry !== 'string') return deps.makeIssuer(`${api}.${index + 1}`, entry);
    const issuer = deps.issuers.get(entry);
    // The configuration was validated: a name that no provider has is a bug.
    if (issuer === undefined) throw new Error('an api names an issuer that does not exist');
    return issuer;
  });
}
