/** Whether the names that routes and apis use for issuers, keys and audiences lead somewhere. */
import { checkClients, isPublicClient, proofNeeded } from './client-check.ts';
import { didYouMean } from './did-you-mean.ts';
import { type Finding, finding } from './issues.ts';
import { isMapping, valueAt } from './schema-tree.ts';

type Data = Readonly<Record<string, unknown>>;

export function checkCredentials(data: Data): readonly Finding[] {
  return [
    ...checkIssuerNames(data),
    ...checkIssuersOnce(data),
    ...checkApiNames(data),
    ...checkApiKeyNames(data),
    ...checkClients(data),
    ...checkOwnTokens(data),
    ...checkExchanges(data),
    ...checkResources(data),
    ...checkAudiences(data),
    ...checkAssertionKeys(data),
    ...checkHosts(data),
    ...checkCertificateHeader(data),
  ];
}

/** As far as it is written correctly: `[session]` where nothing but `access: signed-in` is said. */
export function credentialsOf(route: unknown): readonly unknown[] {
  const kinds = valueAt(route, ['authenticate']);
  if (Array.isArray(kinds)) return kinds;
  return valueAt(route, ['access']) === 'signed-in' ? ['session'] : [];
}

const namesOf = (section: unknown): readonly string[] => (isMapping(section) ? Object.keys(section) : []);

const routesOf = (data: Data): readonly unknown[] => (Array.isArray(data.routes) ? data.routes : []);

function checkIssuerNames({ apis, providers }: Data): Finding[] {
  const known = namesOf(providers);
  return Object.entries(isMapping(apis) ? apis : {}).flatMap(([name, api]) => {
    const issuers = valueAt(api, ['issuers']);
    return (Array.isArray(issuers) ? issuers : []).flatMap((issuer, index) =>
      typeof issuer !== 'string' || known.includes(issuer)
        ? []
        : [
            finding(
              ['apis', name, 'issuers', index],
              `no provider \`${issuer}\`: write the name of one, or \`{ issuer: … }\``,
              didYouMean(issuer, known),
            ),
          ],
    );
  });
}

/** Of two that issue under one name, only one would ever be asked. */
function checkIssuersOnce({ apis, providers }: Data): Finding[] {
  return Object.entries(isMapping(apis) ? apis : {}).flatMap(([name, api]) => {
    const written = valueAt(api, ['issuers']);
    const issuers = (Array.isArray(written) ? written : []).map((issuer) =>
      typeof issuer === 'string' ? valueAt(providers, [issuer, 'issuer']) : valueAt(issuer, ['issuer']),
    );
    return issuers.flatMap((issuer, index) => {
      const first = issuers.indexOf(issuer);
      const isTold = first === index || (written as unknown[])[first] === (written as unknown[])[index];
      return typeof issuer !== 'string' || isTold
        ? []
        : [finding(['apis', name, 'issuers', index], `is the issuer of issuers[${first}] too (${issuer})`)];
    });
  });
}

function checkApiNames(data: Data): Finding[] {
  const known = namesOf(data.apis);
  return routesOf(data).flatMap((route, index) => {
    const api = valueAt(route, ['api']);
    if (typeof api !== 'string' || api === '' || known.includes(api)) return [];
    return [finding(['routes', index, 'api'], `no api \`${api}\``, didYouMean(api, known))];
  });
}

function checkApiKeyNames(data: Data): Finding[] {
  const known = namesOf(valueAt(data.apiKeys, ['keys']));
  return routesOf(data).flatMap((route, index) => {
    if (credentialsOf(route).includes('api-key') && known.length === 0) {
      return [finding(['routes', index, 'authenticate'], 'takes API keys, and `apiKeys.keys` holds none')];
    }
    const names = valueAt(route, ['apiKeys']);
    return (Array.isArray(names) ? names : []).flatMap((name, at) =>
      typeof name !== 'string' || known.includes(name)
        ? []
        : [finding(['routes', index, 'apiKeys', at], `no API key \`${name}\``, didYouMean(name, known))],
    );
  });
}

function checkOwnTokens(data: Data): Finding[] {
  if (namesOf(data.providers).length > 0) return [];
  return routesOf(data).flatMap((route, index) => {
    const rule = valueAt(route, ['upstreamToken']);
    const asks = rule === 'client' || (isMapping(rule) && ('client' in rule || 'exchange' in rule));
    return asks
      ? [
          finding(
            ['routes', index, 'upstreamToken'],
            'asks a provider for a token, and `providers` holds none',
          ),
        ]
      : [];
  });
}

