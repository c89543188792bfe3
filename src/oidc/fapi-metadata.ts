/**
 * What the metadata of a provider say about signed requests, signed answers and `profile: fapi2`, held against the
 * configuration: better one sentence about the option in question than logins that fail at the provider.
 */
import { isSignedAnswer, type ResolvedConfig } from './fapi-profile.ts';
import { readSigningKey } from './signing-key.ts';
import type { JsonObject } from './strict-json.ts';

/** `member` of the metadata and why it does not go together with the configuration. */
export interface MetadataConflict {
  readonly member: string;
  readonly why: string;
}

/** Null when they go together. A list that is absent says nothing. */
export function findMetadataConflict(metadata: JsonObject, config: ResolvedConfig): MetadataConflict | null {
  return (
    requestConflict(metadata, config) ??
    answerConflict(metadata, config) ??
    (config.profile === 'fapi2' ? profileConflict(metadata, config) : null)
  );
}

function requestConflict(metadata: JsonObject, config: ResolvedConfig): MetadataConflict | null {
  const { requestObjects, pushedAuthorizationRequests, clientKey, clientKeyAlgorithm } = config;
  if (metadata.require_pushed_authorization_requests === true && pushedAuthorizationRequests === 'never') {
    return {
      member: 'require_pushed_authorization_requests',
      why: 'is true; say `pushedAuthorizationRequests: auto`',
    };
  }
  if (requestObjects === 'signed') {
    const algorithms = algorithmsOf(clientKey?.reveal(), clientKeyAlgorithm);
    return lacking(metadata, 'request_object_signing_alg_values_supported', algorithms);
  }
  return metadata.require_signed_request_object === true
    ? { member: 'require_signed_request_object', why: 'is true; say `requestObjects: signed`' }
    : null;
}

function answerConflict(metadata: JsonObject, config: ResolvedConfig): MetadataConflict | null {
  if (!isSignedAnswer(config)) return null;
  return (
    lacking(metadata, 'response_modes_supported', [config.responseMode]) ??
    lacking(metadata, 'authorization_signing_alg_values_supported', config.idTokenSigningAlgorithms)
  );
}

function profileConflict(metadata: JsonObject, config: ResolvedConfig): MetadataConflict | null {
  const { clientAuthentication: method, certificateBoundTokens, clientKey, dpopKey } = config;
  if (certificateBoundTokens && metadata.tls_client_certificate_bound_access_tokens !== true) {
    return { member: 'tls_client_certificate_bound_access_tokens', why: 'is not true' };
  }
  const assertionKey = method === 'private_key_jwt' ? clientKey : undefined;
  const assertion = algorithmsOf(assertionKey?.reveal(), config.clientKeyAlgorithm);
  return (
    lacking(metadata, 'token_endpoint_auth_methods_supported', [method]) ??
    lacking(metadata, 'token_endpoint_auth_signing_alg_values_supported', assertion) ??
    lacking(metadata, 'code_challenge_methods_supported', ['S256']) ??
    lacking(metadata, 'id_token_signing_alg_values_supported', config.idTokenSigningAlgorithms) ??
    lacking(metadata, 'dpop_signing_alg_values_supported', algorithmsOf(dpopKey?.reveal(), undefined))
  );
}

/** A conflict when the member is a list that has none of what is wanted. */
function lacking(metadata: JsonObject, member: string, wanted: readonly string[]): MetadataConflict | null {
  const offered = metadata[member];
  if (wanted.length === 0 || !Array.isArray(offered)) return null;
  return wanted.some((name) => offered.includes(name))
    ? null
    : { member, why: `has no ${wanted.join(', ')}` };
}

/** Ed25519 has two names (RFC 9864); empty when there is no key. */
function algorithmsOf(
  text: string | undefined,
  algorithm: ResolvedConfig['clientKeyAlgorithm'],
): readonly string[] {
  const key = text === undefined ? '' : readSigningKey(text, algorithm);
  if (typeof key === 'string') return [];
  return key.algorithm.startsWith('Ed') ? ['EdDSA', 'Ed25519'] : [key.algorithm];
}
