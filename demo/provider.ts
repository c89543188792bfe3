/** A real OpenID provider on loopback, with two people and a sign-in form: the demo and the bench sign in here. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { closeServer, listen, portOf } from './listen.ts';
import { loginPage, logoutPage, messagePage } from './provider-pages.ts';
import { loadProviderKeys, openProviderStorage, type ProviderKeys } from './provider-storage.ts';

export interface ProviderClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
}

export interface ProviderOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  /** Keys and records are kept here. */
  readonly dataDir: string;
  readonly clients: readonly ProviderClient[];
}

export interface RunningProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

const people: Readonly<Record<string, object>> = {
  alice: {
    name: 'Alice Arden',
    email: 'alice@example.com',
    email_verified: true,
    groups: ['staff', 'admins'],
  },
  bob: { name: 'Bob Birch', email: 'bob@example.com', email_verified: true, groups: ['staff'] },
};

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Starts the provider. Its issuer is `http://127.0.0.1:…`: another site than the gate's `localhost`, as in real life. */
export async function startProvider(options: ProviderOptions): Promise<RunningProvider> {
  let handle: Handler = async (_request, response) => void response.writeHead(503).end();
  const server = await listen(
    async (request, response) => {
      try {
        await handle(request, response);
      } catch {
        sendPage(response, 400, messagePage('Please start again', lost));
      }
    },
    options.port,
    '--provider-port',
  );
  const issuer = `http://127.0.0.1:${portOf(server)}`;
  const keys = loadProviderKeys(options.dataDir);
  const storage = openProviderStorage(options.dataDir);
  const provider = await withoutNotices(async () => {
    const { Provider } = await import('oidc-provider');
    return new Provider(issuer, providerConfiguration(options.clients, keys, storage.adapter));
  });
  const protocol = provider.callback();
  handle = (request, response) =>
    request.url?.startsWith('/interaction/')
      ? interact(provider, request, response)
      : protocol(request, response);
  return {
    issuer,
    async close() {
      await closeServer(server);
      storage.close();
    },
  };
}

const lost = 'This sign-in is over, or began in another browser. Go back to the application and try again.';

function providerConfiguration(clients: readonly ProviderClient[], keys: ProviderKeys, adapter: unknown) {
  return {
    adapter,
    jwks: keys.jwks,
    cookies: { keys: keys.cookieKeys },
    clients: clients.map((client) => ({
      client_id: client.clientId,
      client_secret: client.clientSecret,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: client.redirectUris,
      post_logout_redirect_uris: client.postLogoutRedirectUris,
    })),
    claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
    // Claims in the ID token as well as at userinfo, as most providers do.
    conformIdTokenClaims: false,
    features: {
      devInteractions: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_context: unknown, client: { clientId: string }, token: { clientId: string }) =>
          token.clientId === client.clientId,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context: { body: unknown }, form: string) => {
          context.body = logoutPage(form);
        },
        postLogoutSuccessSource: (context: { body: unknown }) => {
          context.body = messagePage('Signed out', 'You are signed out of Demo ID.');
        },
      },
    },
    renderError: (context: { type: string; body: unknown }, out: { error: string }) => {
      context.type = 'html';
      context.body = messagePage('That did not work', out.error);
    },
    interactions: {
      url: (_context: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}`,
    },
    findAccount: (_context: unknown, sub: string) => ({
      accountId: sub,
      claims: async () => ({ sub, ...people[sub] }),
    }),
    loadExistingGrant,
    // The application is the provider's own: it asks for no consent and always grants renewal, in rotation.
    issueRefreshToken: async () => true,
    expiresWithSession: async () => false,
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 900,
      IdToken: 900,
      RefreshToken: 86_400,
      Session: 86_400,
      Grant: 86_400,
      Interaction: 3600,
    },
  };
}

interface Grant {
  addOIDCScope(scope: string): void;
  save(): Promise<string>;
}

interface GrantContext {
  readonly oidc: {
    readonly client: { readonly clientId: string };
    readonly session: { readonly accountId: string; grantIdFor(clientId: string): string | undefined };
    readonly provider: {
      readonly Grant: {
        find(id: string): Promise<Grant | undefined>;
        new (of: { clientId: string; accountId: string }): Grant;
      };
    };
  };
}

/** Grants everything to a known client at once: the demo has no consent page. */
async function loadExistingGrant(context: GrantContext): Promise<Grant> {
  const { client, session, provider } = context.oidc;
  const existing = session.grantIdFor(client.clientId);
  const found = existing === undefined ? undefined : await provider.Grant.find(existing);
  if (found !== undefined) return found;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid profile email offline_access');
  await grant.save();
  return grant;
}

/** The sign-in form and its answer. Throws when there is no such sign-in in this browser. */
async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(request, response);
  const hint = interaction.params.login_hint;
  if (request.method !== 'POST') {
    return sendPage(response, 200, loginPage(interaction.uid, typeof hint === 'string' ? hint : '', null));
  }
  const login = (new URLSearchParams(await readBody(request)).get('login') ?? '').trim().toLowerCase();
  if (!Object.hasOwn(people, login)) {
    return sendPage(response, 200, loginPage(interaction.uid, login, 'There is only alice and bob here.'));
  }
  await provider.interactionFinished(request, response, { login: { accountId: login } });
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > 4096) throw new Error('form too large');
  }
  return text;
}

function sendPage(response: ServerResponse, status: number, html: string): void {
  response
    .writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    .end(html);
}

/** The provider greets a developer with notices on the console; the demo's reader has no use for them. */
async function withoutNotices<T>(make: () => Promise<T>): Promise<T> {
  const { info, warn } = console;
  console.info = () => {};
  console.warn = () => {};
  try {
    return await make();
  } finally {
    Object.assign(console, { info, warn });
  }
}
