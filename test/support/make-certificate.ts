/** A self-signed X.509 certificate (RFC 5280) for a name and a time, made in memory so that no key is kept in files. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface CertificateOptions {
  /** DNS name of the subject. */
  readonly name: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** The authority that signs it; it signs itself without one. */
  readonly authority?: { readonly name: string; readonly key: string };
  /** A P-256 pair when absent. Others need an `authority` on P-256. */
  readonly keys?: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
}

const day = 86_400_000;

function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 128
      ? [body.length]
      : body.length < 256
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...content: readonly Buffer[]) => der(0x30, ...content);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const bits = (content: Buffer) => der(0x03, Buffer.from([0]), content);
const utcTime = (date: Date) =>
  der(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));

const nameOf = (name: string) => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));

/** Certificate and private key in PEM. The certificate may also serve as the authority that vouches for itself. */
export function makeCertificate({ name, notBefore, notAfter, authority: signer, keys }: CertificateOptions): {
  cert: string;
  key: string;
} {
  const { privateKey, publicKey } = keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const subject = nameOf(name);
  const alternativeName = sequence(oid('551d11'), der(0x04, sequence(der(0x82, Buffer.from(name)))));
  const authority = sequence(oid('551d13'), der(0x04, sequence(der(0x01, Buffer.from([0xff])))));
  const toSign = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    signer === undefined ? subject : nameOf(signer.name),
    sequence(
      utcTime(notBefore ?? new Date(Date.now() - day)),
      utcTime(notAfter ?? new Date(Date.now() + day)),
    ),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(alternativeName, authority)),
  );
  const certificate = sequence(
    toSign,
    ecdsaWithSha256,
    bits(sign('sha256', toSign, signer === undefined ? privateKey : createPrivateKey(signer.key))),
  );
  const base64 = certificate.toString('base64').replace(/.{64}/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
