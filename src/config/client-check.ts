/** Whether the gate can prove who it is at a provider wherever it is told to ask for something in its own name. */
import type { Finding } from './issues.ts';
import { isMapping, type Path, valueAt } from './schema-tree.ts';

type Data = Readonly<Record<string, unknown>>;

const finding = (path: Path, reason: string): Finding => ({ path, reason, suggestion: null });

export function checkClients(data: Data): readonly Finding[] {
  return [...checkUnusedKeys(data), ...checkIntrospection(data)];
}

/** What makes a public client one that is none. */
export const proofNeeded =
  'give the provider a `clientSecret`, or `clientAuthentication` with its `clientKey` or `clientCertificate`';

/** As written: a public client has nothing to ask for a token of its own with (RFC 6749 section 4.4). */
export function isPublicClient(client: unknown): boolean {
  if (!isMapping(client)) return false;
  const method = client.clientAuthentication ?? 'client_secret_basic';
  if (method === 'none') return true;
  return String(method).startsWith('client_secret_') && !Object.hasOwn(client, 'clientSecret');
}

/** A key without its method would make a public client of one that was to be protected best. */
function checkUnusedKeys({ apis, providers }: Data): Finding[] {
  const ofProviders = Object.entries(isMapping(providers) ? providers : {})
    .filter(([, provider]) => isMapping(provider) && !signsRequests(provider))
    .map(([name, client]) => ({ path: ['providers', name], client, also: ', or `requestObjects: signed`' }));
  const ofApis = Object.entries(isMapping(apis) ? apis : {}).flatMap(([name, api]) => {
    const issuers = valueAt(api, ['issuers']);
    const list: readonly unknown[] = Array.isArray(issuers) ? issuers : [];
    return list.map((client, index) => ({ path: ['apis', name, 'issuers', index], client, also: '' }));
  });
  return [...ofProviders, ...ofApis].flatMap(({ path, client, also }) =>
    valueAt(client, ['clientKey']) === undefined ||
    valueAt(client, ['clientAuthentication']) === 'private_key_jwt'
      ? []
      : [
          finding(
            [...path, 'clientKey'],
            `is used for nothing: write \`clientAuthentication: private_key_jwt\`${also}`,
          ),
        ],
  );
}

function signsRequests({ profile, requestObjects = 'auto' }: Data): boolean {
  return requestObjects === 'signed' || (profile === 'fapi2' && requestObjects === 'auto');
}

/** Nobody is told about tokens without proof; that others of an api can be asked is enough for opaque ones. */
function checkIntrospection({ apis, providers }: Data): Finding[] {
  return Object.entries(isMapping(apis) ? apis : {}).flatMap(([name, api]) => {
    const [issuers, introspection] = [valueAt(api, ['issuers']), valueAt(api, ['introspection'])];
    if (!Array.isArray(issuers) || !isMapping(introspection)) return [];
    const silent = issuers.flatMap((issuer, index) =>
      typeof issuer === 'string' && isPublicClient(valueAt(providers, [issuer])) ? [index] : [],
    );
    if (introspection.when !== 'always' && silent.length < issuers.length) return [];
    const reason = `cannot be asked about tokens: ${proofNeeded}`;
    return silent.map((index) => finding(['apis', name, 'issuers', index], reason));
  });
}
