/** A certificate for localhost with its key in one PKCS #12 file, as `openssl` writes it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function makePfx(passphrase: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-pfx-'));
  const [key, certificate, pfx] = ['key.pem', 'cert.pem', 'cert.pfx'].map((file) => join(folder, file)) as [
    string,
    string,
    string,
  ];
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  try {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      '/CN=localhost',
      '-days',
      '30',
    );
    openssl(
      'pkcs12',
      '-export',
      '-inkey',
      key,
      '-in',
      certificate,
      '-out',
      pfx,
      '-passout',
      `pass:${passphrase}`,
    );
    return readFileSync(pfx);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
