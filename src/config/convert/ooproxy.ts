/**
 * ooproxy: a proxy in front of one application that lets through who brings a JWT of one OpenID provider. Its settings
 * are environment variables, and the same names in lower case in `settings.toml`.
 */
import type { Path } from '../schema-tree.ts';
import { beginConversation } from './conversation.ts';
import type { Converter } from './converter.ts';
import { convertApi, convertIssuer } from './ooproxy-api.ts';
import { convertListeners } from './ooproxy-listeners.ts';
import { convertLog, convertUpstream, convertWorkers } from './ooproxy-rest.ts';

/** As variables have them. */
export const settingNames: readonly string[] = [
  'LISTEN_URL',
  'LISTEN_SSL_URL',
  'PROVIDER_URL',
  'UPSTREAM_URL',
  'CLIENT_SECRET',
  'KEY_EXPIRY_SECS',
  'UPSTREAM_TIMEOUT_SECS',
  'AUDIENCE',
  'SUBJECT',
  'LEEWAY',
  'NUM_WORKERS',
  'CERT_FILE',
  'CERT_PASSWORD',
  'RUST_LOG',
];

const always: readonly (readonly [path: Path, message: string])[] = [
  [[], 'Answers of the application keep their header fields; ooproxy passes on status and body alone.'],
  [
    [],
    'A request without a token, or with one that is not good, gets 401 with WWW-Authenticate (RFC 6750); in ooproxy it is 403. A provider that does not answer makes 503, not 500.',
  ],
  [
    [],
    'Paths below /.auth are the own ones of the gate, and addresses that could be read in two ways are refused (400).',
  ],
  [['publicUrl'], 'ooproxy has no such setting. Put the address in here that callers use.'],
  [['session'], 'Nobody signs in here and nothing is written to disk.'],
];

export const ooproxy: Converter = {
  name: 'ooproxy',
  defaultFile: 'settings.toml',
  convert(input) {
    const { conversation, notes, origins } = beginConversation(settingNames, input);
    for (const [path, message] of always) conversation.note(null, path, message);
    const listeners = convertListeners(conversation);
    const issuer = convertIssuer(conversation);
    const config = {
      publicUrl: listeners.publicUrl,
      ...convertWorkers(conversation),
      listen: listeners.listen,
      session: { store: 'memory' },
      apis: { main: { issuers: [issuer], ...convertApi(conversation) } },
      clusters: { upstream: convertUpstream(conversation) },
      routes: [
        { path: '/**', cluster: 'upstream', authenticate: ['bearer'], api: 'main', upstreamToken: 'pass' },
      ],
      ...convertLog(conversation),
    };
    const { problems } = conversation.settings;
    return problems.length > 0 ? { ok: false, problems } : { ok: true, config, notes, origins };
  },
};
