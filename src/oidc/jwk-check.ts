/** Which keys of a provider's key set (RFC 7517) can check signatures, and for which algorithms. */
import type { JsonObject } from './strict-json.ts';

/** A public key as it came, with only the members that make the key. */
export interface PublicJwk {
  readonly kid: string | null;
  /** Null: every algorithm of its type. */
  readonly alg: string | null;
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly members: Readonly<Record<string, string>>;
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** The key, or a stable word that says why it is left out. */
export function readJwk(jwk: JsonObject): PublicJwk | string {
  const { kty, kid, alg, use } = jwk;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'key-type';
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) return 'private-key';
  if (use !== undefined && use !== 'sig') return 'not-for-signatures';
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) {
    return 'not-for-signatures';
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return 'key-id';
  if (alg !== undefined && typeof alg !== 'string') return 'algorithm';
  const members = kty === 'RSA' ? readRsa(jwk) : readCurve(kty, jwk);
  if (typeof members === 'string') return members;
  return { kid: kid ?? null, alg: alg ?? null, kty, members };
}

/** 2048 to 4096 bits: weaker can be broken, larger makes every login a denial of service. */
function readRsa(jwk: JsonObject): Record<string, string> | string {
  const { n, e } = jwk;
  if (!isBase64url(n, 4000) || !isBase64url(e, 8)) return 'malformed';
  const modulus = Buffer.from(n, 'base64url');
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < 2048 || bits > 4096) return 'key-size';
  const exponent = Number.parseInt(Buffer.from(e, 'base64url').toString('hex'), 16);
  if (!(exponent >= 3 && exponent % 2 === 1)) return 'exponent';
  return { kty: 'RSA', n, e };
}

function readCurve(kty: 'EC' | 'OKP', jwk: JsonObject): Record<string, string> | string {
  const { crv, x, y } = jwk;
  const curves = kty === 'EC' ? ['P-256', 'P-384', 'P-521'] : ['Ed25519'];
  if (typeof crv !== 'string' || !curves.includes(crv)) return 'curve';
  if (!isBase64url(x, 100)) return 'malformed';
  if (kty === 'OKP') return { kty, crv, x };
  return isBase64url(y, 100) ? { kty, crv, x, y } : 'malformed';
}

function isBase64url(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && /^[A-Za-z0-9_-]+$/.test(value);
}

const curveOf: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** Whether `jwk` can have made a signature of this header: key id, type, algorithm and curve all fit (RP-044). */
export function fitsHeader(jwk: PublicJwk, alg: string, kid: string | null): boolean {
  if (kid !== null && jwk.kid !== kid) return false;
  const edwards = alg === 'EdDSA' || alg === 'Ed25519';
  const algFits =
    jwk.alg === null || jwk.alg === alg || (edwards && (jwk.alg === 'EdDSA' || jwk.alg === 'Ed25519'));
  if (!algFits) return false;
  if (edwards) return jwk.kty === 'OKP';
  if (alg.startsWith('ES')) return jwk.kty === 'EC' && jwk.members.crv === curveOf[alg];
  return jwk.kty === 'RSA';
}
