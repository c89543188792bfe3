/**
 * What becomes of each field that a client sends, decided by name once and remembered. Names are compared after every
 * character that is neither letter nor digit became `-`, because CGI and WSGI applications fold them so
 * (`X_Forwarded_User` is `X-Forwarded-User` there, HP-072).
 */

export type FieldRule =
  | 'pass'
  | 'drop'
  | 'connection'
  | 'content-length'
  | 'transfer-encoding'
  | 'cookie'
  | 'authorization'
  | 'dpop'
  | 'via';

/** Fields that are read here and written anew, each by its own rule. */
const special: ReadonlyMap<string, FieldRule> = new Map([
  ['connection', 'connection'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['cookie', 'cookie'],
  ['authorization', 'authorization'],
  ['dpop', 'dpop'],
  ['via', 'via'],
]);

/** Dropped from every request: hop by hop, or what a proxy or an identity-aware neighbour would say about the client. */
const dropped: ReadonlySet<string> = new Set([
  // Connection management (RFC 9110 section 7.6.1); `Expect` was answered at the door, request trailers are dropped.
  'host',
  'expect',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'x-request-id',
  // Where the client and the request come from (HP-079).
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'fastly-client-ip',
  'x-azure-clientip',
  'x-rewrite-url',
  'x-host',
  // Which certificate a client has proved to hold (RFC 9440, and what terminators wrote before it, RS-061).
  'client-cert',
  'client-cert-chain',
  'x-arr-clientcert',
  'x-arr-ssl',
  // The method that routes and CSRF rules were judged by is the method that is executed (RD-046).
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // What other gates call the signed-in person.
  'remote-user',
  'remote-name',
  'remote-email',
  'remote-groups',
]);

const droppedFamilies: readonly string[] = [
  'proxy-',
  'x-forwarded-',
  'x-original-',
  'x-envoy-',
  'x-auth-request-',
  'x-remote-',
  'x-ssl-',
  'ssl-client-',
  'x-client-cert',
  'x-tls-client-',
  'x-mtls-',
  'x-amzn-mtls-',
  'cf-cert-',
  'cf-connecting-',
  'x-amzn-oidc-',
  'x-goog-authenticated-user-',
  'x-goog-iap-',
  'x-ms-client-principal',
];

/** Names come from the client: remember only so many. */
const remembered = 1024;

/** `identityHeaders`: every field that any route may set, in lower case. Not one of them is ever the client's. */
export function createFieldRules(identityHeaders: readonly string[]): (name: string) => FieldRule {
  const identity = new Set(identityHeaders.map(fold));
  const known = new Map<string, FieldRule>(special);
  return (name) => {
    const rule = known.get(name);
    if (rule !== undefined) return rule;
    const found = judge(name, identity);
    if (known.size < remembered) known.set(name, found);
    return found;
  };
}

const fold = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

function judge(name: string, identity: ReadonlySet<string>): FieldRule {
  // An underscore is never needed and always ambiguous, so such a field is dropped whatever it says (HP-073).
  if (name.includes('_')) return 'drop';
  const folded = fold(name);
  // `Content.Length` is no alias that anybody needs either.
  if (folded !== name && special.has(folded)) return 'drop';
  if (dropped.has(folded) || identity.has(folded)) return 'drop';
  return droppedFamilies.some((family) => folded.startsWith(family)) ? 'drop' : 'pass';
}
