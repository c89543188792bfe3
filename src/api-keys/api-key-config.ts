/** The `apiKeys` section: machines that cannot do OAuth, each with a key of its own that is kept as a hash. */
import { z } from 'zod';
import { scope } from '../core/scalars.ts';
import { parseKeyHash } from './key-hash.ts';
import { keyName } from './key-text.ts';

const hash = () =>
  z
    .string()
    .meta({ kind: 'secret' })
    .transform((text, context) => {
      const parsed = parseKeyHash(text);
      if (parsed !== null) return parsed;
      context.addIssue({
        code: 'custom',
        message: 'is not the hash of a key: `sallyport api-keys create` prints one',
      });
      return z.NEVER;
    });

const expires = () =>
  z.string().transform((text, context) => {
    const time = parseExpiry(text);
    if (time !== null) return time;
    context.addIssue({
      code: 'custom',
      message: 'is not a date: write 2030-01-31, or 2030-01-31T12:00:00Z with an offset',
    });
    return z.NEVER;
  });

/** Unix time in milliseconds; a date alone is its first moment in UTC. Null when it is no date of the calendar. */
export function parseExpiry(text: string): number | null {
  const isDate = z.iso.date().safeParse(text).success;
  return isDate || z.iso.datetime({ offset: true }).safeParse(text).success ? Date.parse(text) : null;
}

const claim = z.union([z.string(), z.number(), z.boolean(), z.array(z.string()).readonly()]);

const keySchema = z.strictObject({
  hash: hash().describe('The hash of the key, as `sallyport api-keys create` prints it.'),
  scopes: z
    .array(scope())
    .max(100)
    .readonly()
    .default([])
    .describe('What it is granted, for the `scopes` of routes.'),
  expires: expires()
    .nullable()
    .default(null)
    .describe('From when on it is refused, as 2030-01-31 (in UTC) or 2030-01-31T12:00:00Z; null: never.'),
  claims: z
    .record(z.string(), claim)
    .refine((claims) => !Object.hasOwn(claims, 'sub'), {
      path: ['sub'],
      message: 'is the name of the key and cannot be set',
    })
    .default({})
    .describe('Claims for `requestHeaders`, besides `sub`, which is the name of the key.'),
});

/** Those that the gate reads itself, or that say how the request is framed: a key in one of them could never work. */
const reservedHeaders = new Set([
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'cookie',
  'dpop',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'origin',
  'proxy-authorization',
  'referer',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-csrf',
  'x-real-ip',
]);

const isReserved = (name: string) =>
  reservedHeaders.has(name) || /^(?:access-control-|sec-|x-forwarded-)/.test(name);

const header = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/, 'is not a header name: letters, digits and `-`')
    .refine((name) => !isReserved(name.toLowerCase()), 'is a header with a meaning of its own');

export const apiKeysSchema = z.strictObject({
  header: header()
    .default('X-Api-Key')
    .describe('The header in which a key comes. It reaches no application.'),
  keys: z
    .record(z.string().regex(keyName, 'must be letters, digits, `_` and `-`, at most 64'), keySchema)
    .refine((keys) => Object.keys(keys).length <= 1000, 'holds more than 1000 keys')
    .default({})
    .describe('The keys by name. The name stands in the key and in logs.'),
});

export type ApiKeysConfig = z.output<typeof apiKeysSchema>;
