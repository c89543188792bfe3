/** Configuration of a route: which requests it takes, who may pass, and what the application receives. */
import { z } from 'zod';
import { size } from '../core/scalars.ts';
import { headerNameProblem, parseHeaderTemplate } from './header-template.ts';
import { parseRoutePattern } from './route-pattern.ts';

const pathSchema = z.string().superRefine((path, context) => {
  const result = parseRoutePattern(path);
  if (result.ok) return;
  context.addIssue({ code: 'custom', message: result.reason, params: { suggestion: result.suggestion } });
});

const methodSchema = z.string().superRefine((method, context) => {
  if (/^[A-Z][A-Z-]{0,31}$/.test(method) && method !== 'CONNECT' && method !== 'TRACE') return;
  const upper = method.toUpperCase();
  context.addIssue({
    code: 'custom',
    message: 'is not a method that a route can take',
    params: { suggestion: /^[A-Z]+$/.test(upper) && upper !== method ? upper : null },
  });
});

const requestHeadersSchema = z.record(z.string(), z.string()).superRefine((headers, context) => {
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const template = parseHeaderTemplate(name, value);
    const twice = seen.has(name.toLowerCase())
      ? 'is there twice: case makes no difference in header names'
      : null;
    const reason = headerNameProblem(name) ?? twice ?? (template.ok ? null : template.reason);
    if (reason !== null) context.addIssue({ code: 'custom', message: reason, path: [name] });
    seen.add(name.toLowerCase());
  }
});

const routeSchema = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
        'is not a name: letters, digits, `.`, `_` and `-`, at most 64',
      )
      .optional()
      .describe('Names the route in logs and metrics; without it, the path does.'),
    path: pathSchema.describe(
      'Which paths: literal segments, `*` for one segment, `:name` for one captured segment, and `/**` at the end for the prefix itself and everything below. A spelling that an application could take for a path with stricter rules (other case, `;`, needless encoding, a dot or slash at the end) is answered with 400.',
    ),
    methods: z
      .array(methodSchema)
      .min(1)
      .optional()
      .describe('Which methods; without it, every method. HEAD follows GET.'),
    cluster: z.string().min(1).describe('The cluster that requests go to.'),
    access: z
      .enum(['public', 'signed-in'])
      .describe('Who may pass: everybody, or people with a session. There is no default.'),
    onAnonymous: z
      .enum(['login', 'unauthorized', 'forbidden', 'not-found'])
      .default('login')
      .describe(
        'What somebody without a session gets: `login` redirects a navigation to the sign-in and answers 401 to everything else; the others always answer 401, 403 or 404.',
      ),
    upstreamToken: z
      .enum(['none', 'access', 'id'])
      .default('none')
      .describe("Which of the session's tokens the application receives as `Authorization: Bearer`."),
    csrf: z
      .enum(['fetch-metadata', 'header'])
      .default('fetch-metadata')
      .describe(
        'How requests that change something are protected: `fetch-metadata` refuses those from other sites, `header` asks for `X-CSRF: 1` as well.',
      ),
    requestHeaders: requestHeadersSchema
      .default({})
      .describe(
        'Headers for the application, with `{claims.name}`, `{claims["a name"]}` and `{params.name}` in the values. What the client sends under these names is removed.',
      ),
    passAuthorization: z
      .boolean()
      .default(false)
      .describe("Whether the client's own `Authorization` header reaches the application."),
    bodyLimit: size()
      .optional()
      .describe("The largest request body, as `10MiB`; without it, the listener's limit."),
  })
  .superRefine(checkRoute);

export const routesSchema = z.array(routeSchema).min(1);

export type RouteConfig = z.output<typeof routeSchema>;

/** What no field can tell alone. */
function checkRoute(
  route: {
    readonly path: string;
    readonly upstreamToken: string;
    readonly passAuthorization: boolean;
    readonly requestHeaders: Readonly<Record<string, string>>;
  },
  context: z.core.$RefinementCtx,
): void {
  if (route.passAuthorization && route.upstreamToken !== 'none') {
    context.addIssue({
      code: 'custom',
      path: ['passAuthorization'],
      message: 'cannot be on together with `upstreamToken`: both write `Authorization`',
    });
  }
  const pattern = parseRoutePattern(route.path);
  const params = pattern.ok ? pattern.pattern.params : [];
  for (const [name, value] of Object.entries(route.requestHeaders)) {
    const parsed = parseHeaderTemplate(name, value);
    for (const hole of parsed.ok ? parsed.template.holes : []) {
      const param = hole.path[0] as string;
      if (hole.source === 'claims' || params.includes(param)) continue;
      context.addIssue({
        code: 'custom',
        path: ['requestHeaders', name],
        message: `names \`${param}\`, which the path does not capture`,
      });
    }
  }
}
