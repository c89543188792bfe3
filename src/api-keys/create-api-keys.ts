/**
 * API keys: a named key in a header, kept as a scrypt hash.
 *
 * The first request with a key costs a computation on another thread, of which there are few at a time. After that this
 * process knows it by a keyed digest, and a request costs one HMAC. The key itself is not kept.
 */
import { createHmac } from 'node:crypto';
import type { ApiCaller } from '../core/api-caller.ts';
import type { Authentication } from '../core/authentication.ts';
import type { Clock, RandomBytes } from '../core/clock.ts';
import type { CredentialRefusal } from '../core/credential-refusal.ts';
import type { Emit } from '../core/events.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Route } from '../core/route.ts';
import type { ApiKeysConfig } from './api-key-config.ts';
import type { ApiKeys } from './api-keys.ts';
import { createHashingLine } from './hashing-line.ts';
import { nameInKey } from './key-text.ts';
import { createKnownKey, type KnownKey } from './known-key.ts';

export interface ApiKeysDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: RandomBytes;
  readonly emit: Emit;
}

/** Which check refused a key: for the log, never for the client. */
type Detail = 'several-keys' | 'not-a-key' | 'unknown-key' | 'other-route' | 'expired' | 'wrong-key';

type Known = Extract<Authentication, { kind: 'caller' }>;

interface Entry {
  readonly key: KnownKey;
  /** The one answer for a good key, so that a request makes none. */
  readonly known: Known;
}

const none: Authentication = { kind: 'none' };

/** What `identity.issuer` says of a key: no issuer of tokens has such a name. */
const issuer = 'urn:sallyport:api-keys';

/** Of the threads of the pool, four, two are left for files and names. Whoever waits longer than seconds has gone. */
const hashing = { atOnce: 2, waiting: 64 } as const;

export function createApiKeys(config: ApiKeysConfig, deps: ApiKeysDeps): ApiKeys {
  const { clock, emit } = deps;
  const header = config.header.toLowerCase();
  const entries = createEntries(config);
  // Of this process alone: what is in memory tells nothing of the keys.
  const digestKey = deps.random(32);

  const refused = (head: RequestHead, detail: Detail): Authentication => {
    const { id: requestId, client } = head;
    emit('credential.refused', { requestId, kind: 'api-key', api: null, detail, client: client.address });
    return { kind: 'refused', refusal: refusalOf(config.header, 'invalid_token', detail) };
  };

  const settle = (head: RequestHead, { known }: Entry, isIt: boolean): Authentication => {
    if (!isIt) return refused(head, 'wrong-key');
    // After a computation too: a key may expire while it waits.
    return clock.now() < known.caller.expiresAt ? known : refused(head, 'expired');
  };

  const authenticateText = (head: RequestHead, route: Pick<Route, 'apiKeys'>, text: string) => {
    const name = nameInKey(text);
    if (name === null) return refused(head, 'not-a-key');
    const entry = entries.get(name);
    if (entry === undefined) return refused(head, 'unknown-key');
    if (route.apiKeys !== null && !route.apiKeys.has(name)) return refused(head, 'other-route');
    if (clock.now() >= entry.known.caller.expiresAt) return refused(head, 'expired');
    const isIt = entry.key.check(text, createHmac('sha256', digestKey).update(text).digest());
    if (typeof isIt === 'boolean') return settle(head, entry, isIt);
    return isIt.then((result) => settle(head, entry, result));
  };

  return {
    header,
    authenticate(head, route) {
      const text = onlyValue(head, header);
      if (text === null) return none;
      return text === severalValues ? refused(head, 'several-keys') : authenticateText(head, route, text);
    },
    challenge: refusalOf(config.header, null, 'none'),
  };
}

/** Stands for more than one field: no value is it, as a field value has no line break (RFC 9110 section 5.5). */
const severalValues = '\n';

/** The one value of a field, null without it. Of two keys nobody can tell which is meant. */
function onlyValue({ headers }: RequestHead, name: string): string | null {
  let found: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) found = found === null ? (headers[i + 1] as string) : severalValues;
  }
  return found;
}

function createEntries({ keys }: ApiKeysConfig): ReadonlyMap<string, Entry> {
  const line = createHashingLine(hashing);
  return new Map(
    Object.entries(keys).map(([name, key]) => {
      const caller = callerOf(name, key);
      return [name, { key: createKnownKey(key.hash, line), known: { kind: 'caller', caller } }];
    }),
  );
}

function callerOf(name: string, { scopes, expires, claims }: ApiKeysConfig['keys'][string]): ApiCaller {
  const allClaims = Object.freeze(Object.assign(Object.create(null), claims, { sub: name }) as object);
  return Object.freeze({
    kind: 'api-key',
    name,
    identity: Object.freeze({
      provider: 'api-keys',
      issuer,
      subject: name,
      claims: allClaims as ApiCaller['identity']['claims'],
    }),
    scopes: new Set(scopes),
    audiences: [],
    token: null,
    scheme: null,
    expiresAt: expires ?? Number.POSITIVE_INFINITY,
  } satisfies ApiCaller);
}

/** `ApiKey` is no registered scheme; a 401 has to name one all the same (RFC 9110 section 15.5.2). */
function refusalOf(header: string, error: CredentialRefusal['error'], detail: string): CredentialRefusal {
  const challenge = `ApiKey realm="sallyport", header="${header}"`;
  return { status: 401, error, headers: ['www-authenticate', challenge], detail };
}
