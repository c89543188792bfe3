/** One login at the hostile provider, at the level of the `Provider`, and what all failed logins have in common. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { type Clock, systemClock, systemRandom } from '../../src/core/clock.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { createEmit, type EventName } from '../../src/core/events.ts';
import type { Network } from '../../src/oidc/connect-guard.ts';
import { createProvider } from '../../src/oidc/create-provider.ts';
import type { LoginSecrets, Provider, SignedIn } from '../../src/oidc/provider.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { type EvilBehaviour, type EvilProvider, evilSecrets } from './evil-provider.ts';

export const redirectUri = 'https://app.test/.auth/callback';

export interface EvilGate {
  readonly provider: Provider;
  readonly events: readonly (readonly [EventName, Readonly<Record<string, unknown>>])[];
}

export interface EvilGateOptions {
  /** Over the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
  readonly network?: Network;
}

/** A provider of ours that believes in the hostile one; userinfo is not asked unless a test wants it. */
export function makeEvilGate(evil: EvilProvider, options: EvilGateOptions = {}): EvilGate {
  const events: [EventName, Record<string, unknown>][] = [];
  const config = providerSchema.parse({
    issuer: evil.issuer,
    clientId: 'app',
    clientSecret: evilSecrets.clientSecret,
    userinfo: 'never',
    ...options.config,
  });
  const provider = createProvider('evil', config, {
    redirectUri,
    emit: createEmit([(name, event) => events.push([name, event as Record<string, unknown>])]),
    clock: options.clock ?? systemClock,
    random: systemRandom,
    ...(options.network === undefined ? {} : { network: options.network }),
  });
  return { provider, events };
}

export function makeLoginSecrets(): LoginSecrets {
  const text = () => systemRandom(32).toString('base64url');
  return { state: text(), nonce: text(), codeVerifier: text() };
}

export interface EvilLogin extends EvilGateOptions {
  readonly behaviour?: EvilBehaviour;
  /** Over `code`, `state` and `iss` of the answer; null removes one, a list repeats it. */
  readonly answer?: Readonly<Record<string, string | null | readonly string[]>>;
  /** A provider that is there already. */
  readonly gate?: EvilGate;
}

export interface EvilOutcome {
  readonly person: SignedIn | null;
  readonly error: SallyportError | null;
}

export function makeAnswer(
  evil: EvilProvider,
  secrets: LoginSecrets,
  over: EvilLogin['answer'] = {},
): URLSearchParams {
  const answer = new URLSearchParams();
  const members = { code: evilSecrets.code, state: secrets.state, iss: evil.issuer, ...over };
  for (const [name, value] of Object.entries(members)) {
    for (const one of value === null ? [] : [value].flat()) answer.append(name, one);
  }
  return answer;
}

/** Resets the hostile provider and signs in there. Whatever happens, nothing secret may show. */
export async function loginAtEvil(evil: EvilProvider, login: EvilLogin = {}): Promise<EvilOutcome> {
  if (login.gate === undefined) evil.reset();
  evil.behaviour = login.behaviour ?? {};
  const gate = login.gate ?? makeEvilGate(evil, login);
  const secrets = makeLoginSecrets();
  evil.nonce = secrets.nonce;
  try {
    const person = await gate.provider.redeem(makeAnswer(evil, secrets, login.answer), secrets);
    assertNoSecrets([gate.events], secrets);
    return { person, error: null };
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    assertNoSecrets([error, gate.events], secrets);
    return { person: null, error };
  } finally {
    if (login.gate === undefined) await gate.provider.close();
  }
}

export function assertNoSecrets(values: readonly unknown[], secrets: LoginSecrets): void {
  const shown = inspect(values, { depth: 20, showHidden: true, maxStringLength: null });
  const hidden = [...Object.values(evilSecrets), ...Object.values(secrets), 'eyJ'];
  for (const secret of hidden) assert.ok(!shown.includes(secret), 'a secret is in an error or an event');
}

/** The login fails with this word, and goes no further than the token endpoint. */
export async function assertLoginFails(
  evil: EvilProvider,
  login: EvilLogin,
  detail: string | RegExp,
): Promise<void> {
  const { error } = await loginAtEvil(evil, login);
  assert.ok(error, 'the login went through');
  assert.equal(error.code, 'ERR_LOGIN_FAILED', `${error.code} ${error.detail}`);
  if (typeof detail === 'string') assert.equal(error.detail, detail);
  else assert.match(error.detail ?? '', detail);
  assert.equal(evil.hits.userinfo, 0);
}
