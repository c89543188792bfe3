/**
 * The scalars that the folders' configuration schemas are made of: what a person writes in, what the code wants out.
 * Each carries a `kind` (`ScalarKind`), by which `config/` finds secrets, writes defaults with their unit and makes
 * the JSON schema.
 */
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { Secret } from './secret.ts';
import { parseDuration, parseSize } from './units.ts';

export type ScalarKind = 'duration' | 'size' | 'secret' | 'binary' | 'certificates' | 'address';

/** A string whose schema says what kind of scalar it stands for. */
const text = (kind: ScalarKind) => z.string().meta({ kind });

/** `30s` → 30000 (milliseconds). */
export const duration = () =>
  text('duration').transform((text, context) => {
    const value = parseDuration(text);
    if (value !== null) return value;
    context.addIssue({
      code: 'custom',
      message: 'is not a duration: write a whole number and a unit, as 500ms, 30s, 5m, 12h or 7d',
    });
    return z.NEVER;
  });

/** `64KiB` → 65536 (bytes). */
export const size = () =>
  text('size').transform((text, context) => {
    const value = parseSize(text);
    if (value !== null) return value;
    context.addIssue({
      code: 'custom',
      message: 'is not a size: write a whole number and a unit, as 512B, 64KiB, 10MiB or 1GiB',
    });
    return z.NEVER;
  });

/**
 * A secret, literally. `{ env: NAME }` and `{ file: path }` are replaced by `config/load` before validation, so that
 * only that folder reads files and the environment.
 */
export const secret = () =>
  z
    .string()
    // Nothing that reads the whole section may find text where it expects a `Secret`.
    .min(1, { error: 'is empty', abort: true })
    .meta({ kind: 'secret' satisfies ScalarKind })
    .transform((text) => new Secret(text));

/**
 * Secret bytes, literally in base64; `{ env: NAME }` names a variable that holds base64, `{ file: path }` a file that
 * holds the bytes themselves.
 */
export const binary = () =>
  z
    .string()
    .min(1, { error: 'is empty', abort: true })
    .meta({ kind: 'binary' satisfies ScalarKind })
    .transform((text, context): Secret<Buffer> => {
      const base64 = text.replace(/\s+/g, '');
      const bytes = Buffer.from(base64, 'base64');
      if (bytes.toString('base64') === base64) return new Secret(bytes);
      context.addIssue({
        code: 'custom',
        message: 'is not base64: write { file: path } of a file that holds the bytes, or the bytes in base64',
      });
      return z.NEVER;
    });

/** PEM certificates, literally; like a secret, they may be given as `{ env: NAME }` or `{ file: path }`. */
export const certificates = () =>
  text('certificates').refine(areCertificates, {
    error:
      'holds no certificates: write them as PEM (`BEGIN CERTIFICATE`), or `{ file: path }` of a file that has them',
    abort: true,
  });

function areCertificates(text: string): boolean {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.length > 0 && found.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== null;
  } catch {
    return false;
  }
}

export interface HostPort {
  /** Name or address, without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`. */
export const address = () =>
  text('address').transform((text, context): HostPort => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
    if (match !== null && Number(match[3]) <= 65535) {
      return { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
    }
    context.addIssue({
      code: 'custom',
      message: 'is not an address: write host and port, as 127.0.0.1:8080 or [::1]:8080',
    });
    return z.NEVER;
  });

/** One scope, or one value like it, for a list that is written with spaces between (RFC 6749 section 3.3). */
export const scope = () =>
  z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'is not one value: no spaces, no quotes');
