/**
 * What the door does with each header field, by name. The usual spellings are known in advance, so that an ordinary
 * field costs one lookup and no new string.
 */

/** What a name asks of the framing checks. */
export type HeaderKind =
  | 'plain'
  /** Names that cannot be told from others once an application folds `_` or `.` to `-` (CVE-2025-64484, HP-073). */
  | 'drop'
  /** More than one would let two readers pick different ones (HP-052). */
  | 'single'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'expect'
  | 'upgrade'
  | 'connection'
  /** Said by proxies: kept from trusted ones alone. */
  | 'forwarded-for'
  | 'forwarded-proto'
  | 'forwarded'
  /** In which a trusted proxy hands on the certificate of the client; for the gate alone. */
  | 'client-certificate';

export interface HeaderRule {
  /** The name in lower case. */
  readonly name: string;
  readonly kind: HeaderKind;
  /** For `single`: the bit that tells whether it has been seen. */
  readonly bit: number;
}

const singles = [
  'authorization',
  'content-type',
  'origin',
  'proxy-authorization',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-websocket-key',
  'sec-websocket-version',
  'x-csrf',
];

/** What proxies call the certificate of a client: an application that believes one must not get it from just anybody. */
const certificateHeaders: readonly string[] = [
  'client-cert',
  'client-cert-chain',
  'ssl-client-cert',
  'x-amzn-mtls-clientcert',
  'x-amzn-mtls-clientcert-leaf',
  'x-arr-clientcert',
  'x-client-cert',
  'x-forwarded-client-cert',
  'x-forwarded-tls-client-cert',
  'x-ssl-cert',
  'x-ssl-client-cert',
];

const special: readonly (readonly [string, HeaderKind])[] = [
  ['host', 'host'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['expect', 'expect'],
  ['upgrade', 'upgrade'],
  ['connection', 'connection'],
  ['http2-settings', 'drop'],
  ['x-forwarded-for', 'forwarded-for'],
  ['x-forwarded-proto', 'forwarded-proto'],
  ['x-forwarded-host', 'forwarded'],
  ['x-forwarded-port', 'forwarded'],
  ['x-forwarded-prefix', 'forwarded'],
  ['x-forwarded-server', 'forwarded'],
  ['x-forwarded-uri', 'forwarded'],
  ['x-forwarded-method', 'forwarded'],
  ['x-real-ip', 'forwarded'],
  ['forwarded', 'forwarded'],
  ...certificateHeaders.map((name) => [name, 'forwarded'] as const),
];

const usual = [
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'cookie',
  'date',
  'dnt',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'last-event-id',
  'pragma',
  'priority',
  'range',
  'referer',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-user',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'upgrade-insecure-requests',
  'user-agent',
  'via',
  'x-request-id',
  'x-requested-with',
];

const byName = new Map<string, HeaderRule>([
  ...singles.map((name, index): [string, HeaderRule] => [name, { name, kind: 'single', bit: 1 << index }]),
  ...special.map(([name, kind]): [string, HeaderRule] => [name, { name, kind, bit: 0 }]),
  ...usual.map((name): [string, HeaderRule] => [name, { name, kind: 'plain', bit: 0 }]),
]);

const bySpelling = new Map<string, HeaderRule>(
  [...byName].flatMap(([name, rule]): [string, HeaderRule][] => [
    [name, rule],
    [titleCase(name), rule],
  ]),
);

/** The rule for a field name as it was sent. */
export type HeaderRules = (spelling: string) => HeaderRule;

/** Whether a field of this name (lower case) means something else than a certificate. */
export function hasOwnMeaning(name: string): boolean {
  return byName.has(name) && !certificateHeaders.includes(name);
}

/** The rules with `name` (lower case) as the field of the client's certificate. */
export function withClientCertificate(name: string): HeaderRules {
  const rule: HeaderRule = { name, kind: 'client-certificate', bit: 0 };
  return (spelling) =>
    spelling.length === name.length && spelling.toLowerCase() === name ? rule : headerRule(spelling);
}

/** The rules that hold everywhere. */
export function headerRule(spelling: string): HeaderRule {
  return bySpelling.get(spelling) ?? unusualRule(spelling);
}

function unusualRule(spelling: string): HeaderRule {
  const name = spelling.toLowerCase();
  const known = byName.get(name);
  if (known !== undefined) return known;
  return { name, kind: /^[a-z0-9-]+$/.test(name) ? 'plain' : 'drop', bit: 0 };
}

function titleCase(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
