/** The whole configuration, composed of what each folder says about its own section. */
import { z } from 'zod';
import { adminSchema } from '../admin/admin-config.ts';
import { apiKeysSchema } from '../api-keys/api-key-config.ts';
import { apiSchema } from '../apis/api-config.ts';
import { listenSchema } from '../doors/listen-config.ts';
import { endpointsSchema } from '../endpoints/endpoints-config.ts';
import { logSchema } from '../observe/log-config.ts';
import { providerSchema } from '../oidc/provider-config.ts';
import { routesSchema } from '../pipeline/route-config.ts';
import { sessionSchema } from '../sessions/session-config.ts';
import { assertionsSchema } from '../upstream-tokens/assertion-config.ts';
import { clusterSchema } from '../upstreams/cluster-config.ts';
import { publicUrlSchema } from './public-url.ts';

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be letters, digits, `_` and `-`, at most 64');

export const configSchema = z.strictObject({
  publicUrl: publicUrlSchema.describe(
    'The origin under which browsers reach the gate: scheme, host and port. Redirect URIs and cookies are made from it, never from the `Host` header. `https`, or `http` on loopback.',
  ),
  dangerouslyAllowHttpPublicUrl: z
    .boolean()
    .default(false)
    .describe(
      'Allows `http` in `publicUrl` beyond loopback. Everybody on the way can then take over sessions.',
    ),
  listen: listenSchema.prefault({}).describe('The public listener.'),
  dataDir: z
    .string()
    .min(1)
    .default('./data')
    .describe('Where the session database and generated keys are kept. Relative to the configuration file.'),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(256)])
    .default(1)
    .describe(
      'How many processes serve on this machine, on one port. `auto`: one for each processor that this process may use.',
    ),
  fleet: z
    .boolean()
    .default(false)
    .describe(
      'Says that this gate is one of several behind a load balancer: whatever only works on one machine is refused then.',
    ),
  admin: adminSchema.optional().describe('The listener for operators; without it, there is none.'),
  providers: z
    .record(name, providerSchema)
    .default({})
    .describe(
      'The OpenID provider that people sign in at, by name: exactly one when a route takes sessions.',
    ),
  apis: z
    .record(name, apiSchema)
    .default({})
    .describe('Resource servers that the gate speaks for: whose bearer tokens are taken, and which.'),
  apiKeys: apiKeysSchema.prefault({}).describe('Keys for machines that cannot do OAuth.'),
  assertions: assertionsSchema
    .prefault({})
    .describe('How the gate signs assertions for applications (`upstreamToken: { assertion: … }`).'),
  session: sessionSchema.prefault({}).describe('Sessions: where they live, how long, and their cookie.'),
  endpoints: endpointsSchema.prefault({}).describe("The gate's own endpoints."),
  clusters: z.record(name, clusterSchema).describe('The applications behind the gate, by name.'),
  routes: routesSchema.describe(
    'Which requests go where, and who may pass. The most specific path decides: a literal segment goes before `*` and `:name`, and both before `/**`. What no route matches is answered with 404.',
  ),
  log: logSchema.prefault({}).describe('The log on standard output.'),
});

/** Validated, with every default filled in, immutable. Times are milliseconds, sizes bytes, `dataDir` absolute. */
export type Config = z.output<typeof configSchema>;
