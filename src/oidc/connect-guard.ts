/**
 * Connects to a provider: resolves its name once, vets the addresses, and connects to a vetted address and to no
 * other, so that a second answer of the resolver (DNS rebinding) changes nothing.
 */
import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import { SallyportError } from '../core/errors.ts';
import { tlsSuites } from '../core/tls-suites.ts';
import { classifyAddress } from './address-policy.ts';
import type { ClientConfig } from './client-authentication-config.ts';

/** The network as the guard uses it; tests bring their own and nothing leaves loopback. */
export interface Network {
  /** Every address of `hostname`. */
  lookup(hostname: string): Promise<readonly string[]>;
  /** Opens a socket to `options.hostname`, which is an address. */
  readonly connect: buildConnector.connector;
}

/** A name with more addresses than this is tried no further. */
const maxAddresses = 4;

/** `certificate` is what the gate shows of itself to a server that asks (RFC 8705); null: nothing. */
export function createSystemNetwork(
  timeout: number,
  certificate: ClientConfig['clientCertificate'] | null = null,
): Network {
  const own = certificate == null ? {} : { cert: certificate.certificate, key: certificate.key.reveal() };
  return {
    lookup: async (hostname) =>
      (await lookup(hostname, { all: true, order: 'verbatim' })).map((entry) => entry.address),
    // Said out loud because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would otherwise switch it off (RP-154).
    connect: buildConnector({
      timeout,
      allowH2: false,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ciphers: tlsSuites,
      ...own,
    }),
  };
}

/** `mayBeInward` says which hosts (host:port) may live at loopback and private addresses. */
export function createConnectGuard(
  network: Network,
  mayBeInward: (hostname: string, port: string) => boolean,
): buildConnector.connector {
  return (options, callback) => {
    connectVetted(network, mayBeInward, options).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}

async function connectVetted(
  network: Network,
  mayBeInward: (hostname: string, port: string) => boolean,
  options: buildConnector.Options,
): Promise<Socket> {
  const hostname = options.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(hostname) === 0 ? await network.lookup(hostname) : [hostname];
  const port = options.port === '' ? (options.protocol === 'https:' ? '443' : '80') : options.port;
  const inwardIsFine = mayBeInward(options.hostname, port);
  const vetted = addresses.filter((address) => {
    const kind = classifyAddress(address);
    return kind === 'public' || (kind === 'inward' && inwardIsFine);
  });
  if (vetted.length === 0) {
    throw new SallyportError(
      'ERR_PROVIDER_UNAVAILABLE',
      'the provider is at an address that is not allowed',
      {
        detail: 'address-refused',
      },
    );
  }
  return connectFirst(network, options, vetted.slice(0, maxAddresses));
}

async function connectFirst(
  network: Network,
  options: buildConnector.Options,
  addresses: readonly string[],
): Promise<Socket> {
  let failure: unknown;
  for (const address of addresses) {
    try {
      return await connectTo(network, options, address);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function connectTo(network: Network, options: buildConnector.Options, address: string): Promise<Socket> {
  const name = options.hostname.replace(/^\[|\]$/g, '');
  const servername = options.servername ?? (isIP(name) === 0 ? name : undefined);
  return new Promise((resolve, reject) => {
    network.connect(
      { ...options, hostname: address, ...(servername === undefined ? {} : { servername }) },
      (error, socket) => (error === null ? resolve(socket) : reject(error)),
    );
  });
}