/** Who issued a token is who can exchange it. */
function checkExchanges(data: Data): Finding[] {
  const [provider] = isMapping(data.providers) ? Object.values(data.providers) : [];
  const isPublic = isPublicClient(provider);
  return routesOf(data).flatMap((route, index) => {
    const rule = valueAt(route, ['upstreamToken']);
    const isExchange = isMapping(rule) && 'exchange' in rule;
    const isClient = rule === 'client' || (isMapping(rule) && 'client' in rule);
    const path = ['routes', index, 'upstreamToken'] as const;
    const found: Finding[] = [];
    if ((isExchange || isClient) && isPublic) {
      found.push(finding(path, `needs a client that can prove who it is: ${proofNeeded}`));
    }
    const issuers = valueAt(data.apis, [String(valueAt(route, ['api'])), 'issuers']);
    if (isExchange && Array.isArray(issuers) && issuers.some((issuer) => typeof issuer !== 'string')) {
      found.push(finding(path, 'cannot exchange tokens of issuers that are no `providers`'));
    }
    return found;
  });
}

/** Two documents cannot be at one address: the later one would hide the other. */
function checkResources({ apis, publicUrl }: Data): Finding[] {
  const origin = typeof publicUrl === 'string' ? URL.parse(publicUrl)?.origin : undefined;
  const entries = Object.entries(isMapping(apis) ? apis : {}).map(([name, api]) => {
    const audience = valueAt(api, ['audience']);
    const named = valueAt(api, ['resource']);
    const candidates = named === undefined ? (Array.isArray(audience) ? audience : []) : [named];
    const resource = candidates.find((one) => typeof one === 'string' && URL.parse(one)?.origin === origin);
    return {
      name,
      named,
      resource: resource === undefined ? undefined : String(resource).replace(/\/$/, ''),
    };
  });
  return entries.flatMap(({ name, named, resource }, index) => {
    // What is no URL at all has been told.
    const isElsewhere = typeof named === 'string' && URL.canParse(named) && resource === undefined;
    if (isElsewhere && origin !== undefined) {
      return [
        finding(
          ['apis', name, 'resource'],
          `is not under publicUrl (${origin}), where its metadata would be`,
        ),
      ];
    }
    const other = entries.slice(0, index).find((one) => resource !== undefined && one.resource === resource);
    return other === undefined
      ? []
      : [
          finding(
            ['apis', name],
            `has the metadata of the api \`${other.name}\` (${resource}): name another \`resource\``,
          ),
        ];
  });
}

/** A token that would never be sent (RT-075) is a mistake that can be seen before. */
function checkAudiences(data: Data): Finding[] {
  return routesOf(data).flatMap((route, index) => {
    const cluster = valueAt(route, ['cluster']);
    const audiences =
      typeof cluster === 'string' ? valueAt(data.clusters, [cluster, 'audiences']) : undefined;
    const rule = valueAt(route, ['upstreamToken']);
    if (!Array.isArray(audiences) || audiences.length === 0 || !isMapping(rule)) return [];
    const [[kind = '', target] = []] = Object.entries(rule);
    const named = ['audience', 'resource']
      .map((member) => valueAt(target, [member]))
      .filter((value) => value !== undefined);
    if (named.length === 0 || named.some((value) => audiences.includes(value))) return [];
    return [
      finding(
        ['routes', index, 'upstreamToken', kind],
        `is for ${named.join(' and ')}, which is none of the audiences of cluster \`${cluster}\` (${audiences.join(', ')})`,
      ),
    ];
  });
}

function checkAssertionKeys(data: Data): Finding[] {
  const keys = valueAt(data.assertions, ['keys']);
  if (data.fleet !== true || (Array.isArray(keys) && keys.length > 0)) return [];
  const asks = routesOf(data).some((route) => isMapping(valueAt(route, ['upstreamToken', 'assertion'])));
  return asks
    ? [finding(['assertions', 'keys'], 'is missing: every node of a fleet needs the same keys to sign with')]
    : [];
}

/** A page of another name that leads here (DNS rebinding) would act with the session of whoever opens it. */
function checkHosts(data: Data): Finding[] {
  const hosts = valueAt(data.listen, ['hosts']);
  if (!Array.isArray(hosts) || !hosts.includes('*')) return [];
  const index = routesOf(data).findIndex((route) => credentialsOf(route).includes('session'));
  return index === -1
    ? []
    : [
        finding(
          ['listen', 'hosts', hosts.indexOf('*')],
          `serves any host, which routes[${index}] with its sessions must not: name the hosts`,
        ),
      ];
}

/** What comes in it is taken out before keys are looked for. */
function checkCertificateHeader(data: Data): Finding[] {
  const path = ['listen', 'clientCertificateHeader', 'name'] as const;
  const name = valueAt(data, path);
  const header = valueAt(data.apiKeys, ['header']) ?? 'X-Api-Key';
  if (typeof name !== 'string' || typeof header !== 'string') return [];
  return name.toLowerCase() === header.toLowerCase()
    ? [finding(path, `is the header of API keys too (\`apiKeys.header\`)`)]
    : [];
}
