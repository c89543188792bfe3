/** Certificates, keys and PFX files for TLS listeners and their clients, made by openssl for one test file. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Identity {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface TlsFiles {
  readonly folder: string;
  /** Its certificate is the authority of `client`. */
  readonly authority: Identity;
  /** For `app.test`, signed by itself. */
  readonly server: Identity;
  readonly client: Identity;
  /** Signed by itself. */
  readonly stranger: Identity;
  /** For `app.test`, RSA with 1024 bits. */
  readonly weak: Identity;
  /** Of `server`; the passphrase is `passphrase`. */
  pfx(...options: readonly string[]): Buffer;
  [Symbol.dispose](): void;
}

export const passphrase = 'correct horse';

export function makeTlsFiles(): TlsFiles {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-tls-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) =>
    void execFileSync('openssl', args, { env: { PATH: process.env.PATH ?? '' }, stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const read = (name: string): Identity => ({
    certificate: readFileSync(file(`${name}.crt`), 'utf8'),
    key: readFileSync(file(`${name}.key`), 'utf8'),
  });
  const selfSigned = (name: string, subject: string, how: readonly string[] = newKey): Identity => {
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)];
    const alternative = ['-addext', `subjectAltName=DNS:${subject}`];
    openssl('req', '-x509', ...how, ...out, '-days', '2', '-subj', `/CN=${subject}`, ...alternative);
    return read(name);
  };
  const authority = selfSigned('authority', 'authority.test');
  const server = selfSigned('server', 'app.test');
  const stranger = selfSigned('stranger', 'client.test');
  const request = ['-keyout', file('client.key'), '-out', file('client.csr'), '-subj', '/CN=client.test'];
  openssl('req', ...newKey, ...request);
  writeFileSync(file('client.ext'), 'extendedKeyUsage=clientAuth\n');
  const signing = ['-CA', file('authority.crt'), '-CAkey', file('authority.key'), '-CAcreateserial'];
  const signed = ['-days', '2', '-extfile', file('client.ext'), '-out', file('client.crt')];
  openssl('x509', '-req', '-in', file('client.csr'), ...signing, ...signed);
  return {
    folder,
    authority,
    server,
    client: read('client'),
    stranger,
    weak: selfSigned('weak', 'app.test', ['-newkey', 'rsa:1024', '-nodes']),
    pfx(...options) {
      const from = ['-in', file('server.crt'), '-inkey', file('server.key'), '-out', file('server.pfx')];
      openssl('pkcs12', '-export', ...from, '-passout', `pass:${passphrase}`, ...options);
      return readFileSync(file('server.pfx'));
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
