/** What ooproxy demands of a token: `PROVIDER_URL`, `AUDIENCE`, `SUBJECT`, `LEEWAY`, `CLIENT_SECRET`, `KEY_EXPIRY_SECS`. */

import type { Conversation } from './conversation.ts';
import { numberOf, type Setting, textOf } from './flat-settings.ts';
import { secretOf } from './ooproxy-secret.ts';
import { formatSeconds } from './seconds.ts';

type Fields = Readonly<Record<string, unknown>>;

const issuerPath = ['apis', 'main', 'issuers', 0] as const;

export function convertIssuer(conversation: Conversation): Fields {
  const { settings, from, note } = conversation;
  const provider = conversation.need(
    'PROVIDER_URL',
    'write the URL of the provider, as https://identity.example.com',
  );
  if (provider === null) return {};
  from(provider, [...issuerPath, 'issuer']);
  const issuer = textOf(provider, settings.report);
  note(
    'PROVIDER_URL',
    [...issuerPath, 'issuer'],
    'Must be `iss` of the tokens to the letter. ooproxy takes the one that the metadata names: should that end with a slash, write it.',
  );
  const isOpen = issuer !== null && isPlainHttpElsewhere(issuer);
  if (isOpen) {
    note(
      'PROVIDER_URL',
      [...issuerPath, 'dangerouslyAllowHttpIssuer'],
      'Everybody on the way can put in keys of their own. Use https.',
    );
  }
  return {
    issuer,
    ...(isOpen ? { dangerouslyAllowHttpIssuer: true } : {}),
    ...convertKeyExpiry(conversation),
  };
}

function isPlainHttpElsewhere(issuer: string): boolean {
  const url = URL.parse(issuer);
  return url?.protocol === 'http:' && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
}

/** Fetching more often than that does nothing for anybody. */
const leastRefresh = 10;

function convertKeyExpiry({ settings, from, note }: Conversation): Fields {
  const expiry = settings.get('KEY_EXPIRY_SECS');
  if (expiry === null) {
    note(
      'KEY_EXPIRY_SECS',
      ['apis', 'main', 'issuers'],
      'Not set, so ooproxy keeps keys for ever. Here a key that the provider has withdrawn is forgotten within an hour (six while it is down).',
    );
    return {};
  }
  const path = [...issuerPath, 'jwksRefresh'];
  from(expiry, path);
  const seconds = numberOf(expiry, 0, settings.report) ?? leastRefresh;
  if (seconds < leastRefresh) note('KEY_EXPIRY_SECS', path, `Was ${seconds}; 10s is the least.`);
  else note('KEY_EXPIRY_SECS', path, 'Keys are fetched in the background; no request waits for them.');
  return { jwksRefresh: formatSeconds(Math.max(seconds, leastRefresh)) };
}

export function convertApi(conversation: Conversation): Fields {
  const { settings, from, note } = conversation;
  note(
    null,
    ['apis', 'main', 'profile'],
    'Like ooproxy, tokens need not have the type `at+jwt`. They have to have `exp` and say who calls: `sub`, or the client in `client_id`, `azp`, `appid` or `cid`. ID tokens are refused; ooproxy takes them.',
  );
  return {
    ...convertAudience(conversation),
    ...convertAlgorithms(conversation),
    ...convertSubject(conversation),
    leeway: convertLeeway(settings.get('LEEWAY')),
    profile: 'lenient',
    // It does not know them, and with several processes a proof would have to be remembered somewhere.
    dpop: { use: 'never' },
  };

  function convertLeeway(leeway: Setting | null): string {
    if (leeway === null) return '0s';
    from(leeway, ['apis', 'main', 'leeway']);
    return formatSeconds(numberOf(leeway, 0, settings.report) ?? 0);
  }
}

function convertSubject({ settings, from }: Conversation): Fields {
  const subject = settings.get('SUBJECT');
  if (subject === null) return {};
  from(subject, ['apis', 'main', 'subject']);
  return { subject: textOf(subject, settings.report) };
}

/** ooproxy compares `aud` as a whole: of a list, the token has to have every member. */
function convertAudience(conversation: Conversation): Fields {
  const { settings, from, note } = conversation;
  const setting = settings.get('AUDIENCE');
  if (setting === null) {
    note(
      'AUDIENCE',
      ['apis', 'main', 'dangerouslyAllowAnyAudience'],
      'Not set, so a token for any application is taken, as by ooproxy. Write what `aud` of your tokens holds into `audience` in its place.',
    );
    return { dangerouslyAllowAnyAudience: true };
  }
  const audiences = readAudience(setting, conversation);
  if (audiences === null) return {};
  const path = ['apis', 'main', 'audience'] as const;
  from(setting, path);
  const [first, ...others] = audiences;
  if (others.length === 0) {
    note('AUDIENCE', path, 'Tokens may have other audiences as well; in ooproxy they may not.');
    return { audience: [first] };
  }
  note(
    'AUDIENCE',
    path,
    'Like in ooproxy, a token needs all of them: one here, the others in `requiredClaims`. It may have more; in ooproxy it may not.',
  );
  from(setting, ['apis', 'main', 'requiredClaims']);
  return { audience: [first], requiredClaims: { aud: others } };
}

/** Each audience once; null when it is no JSON of one, which has been reported. */
function readAudience(setting: Setting, { settings }: Conversation): readonly string[] | null {
  const text = textOf(setting, settings.report);
  if (text === null) return null;
  const value = parseJson(text);
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((one) => typeof one === 'string' && one !== ''))
    return [...new Set(list as string[])];
  settings.report(
    setting,
    'must be JSON: a text with its quotes, as "https://api.example.com", or a list of such, as ["a", "b"]',
  );
  return null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const rsa = ['RS256', 'RS384', 'RS512'];

/** By the least bytes of their secret (RFC 7518 section 3.2). */
const hmac = [
  [32, 'HS256'],
  [48, 'HS384'],
  [64, 'HS512'],
] as const;

function convertAlgorithms(conversation: Conversation): Fields {
  const { settings, note } = conversation;
  const secret = settings.get('CLIENT_SECRET');
  const path = ['apis', 'main', 'algorithms'] as const;
  if (secret === null) {
    note(null, path, 'Those of ooproxy. The gate knows PS256, ES256 and EdDSA too.');
    return { algorithms: rsa };
  }
  const length = Buffer.byteLength(textOf(secret, settings.report) ?? '');
  const fitting = hmac.filter(([least]) => length >= least).map(([, algorithm]) => algorithm);
  if (fitting.length === 0) {
    note(
      'CLIENT_SECRET',
      path,
      'Left out: signatures by a secret of less than 32 bytes can be forged by guessing (RFC 7518 section 3.2). Let the provider sign with RS256, or use a longer secret.',
    );
    return { algorithms: rsa };
  }
  if (fitting.length < hmac.length) {
    note('CLIENT_SECRET', path, `Is long enough for ${fitting.join(' and ')} alone.`);
  }
  note(
    'CLIENT_SECRET',
    path,
    'Whoever knows the secret can make tokens. Leave out HS256, HS384, HS512 and `hmacSecret` if your tokens are not signed with it.',
  );
  return {
    algorithms: [...rsa, ...fitting],
    hmacSecret: secretOf(secret, ['apis', 'main', 'hmacSecret'], conversation),
  };
}
