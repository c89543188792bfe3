/**
 * The metadata of a provider (OpenID Connect Discovery 1.0 section 3), read strictly: only the members that are used,
 * every endpoint a URL that the gate is willing to call or to send a browser to.
 */
import { SallyportError } from '../core/errors.ts';
import { usesMutualTls } from './client-authentication-config.ts';
import { findMetadataConflict } from './fapi-metadata.ts';
import { resolveProfile } from './fapi-profile.ts';
import type { ProviderConfig } from './provider-config.ts';
import { Refusal } from './refusal.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';

export interface Metadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly userinfo_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly end_session_endpoint?: string;
  readonly introspection_endpoint?: string;
  readonly pushed_authorization_request_endpoint?: string;
  readonly authorization_response_iss_parameter_supported: boolean;
  readonly id_token_signing_alg_values_supported?: string[];
}

const required = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;
const optional = [
  'userinfo_endpoint',
  'revocation_endpoint',
  'end_session_endpoint',
  'introspection_endpoint',
  'pushed_authorization_request_endpoint',
] as const;

/** Endpoints at which the gate may have to show its certificate. */
const aliased = [
  'token_endpoint',
  'pushed_authorization_request_endpoint',
  'revocation_endpoint',
  'introspection_endpoint',
  'userinfo_endpoint',
] as const;

/** Fails with `ERR_PROVIDER_METADATA`; the message names the member and what to do. */
export function parseMetadata(text: string, config: ProviderConfig): Metadata {
  const document = parseDocument(text);
  checkIssuer(document.issuer, config.issuer);
  const json = usesMutualTls(config) ? withAliases(document) : document;
  const endpoints: Partial<Record<(typeof required | typeof optional)[number], string>> = {};
  for (const member of required) endpoints[member] = readEndpoint(member, json[member], config);
  for (const member of optional) {
    const value = json[member];
    if (value === undefined || value === null || !isUsed(member, config)) continue;
    // Nobody who signs in needs it: on a host that is not listed it is left out, and opaque tokens are refused.
    if (member === 'introspection_endpoint' && isElsewhere(value, config)) continue;
    endpoints[member] = readEndpoint(member, value, config);
  }
  const conflict = findMetadataConflict(json, resolveProfile(config));
  if (conflict !== null) throw refused(conflict.member, conflict.why);
  if (config.pushedAuthorizationRequests === 'required' && !endpoints.pushed_authorization_request_endpoint) {
    throw refused('pushed_authorization_request_endpoint', 'is absent, and the configuration requires it');
  }
  return {
    ...(endpoints as Pick<Metadata, (typeof required)[number]>),
    issuer: config.issuer,
    authorization_response_iss_parameter_supported:
      json.authorization_response_iss_parameter_supported === true,
    ...readAlgorithms(json.id_token_signing_alg_values_supported),
  };
}

/** RFC 8705 section 5: where a client that shows a certificate has to go, each in place of the endpoint of that name. */
export function withAliases(document: JsonObject): JsonObject {
  const { mtls_endpoint_aliases: aliases } = document;
  if (aliases === undefined || aliases === null) return document;
  if (typeof aliases !== 'object' || Array.isArray(aliases)) {
    throw refused('mtls_endpoint_aliases', 'is not an object');
  }
  const members = aliases as JsonObject;
  const present = aliased.filter((name) => members[name] !== undefined && members[name] !== null);
  return { ...document, ...Object.fromEntries(present.map((name) => [name, members[name]])) };
}

/** An endpoint that the configuration rules out need not be on an allowed host. */
function isUsed(member: (typeof optional)[number], config: ProviderConfig): boolean {
  if (member === 'userinfo_endpoint') return config.userinfo !== 'never';
  if (member === 'pushed_authorization_request_endpoint')
    return config.pushedAuthorizationRequests !== 'never';
  return true;
}

/** Fails with `ERR_PROVIDER_METADATA`. */
export function parseDocument(text: string): JsonObject {
  try {
    return parseStrictObject(text);
  } catch (error) {
    throw refused('document', error instanceof Refusal ? error.reason : 'is not JSON');
  }
}

/** Fails with `ERR_PROVIDER_METADATA`; a slash too many or too few is told as such. */
export function checkIssuer(value: unknown, issuer: string): void {
  if (value === issuer) return;
  if (typeof value !== 'string') throw refused('issuer', 'is not a string');
  const withoutSlash = (text: string) => text.replace(/\/$/, '');
  if (withoutSlash(value) === withoutSlash(issuer)) {
    const how = value.endsWith('/') ? 'with a trailing slash' : 'without a trailing slash';
    throw refused('issuer', `is written ${how}; write \`issuer\` in the configuration exactly so`);
  }
  throw refused('issuer', 'is not the configured issuer');
}

/** Fails with `ERR_PROVIDER_METADATA` for anything but a URL that may be called. */
export function readEndpoint(
  member: string,
  value: unknown,
  config: Pick<ProviderConfig, 'issuer' | 'endpointHosts'>,
): string {
  if (typeof value !== 'string' || value.length > 2048) throw refused(member, 'is not a URL');
  const url = URL.parse(value);
  const issuer = new URL(config.issuer);
  if (url === null) throw refused(member, 'is not a URL');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && issuer.protocol === 'http:')) {
    throw refused(member, 'is not an https URL');
  }
  if (url.username !== '' || url.password !== '') throw refused(member, 'has a user name');
  if (value.includes('#')) throw refused(member, 'has a fragment');
  if (!mayHoldEndpoints(url, issuer, config.endpointHosts)) {
    throw refused(member, `is on ${url.host}, not on the host of the issuer; add it to \`endpointHosts\``);
  }
  return value;
}

function isElsewhere(value: unknown, { issuer, endpointHosts }: ProviderConfig): boolean {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  return url !== null && !mayHoldEndpoints(url, new URL(issuer), endpointHosts);
}

/** The issuer's own host and port, its subdomains, and what the operator listed (RP-144). */
function mayHoldEndpoints(url: URL, issuer: URL, listed: readonly string[]): boolean {
  if (url.host === issuer.host) return true;
  if (url.port === issuer.port && url.hostname.endsWith(`.${issuer.hostname}`)) return true;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return listed.includes(url.hostname) || listed.includes(`${url.hostname}:${port}`);
}

function readAlgorithms(value: unknown): Pick<Metadata, 'id_token_signing_alg_values_supported'> {
  if (value === undefined) return {};
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) {
    throw refused('id_token_signing_alg_values_supported', 'is not a list of names');
  }
  return { id_token_signing_alg_values_supported: value };
}

function refused(member: string, why: string): SallyportError {
  return new SallyportError('ERR_PROVIDER_METADATA', `metadata of the provider: ${member} ${why}`, {
    detail: member,
    retryAfter: 30,
  });
}
