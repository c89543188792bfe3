/** A fleet on one Redis in front of a certified provider that issues tokens for APIs, to machines and to people. */

import type { DpopSender } from '../../support/dpop-sender.ts';
import { freePort } from '../../support/free-port.ts';
import { type RealClient, type RealProvider, startRealProvider } from '../../support/real-provider.ts';
import { everyGrant, type RealApiOptions } from '../../support/real-provider-apis.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { createFleetClient, type FleetClient } from './client.ts';
import { type Fleet, type FleetSetup, startFleet } from './fleet.ts';

/** The API that the gates speak for; tokens of people and of machines are for it unless a test wants another one. */
export const front = 'https://front.test/api';
/** An application behind, which wants tokens of its own. */
export const orders = 'https://orders.test/api';

const resources: RealApiOptions['resources'] = {
  [front]: { scope: 'front', format: 'jwt' },
  [orders]: { scope: 'orders', format: 'jwt' },
};

/** Of every client of the provider. */
export const clientSecret = 'a-client-secret-of-a-fleet';

export interface ApiFleet {
  readonly redis: RedisServer;
  readonly provider: RealProvider;
  readonly fleet: Fleet;
  readonly client: FleetClient;
  close(): Promise<void>;
}

export interface ApiFleetSetup {
  /** Over `providers`, `apis` and what every fleet has. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Ids of clients with tokens of their own. */
  readonly machines?: readonly string[];
  /** Seconds that access tokens live. */
  readonly accessToken?: number;
  /** Arguments of the Redis server. */
  readonly redisArgs?: readonly string[];
  readonly publicUrl?: string;
  readonly prepare?: FleetSetup['prepare'];
}

/** A client of the provider that asks for tokens of its own. */
export function machineClient(clientId: string, metadata: RealClient['metadata'] = {}): RealClient {
  const grants = { grant_types: ['client_credentials'], response_types: [] };
  return { clientId, clientSecret, redirectUris: [], metadata: { ...grants, ...metadata } };
}

export async function startApiFleet(setup: ApiFleetSetup): Promise<ApiFleet> {
  const publicUrl = setup.publicUrl ?? `http://127.0.0.1:${await freePort()}`;
  const redis = await startRedis({ args: setup.redisArgs ?? [] });
  const provider = await startRealProvider({
    clients: [
      { clientId: 'app', clientSecret, redirectUris: [`${publicUrl}/.auth/callback`], metadata: everyGrant },
      ...(setup.machines ?? []).map((clientId) => machineClient(clientId)),
    ],
    apis: { resources },
    ...(setup.accessToken === undefined ? {} : { ttl: { accessToken: setup.accessToken } }),
  });
  const closeBoth = async (): Promise<void> => {
    await provider.close();
    await redis.stop();
  };
  const main = {
    issuer: provider.issuer,
    clientId: 'app',
    clientSecret,
    authorizationParameters: { resource: front },
  };
  try {
    const fleet = await startFleet({
      provider: main,
      publicUrl,
      ...(setup.prepare === undefined ? {} : { prepare: setup.prepare }),
      session: { store: { redis: { url: redis.url } } },
      config: {
        providers: { main },
        apis: { front: { issuers: ['main'], audience: [front] } },
        ...setup.config,
      },
    });
    const client = createFleetClient(fleet.host);
    const close = async (): Promise<void> => {
      client.close();
      await fleet.close();
      await closeBoth();
    };
    return { redis, provider, fleet, client, close };
  } catch (error) {
    await closeBoth();
    throw error;
  }
}

export interface Wanted {
  readonly clientId: string;
  /** Binds the token to its key. */
  readonly dpop?: DpopSender;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A token for `front`, by client credentials. */
export async function machineToken(
  { issuer }: Pick<RealProvider, 'issuer'>,
  wanted: Wanted,
): Promise<string> {
  const url = `${issuer}/token`;
  const proof = wanted.dpop?.prove({ method: 'POST', url, token: '' }, { claims: { ath: undefined } });
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${wanted.clientId}:${clientSecret}`)}`,
      ...(proof === undefined ? {} : { dpop: proof }),
      ...wanted.headers,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: front, scope: 'front' }),
  });
  const { access_token } = (await response.json()) as { readonly access_token?: string };
  if (access_token === undefined) throw new Error(`the provider answered ${response.status}`);
  return access_token;
}

/** The claims of a token that an application was given as `Bearer …`, unchecked; null when there is none. */
export function claimsOf(authorization: string | null): Readonly<Record<string, unknown>> | null {
  const payload = /^Bearer [^.]+\.([^.]+)\./.exec(authorization ?? '')?.[1];
  return payload === undefined ? null : JSON.parse(Buffer.from(payload, 'base64url').toString());
}
