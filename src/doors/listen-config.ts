/** The `listen` section: where the public listener is, whom it believes, and what it refuses to wait for or to hold. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { formatAddress } from '../core/format-address.ts';
import { address, duration, size } from '../core/scalars.ts';
import { hasOwnMeaning } from './header-rules.ts';
import { tlsListenSchema } from './tls-config.ts';

/** `10.0.0.0/8`, `fd00::/8` or a single address. */
const network = () =>
  z.string().refine(isNetwork, 'is not a network: write an address or a CIDR, as 10.0.0.0/8');

/** HTTP itself and TLS are not left to an application: what follows would pass every check of ours by. */
const upgrade = () =>
  z
    .string()
    .regex(
      /^[a-z0-9!#$%&'*+.^_`|~-]+(?:\/[a-z0-9!#$%&'*+.^_`|~-]+)?$/,
      'is not a protocol in lower case, as `websocket`',
    )
    .refine(
      (protocol) => !/^(?:h2c?|https?|tls|connect-udp|connect-ip)(?:\/|$)/.test(protocol),
      'cannot be let through',
    );

const count = (least: number) => z.int().min(least);

const limitsSchema = z.strictObject({
  head: size().default(16_384).describe('Largest request head (request line and headers); more is 431.'),
  headers: count(1).default(100).describe('Most header fields of a request; more is 431.'),
  url: size().default(8192).describe('Longest request target; longer is 414.'),
  body: size()
    .default(1024 ** 3)
    .describe('Largest request body; a route may set its own `bodyLimit`. More is 413.'),
  bodyRate: size()
    .default(512)
    .describe(
      'Slowest request body per second, while the gate waits for the client; slower is 408. `0B`: no limit.',
    ),
  connections: count(1).default(10_000).describe('Most connections at a time; further ones are closed.'),
  requestsPerConnection: count(1)
    .default(1000)
    .describe('Requests after which a connection is closed, so that load spreads.'),
  pipelined: count(1)
    .default(32)
    .describe('Most requests of one connection that wait for their answers at a time.'),
});

const timeoutsSchema = z
  .strictObject({
    head: duration().default(15_000).describe('Until a request head is complete; then 408.'),
    body: duration()
      .default(30_000)
      .describe('Longest pause within a request body while the gate waits for the client; then 408.'),
    keepAlive: duration()
      .default(65_000)
      .describe(
        'How long an idle connection is kept. More than the idle timeout of a load balancer in front.',
      ),
    stall: duration()
      .default(30_000)
      .describe('How long a client may leave an answer unread; then the connection is closed.'),
    drain: duration().default(30_000).describe('How long a shutdown waits for what runs.'),
    notice: duration()
      .default(0)
      .describe(
        'How long a shutdown still takes new connections while `/readyz` is 503 already, as a part of `drain`. Behind a load balancer that asks `/readyz`: more than the interval of its questions.',
      ),
  })
  .refine(({ notice, drain }) => notice === 0 || notice < drain, {
    path: ['notice'],
    message: 'must be shorter than `drain`, of which it is a part',
  });

const clientCertificateHeaderSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'is not a name of a header: write letters, digits and `-`')
    .transform((name) => name.toLowerCase())
    .refine((name) => !hasOwnMeaning(name), 'has a meaning of its own')
    .describe('Header of the certificate, as `Client-Cert`. From anybody else it is dropped.'),
  format: z
    .enum(['rfc9440', 'pem-urlencoded'])
    .describe(
      '`rfc9440`: the DER as `:base64:`. `pem-urlencoded`: percent-encoded PEM, as `$ssl_client_escaped_cert` of nginx.',
    ),
});

export const listenSchema = z
  .strictObject({
    address: z
      .nullable(address())
      .prefault('127.0.0.1:8080')
      .describe('Address and port of the public listener; `null`: only `tls` listens.'),
    tls: tlsListenSchema
      .optional()
      .describe('A second listener that speaks TLS, beside or instead of the one at `address`.'),
    trustedProxies: z
      .array(network())
      .readonly()
      .default([])
      .describe(
        'Addresses of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Empty: nobody.',
      ),
    clientCertificateHeader: clientCertificateHeaderSchema
      .optional()
      .describe(
        'How a trusted proxy that ends TLS hands on the certificate of the client, to which tokens may be bound (RFC 8705).',
      ),
    hosts: z
      .array(
        z
          .string()
          .regex(/^(?:\*|(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)$/, 'is not a host or host:port'),
      )
      .readonly()
      .default([])
      .describe(
        'Hosts that are served besides the one of `publicUrl`; anything else is 421. `*`: all, for a gate without sessions.',
      ),
    upgrades: z
      .array(upgrade())
      .readonly()
      .default(['websocket'])
      .describe(
        'Protocols that a client may change to (`Upgrade`), in lower case. Others are served as plain requests.',
      ),
    limits: limitsSchema.prefault({}).describe('What the listener refuses to hold.'),
    timeouts: timeoutsSchema.prefault({}).describe('What the listener refuses to wait for.'),
  })
  .superRefine((listen, context) => {
    const issue = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (listen.address === null && listen.tls === undefined)
      issue(['address'], 'is `null` without `tls`: the gate would listen nowhere');
    if (listen.clientCertificateHeader !== undefined && listen.trustedProxies.length === 0)
      issue(['clientCertificateHeader'], 'needs `trustedProxies`: nobody would be believed');
    const { address, tls } = listen;
    if (
      address !== null &&
      tls !== undefined &&
      address.port !== 0 &&
      formatAddress(address) === formatAddress(tls.address)
    )
      issue(['tls', 'address'], 'is `listen.address` too: one port speaks either http or TLS');
  });

export type ListenConfig = z.output<typeof listenSchema>;

/** A `BlockList` of the networks, for membership alone: nobody is blocked by it. */
export function compileNetworks(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks) {
    const [host = '', prefix] = text.split('/');
    const family = isIPv4(host) ? 'ipv4' : 'ipv6';
    list.addSubnet(host, prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family);
  }
  return list;
}

function isNetwork(text: string): boolean {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  if (match === null) return false;
  const [, host = '', prefix] = match;
  if (isIPv4(host)) return prefix === undefined || Number(prefix) <= 32;
  return isIPv6(host) && !host.includes('%') && (prefix === undefined || Number(prefix) <= 128);
}
