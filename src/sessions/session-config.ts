/** The `session` section of the configuration: where sessions live, how long, and the cookie that carries them. */
import { z } from 'zod';
import { duration } from '../core/scalars.ts';
import { keysSchema } from '../keys/key-config.ts';
import { redisSchema } from '../stores/redis-config.ts';

/** Chromium keeps no cookie longer (RFC 6265bis section 5.5); a session that outlives it would be a mistake. */
const longestSession = 400 * 86_400_000;

const cookieSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^(?!__)[A-Za-z0-9_-]{1,40}$/,
      'must be letters, digits, `_` and `-`, at most 40, and not begin with `__`',
    )
    .default('sallyport')
    .describe(
      'Name of the session cookie. On https it gets the `__Host-` prefix. Cookies that begin with it and `-`, `_` or `.` belong to the gate as well and never reach an application.',
    ),
  sameSite: z
    .enum(['lax', 'strict'])
    .default('lax')
    .describe(
      '`SameSite` of the session cookie. `strict`: links from other sites arrive signed out at first.',
    ),
});

const refreshSchema = z.strictObject({
  before: duration()
    .refine((value) => value >= 1000, 'must be at least 1s')
    .prefault('60s')
    .describe(
      'How long before its expiry an access token is renewed. A token that lives less than five times as long is renewed in the last fifth of its life.',
    ),
});

export const sessionSchema = z
  .strictObject({
    store: z
      .union([z.enum(['sqlite', 'memory', 'cookie']), z.strictObject({ redis: redisSchema })])
      .default('sqlite')
      .describe(
        '`sqlite`: a file in `dataDir`, for one machine. `{ redis: … }`: Redis or Valkey, for a fleet. `cookie`: the whole session, sealed, in cookies of the browser; no store at all. `memory`: one process, and a restart signs everybody out.',
      ),
    denyList: z
      .union([z.enum(['sqlite']), z.strictObject({ redis: redisSchema })])
      .optional()
      .describe(
        'With `store: cookie` only: where ended sessions are noted, so that a copy of their cookies is refused and logouts at the provider and by operators work. Without it a session ends with its cookies, and a copy lives on until `absoluteTimeout`.',
      ),
    maxPerPerson: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('Most sessions of one person at a time: with one more, the oldest ends. Absent: no limit.'),
    idleTimeout: duration()
      .refine((value) => value >= 1000, 'must be at least 1s')
      .prefault('30m')
      .describe('A session ends when it has not been used for so long.'),
    absoluteTimeout: duration()
      .refine((value) => value >= 1000, 'must be at least 1s')
      .refine((value) => value <= longestSession, 'must be at most 400d')
      .prefault('12h')
      .describe('A session ends so long after sign-in, however much it is used.'),
    cookie: cookieSchema.prefault({}).describe('The session cookie.'),
    keys: keysSchema
      .optional()
      .describe(
        'Keys that seal sessions: a list for everything, or `cookies` for what browsers hold and `tokens` for what the store holds. An entry may hold several, one a line or separated by commas. The first seals, all open; at most 16. Files are watched and `sallyport keys rotate` changes them in safe steps. Absent: `cookies.key` and `tokens.key` are made in `dataDir`.',
      ),
    refresh: refreshSchema.prefault({}).describe('When access tokens are renewed.'),
    cacheSize: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .describe('How many opened sessions are kept in memory; the others are read from the store when used.'),
  })
  .refine((session) => session.idleTimeout <= session.absoluteTimeout, {
    path: ['idleTimeout'],
    message: 'must not be longer than `absoluteTimeout`',
  });

/** Times are milliseconds. */
export type SessionConfig = z.output<typeof sessionSchema>;
