/** What the configuration of a provider must have, or must not, for signed requests and for `profile: fapi2`. */
import { X509Certificate } from 'node:crypto';
import type { z } from 'zod';
import { fapiAlgorithms, resolveProfile } from './fapi-profile.ts';
import type { ProviderConfig } from './provider-config.ts';
import { readSigningKey, type SigningAlgorithm } from './signing-key.ts';

type Report = (path: readonly string[], message: string) => void;

/** FAPI 2.0 Security Profile section 5.3.3.1: a secret can be stolen where it is checked. */
const fapiAuthentication: readonly string[] = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
];

const curves: readonly unknown[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** To be given to `superRefine`. */
export function checkProfile(config: ProviderConfig, context: z.core.$RefinementCtx): void {
  const report: Report = (path, message) => context.addIssue({ code: 'custom', path: [...path], message });
  if (resolveProfile(config).requestObjects === 'signed' && config.clientKey === undefined) {
    report(['clientKey'], 'is missing: requests are signed with it (or say `requestObjects: never`)');
  }
  if (config.profile !== 'fapi2') return;
  checkAuthentication(config, report);
  checkBinding(config, report);
  checkAlgorithms(config, report);
  checkTransport(config, report);
}

function checkAuthentication({ clientAuthentication, clientSecret }: ProviderConfig, report: Report): void {
  if (!fapiAuthentication.includes(clientAuthentication)) {
    report(['clientAuthentication'], `must be one of ${fapiAuthentication.join(', ')} with profile fapi2`);
  }
  if (clientSecret !== undefined) report(['clientSecret'], 'has no place in profile fapi2');
}

/** FAPI 2.0 Security Profile section 5.3.3.1: stolen tokens are worth nothing. */
function checkBinding({ dpopKey, certificateBoundTokens }: ProviderConfig, report: Report): void {
  if (dpopKey !== undefined || certificateBoundTokens) return;
  report(
    ['dpopKey'],
    'is missing: profile fapi2 wants tokens bound to a key (or to a certificate: `certificateBoundTokens: true`)',
  );
}

function checkAlgorithms(config: ProviderConfig, report: Report): void {
  const { clientKey, clientKeyAlgorithm, dpopKey, clientCertificate } = config;
  checkKey(clientKey?.reveal(), { path: 'clientKey', algorithm: clientKeyAlgorithm, report });
  checkKey(dpopKey?.reveal(), { path: 'dpopKey', algorithm: undefined, report });
  if (!config.idTokenSigningAlgorithms.some((algorithm) => fapiAlgorithms.includes(algorithm))) {
    report(
      ['idTokenSigningAlgorithms'],
      'has neither PS256 nor ES256 nor EdDSA, and profile fapi2 takes no other',
    );
  }
  if (clientCertificate !== undefined && isWeak(clientCertificate.certificate)) {
    report(
      ['clientCertificate'],
      'has an RSA key of fewer than 2048 bits, or an EC key on none of P-256, P-384 and P-521',
    );
  }
}

interface KeyCheck {
  readonly path: string;
  readonly algorithm: SigningAlgorithm | undefined;
  readonly report: Report;
}

/** A text that is no key at all has been reported where it stands. */
function checkKey(text: string | undefined, { path, algorithm, report }: KeyCheck): void {
  const key = text === undefined ? null : readSigningKey(text, algorithm);
  if (key === null || typeof key === 'string' || fapiAlgorithms.includes(key.algorithm)) return;
  report([path], `signs with ${key.algorithm}, and profile fapi2 takes PS256, ES256 and EdDSA alone`);
}

/** FAPI 2.0 Security Profile section 5.4.1. Of other kinds there are no short ones. */
function isWeak(certificate: string): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = new X509Certificate(certificate)
    .publicKey;
  if (type === 'rsa') return (details?.modulusLength ?? 0) < 2048;
  return type === 'ec' && !curves.includes(details?.namedCurve);
}

function checkTransport(config: ProviderConfig, report: Report): void {
  if (config.pushedAuthorizationRequests === 'never') {
    report(['pushedAuthorizationRequests'], 'cannot be `never` with profile fapi2');
  }
  if (config.dangerouslyAllowHttpIssuer) {
    report(['dangerouslyAllowHttpIssuer'], 'cannot be true with profile fapi2');
  }
}
