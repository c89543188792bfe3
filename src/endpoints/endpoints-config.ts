/** Configuration of the gate's own endpoints: where they are, where a login may lead back to, what `me` tells. */
import { z } from 'zod';

/** A path on our own origin that no browser and no application can read as another one. */
const ownPath = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

/** An origin, or `https://*.example.com` for exactly one label in front; never a path, a query or user information. */
const allowedOrigin =
  /^(?:https:\/\/(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?)$/;

/** One slash, then nothing that a URL parser turns into another origin (RD-010 to RD-014). */
const localTarget = /^\/(?![/\\])(?!.*\/\/)(?!.*\/\.{1,2}(?:[/?#]|$))[\x21-\x5b\x5d-\x7e]*$/;

const endpointPath = (fallback: string, what: string) =>
  z
    .string()
    .refine((path) => ownPath.test(path.startsWith('/') ? path : `/${path}`), {
      message: 'is not a path: write a name below the prefix (`login`) or a whole path (`/oauth/login`)',
    })
    .default(fallback)
    .describe(`${what} A name below the prefix, or a whole path that begins with \`/\`.`);

export const endpointsSchema = z
  .strictObject({
    prefix: z
      .string()
      .regex(ownPath, 'is not a path prefix: write it as `/.auth`, without a slash at the end')
      .default('/.auth')
      .describe('Where the own endpoints are. Nothing below the prefix ever reaches an application.'),
    paths: z
      .strictObject({
        login: endpointPath('login', 'Starts a sign-in (GET).'),
        callback: endpointPath(
          'callback',
          'Where the provider sends the browser back to: the redirect URI (GET, POST).',
        ),
        me: endpointPath('me', 'Who is signed in, as JSON (GET).'),
        logout: endpointPath('logout', 'Ends the session (POST; GET shows a page that posts).'),
        signedOut: endpointPath('signed-out', 'Where a sign-out ends (GET).'),
        sessions: endpointPath(
          'sessions',
          'Where people see their own sessions and end them (GET page or JSON, POST).',
        ),
        backchannelLogout: endpointPath(
          'backchannel-logout',
          'Where the provider posts logout tokens to: the back-channel logout URI (POST).',
        ),
        frontchannelLogout: endpointPath(
          'frontchannel-logout',
          'What the provider shows in a frame to sign out here: the front-channel logout URI (GET).',
        ),
        jwks: endpointPath(
          'jwks.json',
          'The public keys of assertions for applications (GET); there when a route sends assertions.',
        ),
      })
      .prefault({})
      .describe('The path of each endpoint.'),
    returnTo: z
      .strictObject({
        default: z
          .string()
          .regex(localTarget, 'is not a local path: write one that begins with a single `/`')
          .default('/')
          .describe('Where a login or logout leads when it names no target, or one that is refused.'),
        allow: z
          .array(
            z
              .string()
              .regex(
                allowedOrigin,
                'is not an origin: write `https://app.example.com`, `https://*.example.com` (one label) or a loopback `http://localhost:3000`, without a path',
              ),
          )
          .default([])
          .describe(
            'Other origins that `returnTo` may name, besides paths on our own. `*.` stands for exactly one label; a port other than the default is written.',
          ),
      })
      .prefault({})
      .describe('Where a login may lead back to.'),
    me: z
      .strictObject({
        claims: z
          .array(z.string().min(1))
          .default([
            'sub',
            'name',
            'given_name',
            'family_name',
            'preferred_username',
            'email',
            'email_verified',
            'picture',
            'locale',
          ])
          .describe('The claims that the browser may see in the answer of `me`.'),
      })
      .prefault({})
      .describe('What `me` tells.'),
  })
  .transform((endpoints) => ({ ...endpoints, paths: absolutePaths(endpoints.prefix, endpoints.paths) }));

/** `paths` are absolute here (`/.auth/login`). */
export type EndpointsConfig = z.output<typeof endpointsSchema>;

/** The absolute path of each endpoint. */
export interface EndpointPaths {
  readonly login: string;
  readonly callback: string;
  readonly me: string;
  readonly logout: string;
  readonly signedOut: string;
  readonly sessions: string;
  readonly backchannelLogout: string;
  readonly frontchannelLogout: string;
  readonly jwks: string;
}

function absolutePaths(prefix: string, paths: EndpointPaths): EndpointPaths {
  const absolute = (path: string) => (path.startsWith('/') ? path : `${prefix}/${path}`);
  return {
    login: absolute(paths.login),
    callback: absolute(paths.callback),
    me: absolute(paths.me),
    logout: absolute(paths.logout),
    signedOut: absolute(paths.signedOut),
    sessions: absolute(paths.sessions),
    backchannelLogout: absolute(paths.backchannelLogout),
    frontchannelLogout: absolute(paths.frontchannelLogout),
    jwks: absolute(paths.jwks),
  };
}
