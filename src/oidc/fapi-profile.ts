/**
 * `profile: fapi2`, one switch for the client side of the FAPI 2.0 Security Profile and of FAPI 2.0 Message Signing: what
 * it sets where the configuration leaves the choice, and in one place.
 */
import type { Metadata } from './metadata.ts';
import type { ProviderConfig } from './provider-config.ts';

/** Where the written configuration may say `auto`, what that means. */
export type ResolvedConfig = Omit<ProviderConfig, 'requestObjects' | 'responseMode'> & {
  readonly requestObjects: Exclude<ProviderConfig['requestObjects'], 'auto'>;
  readonly responseMode: Exclude<ProviderConfig['responseMode'], 'auto'>;
};

/** FAPI 2.0 Security Profile section 5.4.1. */
export const fapiAlgorithms: readonly string[] = ['PS256', 'ES256', 'EdDSA', 'Ed25519'];

export function resolveProfile(config: ProviderConfig): ResolvedConfig {
  const fapi = config.profile === 'fapi2';
  const { requestObjects, responseMode } = config;
  return {
    ...config,
    requestObjects: requestObjects === 'auto' ? (fapi ? 'signed' : 'never') : requestObjects,
    responseMode: responseMode === 'auto' ? (fapi ? 'jwt' : 'query') : responseMode,
    pushedAuthorizationRequests: fapi ? 'required' : config.pushedAuthorizationRequests,
    idTokenSigningAlgorithms: fapi
      ? config.idTokenSigningAlgorithms.filter((alg) => fapiAlgorithms.includes(alg))
      : config.idTokenSigningAlgorithms,
  };
}

/** Whether the answer is one signed `response` (JARM). */
export function isSignedAnswer({ responseMode }: Pick<ResolvedConfig, 'responseMode'>): boolean {
  return responseMode === 'jwt' || responseMode.endsWith('.jwt');
}

/** How the browser brings the answer: `jwt` alone is the default of a code flow, the query (JARM section 2.3.4). */
export function answerTransport({
  responseMode,
}: Pick<ResolvedConfig, 'responseMode'>): 'query' | 'form_post' {
  return responseMode.startsWith('form_post') ? 'form_post' : 'query';
}

/** Whether an answer without `iss` is refused (RFC 9207 section 2.4; FAPI 2.0 Security Profile section 5.3.3.2). */
export function isAnswerIssuerDemanded({ profile }: ResolvedConfig, metadata: Metadata): boolean {
  return profile === 'fapi2' || metadata.authorization_response_iss_parameter_supported;
}
