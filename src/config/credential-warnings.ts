/** What apis, keys and the tokens for applications may say that deserves a look. */
import { credentialsOf } from './credential-check.ts';
import { type Warning, warning } from './problem.ts';
import type { Config } from './schema.ts';

export function credentialWarnings(config: Config): readonly Warning[] {
  return [...aboutApis(config), ...aboutUnused(config), ...aboutDemands(config), ...aboutTokens(config)];
}

function aboutApis({ apis, providers }: Config): readonly Warning[] {
  const clientIds = Object.values(providers).map(({ clientId }) => clientId);
  return Object.entries(apis).flatMap(([name, api]) => {
    const found: Warning[] = [];
    if (api.hmacSecret !== undefined) {
      found.push(
        warning(['apis', name, 'hmacSecret'], 'can make tokens in the hands of whoever checks them'),
      );
    }
    if (api.profile === 'lenient' && api.audience.some((audience) => clientIds.includes(audience))) {
      found.push(
        warning(
          ['apis', name, 'audience'],
          'holds the client id of a provider: ID tokens have that audience too; ask the provider for an audience of the API',
        ),
      );
    }
    return found;
  });
}

/** What protects nothing is most often what somebody believes to be protecting something. */
function aboutUnused({ apis, apiKeys, routes }: Config): readonly Warning[] {
  const used = new Set(routes.map(({ api }) => api));
  const found = Object.keys(apis)
    .filter((name) => !used.has(name))
    .map((name) => warning(['apis', name], 'is used by no route'));
  const takesKeys = routes.some((route) => credentialsOf(route).includes('api-key'));
  if (Object.keys(apiKeys.keys).length > 0 && !takesKeys)
    found.push(warning(['apiKeys', 'keys'], 'are taken by no route: add `api-key` to `authenticate`'));
  return found;
}

/** A strict route is as strict as the weakest of the credentials that it takes. */
function aboutDemands({ routes }: Config): readonly Warning[] {
  return routes.flatMap((route, index) => {
    const others = credentialsOf(route).filter((kind) => kind !== 'bearer');
    if (others.length === 0) return [];
    const demands = [
      ['acrValues', route.acrValues.length > 0],
      ['maxAge', route.maxAge !== undefined],
    ] as const;
    return demands
      .filter(([, isSet]) => isSet)
      .map(([name]) =>
        warning(
          ['routes', index, name],
          `is demanded of bearer tokens alone: whoever comes by ${others.join(' or ')} passes without it`,
        ),
      );
  });
}

function aboutTokens({ clusters, providers, routes, session }: Config): readonly Warning[] {
  const isBound = Object.values(providers).some(({ dpopKey }) => dpopKey !== undefined);
  return routes.flatMap((route, index) => {
    const path = ['routes', index] as const;
    const found: Warning[] = [];
    if (route.retryUnauthorized && route.upstreamToken === 'access' && session.store === 'cookie') {
      found.push(
        warning(
          [...path, 'retryUnauthorized'],
          'renews nothing with `session.store: cookie`: the browser would miss it',
        ),
      );
    }
    if (isExchange(route.upstreamToken) && credentialsOf(route).includes('api-key')) {
      found.push(warning([...path, 'upstreamToken'], 'has nothing to exchange for API keys: they get 403'));
    }
    if (isBound && route.upstreamToken === 'access' && clusters[route.cluster]?.host === 'preserve') {
      found.push(
        warning(
          [...path, 'upstreamToken'],
          'is sent with a DPoP proof for the address of the target, which the application must know itself by',
        ),
      );
    }
    return found;
  });
}

function isExchange(rule: Config['routes'][number]['upstreamToken']): boolean {
  return typeof rule === 'object' && 'exchange' in rule;
}
