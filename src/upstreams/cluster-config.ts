/** Configuration of a cluster: where an application runs, and how much of it may be used at once. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { certificates, duration, size } from '../core/scalars.ts';

/** One address of an application, compiled. */
export interface TargetAddress {
  /** `http://127.0.0.1:3000`: scheme, host and port, without a path. */
  readonly origin: string;
  /** Host and port as they go into `Host`. */
  readonly host: string;
  /** Name for TLS (RFC 6066), or null for plain http and for addresses. */
  readonly serverName: string | null;
  /** `''` or a path that begins with `/` and does not end with one. */
  readonly basePath: string;
}

const target = () =>
  z.string().transform((text, context): TargetAddress => {
    const address = parseTarget(text);
    if (typeof address !== 'string') return address;
    context.addIssue({ code: 'custom', message: address });
    return z.NEVER;
  });

/** The target, or the reason why it is none. */
function parseTarget(text: string): TargetAddress | string {
  if (!URL.canParse(text)) return 'is not a URL: write a scheme and a host, as http://127.0.0.1:3000';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'is neither http nor https';
  if (url.username !== '' || url.password !== '') return 'holds a user name or a password';
  if (text.includes('\\')) return 'has a backslash';
  if (/[?#]/.test(text)) return 'has a query or a fragment: a target is an origin and, at most, a base path';
  // The path as it was written: `new URL` has resolved dot segments by now, which would hide a mistake.
  const basePath = /^https?:\/\/[^/\\]*(\/.*)?$/i.exec(text)?.[1]?.replace(/\/+$/, '') ?? '';
  if (!/^(?:\/(?!\.{1,2}(?:\/|$))[\w.~!$&'()*+,;=:@-]+)*$/.test(basePath)) {
    return 'has a base path that is not plain: no empty or dot segments and no percent-encoding';
  }
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const serverName = url.protocol === 'https:' && isIP(name) === 0 ? name : null;
  return { origin: url.origin, host: url.host, serverName, basePath };
}

const timeoutsSchema = z.strictObject({
  connect: duration().default(5_000).describe('To establish a connection, TLS included. Then 504.'),
  responseHead: duration()
    .default(30_000)
    .describe('From the request being sent to the response head being complete. Then 504.'),
  idle: duration()
    .default(300_000)
    .describe('Longest pause within a response body, event streams included. Then the connection is broken.'),
  upgraded: duration()
    .default(600_000)
    .describe('Longest silence on an upgraded connection (WebSocket), both directions together.'),
  queue: duration()
    .default(10_000)
    .describe('Longest wait for one of the `connections` to become free. Then 503.'),
  total: duration()
    .nullable()
    .default(null)
    .describe('For the whole exchange, streams included; null sets no limit.'),
  keepAlive: duration()
    .default(4_000)
    .describe('How long an unused connection is kept. Keep it shorter than the application keeps it.'),
});

const limitsSchema = z.strictObject({
  responseHead: size()
    .default(16_384)
    .describe('Largest response head: names and values together. Then 502.'),
});

const tlsSchema = z.strictObject({
  ca: certificates()
    .nullable()
    .default(null)
    .describe(
      'PEM certificates that sign those of the targets, instead of the ones that the runtime trusts.',
    ),
});

export const clusterSchema = z
  .strictObject({
    targets: z
      .array(target())
      .min(1, 'is empty')
      .max(64, 'has more than 64 targets')
      .describe('Where the application runs: `http` or `https` origins, each with an optional base path.'),
    connections: z
      .int()
      .min(1)
      .max(10_000)
      .default(256)
      .describe('Most connections to one target, upgraded ones apart.'),
    queue: z
      .int()
      .min(0)
      .max(100_000)
      .default(1_024)
      .describe('Most requests that wait for a connection to one target. Then 503.'),
    host: z
      .enum(['target', 'preserve'])
      .default('target')
      .describe('`Host` for the application: that of the target, or the one that the client named.'),
    audiences: z
      .array(z.string().min(1, 'is empty').max(2_048))
      .max(64, 'has more than 64 audiences')
      .default([])
      .describe(
        'What the application goes by in tokens (`aud`): when set, tokens that are not for one of them are not sent.',
      ),
    retryTargetAfter: duration()
      .default(5_000)
      .describe('How long a target that refused a connection is left out while another one is there.'),
    timeouts: timeoutsSchema.prefault({}).describe('How long to wait for the application.'),
    limits: limitsSchema.prefault({}).describe('How much to take from the application.'),
    tls: tlsSchema.prefault({}).describe('How `https` targets are checked.'),
  })
  .superRefine((cluster, context) => {
    cluster.targets.forEach((one, index) => {
      if (cluster.host !== 'preserve' || one.serverName !== null || one.origin.startsWith('http:')) return;
      context.addIssue({
        code: 'custom',
        path: ['targets', index],
        message: 'is an https address without a name, which cannot be combined with `host: preserve`',
      });
    });
  });

export type ClusterConfig = z.output<typeof clusterSchema>;
