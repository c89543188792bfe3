/** Configuration of the Redis store: where it is, how one gets in, and how long one waits. */
import { z } from 'zod';
import { address, certificates, duration, secret } from '../core/scalars.ts';
import { parseRedisUrl } from './redis/redis-url.ts';

const nodes = () => z.array(address()).min(1, 'is empty: name at least one node').max(64);

const sentinelSchema = z.strictObject({
  master: z.string().min(1).max(128).describe('Name of the master in the configuration of the sentinels.'),
  nodes: nodes().describe(
    'The sentinels, each as `host:port`; those that answer are asked who the master is.',
  ),
  username: z
    .string()
    .min(1)
    .optional()
    .describe('User at the sentinels, when they have a user of their own.'),
  password: secret().optional().describe('Password at the sentinels, when they ask for one.'),
});

const clusterSchema = z.strictObject({
  nodes: nodes().describe(
    'Some nodes of the cluster, each as `host:port`; the others are found through them.',
  ),
});

const tlsSchema = z.strictObject({
  ca: certificates()
    .optional()
    .describe(
      'PEM certificates that sign those of the servers, instead of the ones that the runtime trusts.',
    ),
  certificate: certificates()
    .optional()
    .describe('PEM certificate that this gate shows, for servers that ask for one.'),
  key: secret().optional().describe('PEM private key of `certificate`.'),
  serverName: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Name that the certificate of the servers must have, when it is not the one they are reached by.',
    ),
});

/** Within what one person would call a wait, so that a typing error neither refuses everything nor hangs requests. */
const wait = (text: string) =>
  duration()
    .refine((value) => value >= 10 && value <= 60_000, 'is not a sensible time to wait: write 10ms to 60s')
    .prefault(text);

export const redisSchema = z
  .strictObject({
    url: secret()
      .optional()
      .describe(
        'One server: `redis://host:6379/0`, `rediss://…` for TLS, `unix:///path/to/socket`. A user and a password may stand in it.',
      ),
    sentinel: sentinelSchema
      .optional()
      .describe('A master and its replicas behind sentinels, instead of `url`.'),
    cluster: clusterSchema.optional().describe('A Redis Cluster, instead of `url`.'),
    username: z.string().min(1).optional().describe('ACL user at the servers; `default` when absent.'),
    password: secret().optional().describe('Password at the servers.'),
    tls: tlsSchema
      .optional()
      .describe('How TLS is spoken. With `sentinel` and `cluster` its presence, even empty, turns TLS on.'),
    prefix: z
      .string()
      .regex(
        /^[\x21-\x7e]{1,64}$/,
        'is not a prefix: write 1 to 64 printable ASCII characters without spaces',
      )
      .default('sallyport:')
      .describe('What all keys begin with, so that several gates and applications can share a server.'),
    timeout: wait('500ms').describe('How long a command may take. What takes longer is answered with 503.'),
    connectTimeout: wait('2s').describe('How long connecting, with TLS and signing in, may take.'),
  })
  .superRefine((config, context) => {
    for (const [path, message] of problemsOf(config))
      context.addIssue({ code: 'custom', path: [...path], message });
  });

export type RedisConfig = z.output<typeof redisSchema>;

type Problem = readonly [path: readonly string[], message: string];

function problemsOf(config: Omit<RedisConfig, 'prefix'>): Problem[] {
  const { url, sentinel, cluster, tls } = config;
  const problems: Problem[] = [];
  const places = [url, sentinel, cluster].filter((place) => place !== undefined).length;
  if (places === 0) {
    problems.push([[], 'does not say where Redis is: write `url`, `sentinel` or `cluster`']);
  } else if (places > 1) {
    problems.push([[], 'says in several ways where Redis is: keep one of `url`, `sentinel` and `cluster`']);
  }
  if (tls !== undefined && (tls.certificate === undefined) !== (tls.key === undefined)) {
    problems.push([
      ['tls'],
      'has half of a client certificate: write both `certificate` and `key`, or neither',
    ]);
  }
  if (config.username !== undefined && config.password === undefined) {
    problems.push([['username'], 'has no password beside it: write `password` too']);
  }
  if (url !== undefined) problems.push(...problemsOfUrl(url.reveal(), config));
  return problems;
}

/** Messages never quote the URL: a password may stand in it. */
function problemsOfUrl(text: string, config: Pick<RedisConfig, 'username' | 'password' | 'tls'>): Problem[] {
  const parsed = parseRedisUrl(text);
  if (typeof parsed === 'string') return [[['url'], parsed]];
  const problems: Problem[] = [];
  if (parsed.username !== null && config.username !== undefined) {
    problems.push([['username'], 'is in `url` too: keep one of them']);
  }
  if (parsed.password !== null && config.password !== undefined) {
    problems.push([['password'], 'is in `url` too: keep one of them']);
  }
  if (config.tls !== undefined && !parsed.tls) {
    problems.push([
      ['tls'],
      'has no effect on a `redis://` address: write `rediss://` in `url`, or take `tls` away',
    ]);
  }
  return problems;
}
