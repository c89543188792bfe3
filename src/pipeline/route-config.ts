/** Configuration of a route: which requests it takes, who may pass, and what the application receives. */
import { z } from 'zod';
import { duration, scope, size } from '../core/scalars.ts';
import { type CredentialFields, credentialProblems } from './credential-rules.ts';
import { headerNameProblem, parseHeaderTemplate } from './header-template.ts';
import { parseRoutePattern } from './route-pattern.ts';
import { upstreamTokenSchema } from './upstream-token-config.ts';

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
      .optional()
      .describe(
        'Who may pass: everybody, or whoever brings a credential of `authenticate`. There is no default: every route says `access` or `authenticate`.',
      ),
    authenticate: z
      .array(z.enum(['session', 'bearer', 'api-key']))
      .min(1, 'is empty')
      .refine((kinds) => new Set(kinds).size === kinds.length, 'names one kind twice')
      .optional()
      .describe(
        'Which credentials the route takes: the session of a signed-in person, a bearer token, an API key. `[session]` where only `access: signed-in` is said. Two of them on one request are answered with 400.',
      ),
    api: z.string().min(1).optional().describe('Which of the `apis` checks bearer tokens.'),
    apiKeys: z
      .array(z.string().min(1))
      .min(1, 'is empty')
      .optional()
      .describe('Which of the `apiKeys` may pass; without it, every one.'),
    scopes: z
      .array(scope())
      .default([])
      .describe('Scopes that must have been granted, all of them: to the session, the token or the key.'),
    acrValues: z
      .array(scope())
      .default([])
      .describe(
        'Authentication context classes, one of which a bearer token must have been issued in (`acr`, RFC 9470).',
      ),
    maxAge: duration()
      .optional()
      .describe('How long ago the person behind a bearer token may have signed in (`auth_time`, RFC 9470).'),
    onAnonymous: z
      .enum(['login', 'unauthorized', 'forbidden', 'not-found'])
      .default('login')
      .describe(
        'What somebody without a session gets: `login` redirects a navigation to the sign-in and answers 401 to everything else; the others always answer 401, 403 or 404.',
      ),
    upstreamToken: upstreamTokenSchema
      .default('none')
      .describe(
        "Which token the application receives in `Authorization`. `access`, `id`: that of the session. `pass`: the caller's own bearer token. `client`: one of the gate itself, by client credentials. `exchange`: one that the provider gives for the caller's. `assertion`: one that the gate signs.",
      ),
    retryUnauthorized: z
      .boolean()
      .default(false)
      .describe(
        'Whether a 401 of the application makes the gate renew the token once and send a request that can be repeated (GET, HEAD or OPTIONS without a body) once more.',
      ),
    csrf: z
      .enum(['fetch-metadata', 'header'])
      .default('fetch-metadata')
      .describe(
        'How requests that change something are protected: `fetch-metadata` refuses those from other sites, `header` asks for `X-CSRF: 1` as well.',
      ),
    requestHeaders: requestHeadersSchema
      .default({})
      .describe(
        'Headers for the application, with `{claims.name}`, `{claims["a name"]}` and `{params.name}` in the values. A list of claims is JSON, or joined by one to four punctuation marks: `{claims.groups join ","}`, where each member is percent-encoded so that the list can be taken apart again. A claim that is absent, or a joined list that is empty, gives no header. What the client sends under these names is removed.',
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
    readonly requestHeaders: Readonly<Record<string, string>>;
  } & CredentialFields,
  context: z.core.$RefinementCtx,
): void {
  for (const { path, message } of credentialProblems(route)) {
    context.addIssue({ code: 'custom', path: [...path], message });
  }
  const assertionHeader = assertionHeaderOf(route.upstreamToken);
  const pattern = parseRoutePattern(route.path);
  const params = pattern.ok ? pattern.pattern.params : [];
  for (const [name, value] of Object.entries(route.requestHeaders)) {
    if (name.toLowerCase() === assertionHeader) {
      const message = 'is the header of the assertion: an application could take one for the other';
      context.addIssue({ code: 'custom', path: ['requestHeaders', name], message });
    }
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

function assertionHeaderOf(token: CredentialFields['upstreamToken']): string | null {
  return typeof token === 'object' && 'assertion' in token ? token.assertion.header.toLowerCase() : null;
}
