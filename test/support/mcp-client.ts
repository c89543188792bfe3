/** A client of the official MCP SDK for one person: finds its way to a token by what the server and the provider tell it. */
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { signInAt } from './sign-in-at.ts';

/** Nothing listens there: the walk of the browser ends when it is sent back. */
const redirectUrl = 'http://127.0.0.1:9/callback';

export interface McpAccountOptions {
  /** Who signs in. */
  readonly login: string;
  /** A client that is registered already. */
  readonly clientId?: string;
  /** Throws refresh tokens away. */
  readonly forgetsRefreshTokens?: boolean;
}

/** What a client keeps for one person and one server, in the open for tests. */
export interface McpAccount extends OAuthClientProvider {
  readonly seen: {
    information: OAuthClientInformationMixed | undefined;
    tokens: OAuthTokens | undefined;
    /** How often tokens were stored. */
    renewals: number;
    /** Where the person was sent to sign in. */
    readonly authorizations: URL[];
  };
  /** The code with which the provider answers the last authorization request. */
  signIn(): Promise<string>;
}

export const publicMcpClient = (clientId: string) => ({
  clientId,
  redirectUris: [redirectUrl],
  metadata: { application_type: 'native' },
});

export function createMcpAccount({ login, ...options }: McpAccountOptions): McpAccount {
  const seen: McpAccount['seen'] = {
    information: options.clientId === undefined ? undefined : { client_id: options.clientId },
    tokens: undefined,
    renewals: 0,
    authorizations: [],
  };
  let verifier = '';
  const clientMetadata: OAuthClientMetadata = {
    client_name: 'A test client',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  return {
    seen,
    redirectUrl,
    clientMetadata,
    clientInformation: () => seen.information,
    saveClientInformation(information) {
      seen.information = information;
    },
    tokens: () => seen.tokens,
    saveTokens({ refresh_token, ...tokens }) {
      const keeps = refresh_token !== undefined && options.forgetsRefreshTokens !== true;
      seen.tokens = keeps ? { ...tokens, refresh_token } : tokens;
      seen.renewals += 1;
    },
    redirectToAuthorization: (url) => void seen.authorizations.push(url),
    saveCodeVerifier(value) {
      verifier = value;
    },
    codeVerifier: () => verifier,
    async signIn() {
      const url = seen.authorizations.at(-1);
      if (url === undefined) throw new Error('nobody was asked to sign in');
      const back = await signInAt(url.href, { login, clientUrl: redirectUrl });
      const code = back.searchParams.get('code');
      if (code === null) throw new Error(`the provider answered ${back.search}`);
      return code;
    },
  };
}

export interface McpConnection {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
}

/** Not connected yet, so that handlers can be put in place. */
export function createMcpConnection(url: string, account: OAuthClientProvider): McpConnection {
  return {
    client: new Client({ name: 'test', version: '1.0.0' }),
    transport: new StreamableHTTPClientTransport(new URL(url), { authProvider: account }),
  };
}

/** The SDK's own types do not fit each other under `exactOptionalPropertyTypes`. */
export const connect = ({ client, transport }: McpConnection) => client.connect(transport as Transport);

/** Connects; when the person has to sign in first, does that and connects again. */
export async function connectAs(url: string, account: McpAccount): Promise<McpConnection> {
  const first = createMcpConnection(url, account);
  const before = account.seen.authorizations.length;
  try {
    await connect(first);
    return first;
  } catch (error) {
    if (account.seen.authorizations.length === before) throw error;
  }
  await first.transport.finishAuth(await account.signIn());
  await first.client.close();
  const second = createMcpConnection(url, account);
  await connect(second);
  return second;
}
