/** Certificates for a Redis server and its client, made by openssl for one test: worth nothing outside it. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface RedisTls {
  /** PEM. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Certificate and key of another authority. */
  readonly stranger: { readonly certificate: string; readonly key: string };
  /** For `redis-server`, besides the port. */
  readonly serverArgs: readonly string[];
  /** For `redis-cli`. */
  readonly cliArgs: readonly string[];
}

export async function makeRedisTls(folder: string): Promise<RedisTls> {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => run('openssl', args, { env: { PATH: process.env.PATH ?? '' } });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.crt`),
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  const signed = async (name: string, by: string, alternative: string) => {
    await openssl(
      'req',
      ...newKey,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.csr`),
      '-subj',
      `/CN=${name}`,
    );
    writeFileSync(file(`${name}.ext`), `subjectAltName=${alternative}\n`);
    await openssl(
      ...['x509', '-req', '-in', file(`${name}.csr`), '-CA', file(`${by}.crt`), '-CAkey', file(`${by}.key`)],
      ...['-CAcreateserial', '-days', '2', '-extfile', file(`${name}.ext`), '-out', file(`${name}.crt`)],
    );
  };
  await Promise.all([authority('ca'), authority('other')]);
  await signed('server', 'ca', 'IP:127.0.0.1,DNS:localhost');
  await signed('client', 'ca', 'DNS:gate');
  await signed('stranger', 'other', 'DNS:gate');
  const text = (name: string) => readFileSync(file(name), 'utf8');
  return {
    ca: text('ca.crt'),
    certificate: text('client.crt'),
    key: text('client.key'),
    stranger: { certificate: text('stranger.crt'), key: text('stranger.key') },
    serverArgs: [
      ...['--tls-cert-file', file('server.crt'), '--tls-key-file', file('server.key')],
      ...['--tls-ca-cert-file', file('ca.crt'), '--tls-auth-clients', 'yes'],
    ],
    cliArgs: ['--tls', '--cacert', file('ca.crt'), '--cert', file('client.crt'), '--key', file('client.key')],
  };
}
