/** From a record of the store to an open session, or the reason why there is none. */
import type { KeyRing } from '../keys/key-ring.ts';
import type { Provider, Providers } from '../oidc/provider.ts';
import type { StoredRecord } from '../stores/store.ts';
import type { Limits } from './limits.ts';
import { createLiveSession, type LiveSession } from './live-session.ts';
import { type SessionCookie, sessionLogId } from './session-cookie.ts';
import { openRecord, type SessionRecord, type Unusable } from './session-record.ts';

export type Admission =
  | { readonly kind: 'admitted'; readonly live: LiveSession }
  /** The record stays: another cookie, another node or another configuration may open it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The record is good for nobody and goes. */
  | { readonly kind: 'unusable'; readonly reason: Unusable };

export interface AdmissionDeps {
  readonly keyRing: KeyRing;
  readonly providers: Providers;
  readonly origin: string;
  readonly limits: Limits;
}

/** Never throws. */
export function admit(
  found: { readonly cookie: SessionCookie; readonly key: string; readonly stored: StoredRecord },
  deps: AdmissionDeps,
): Admission {
  const { cookie, key, stored } = found;
  const opened = openRecord(stored, deps.keyRing, cookie);
  if (opened.kind === 'unusable') return opened;
  if (opened.kind !== 'opened') return { kind: 'refused', reason: opened.kind };
  const { record, stale } = opened;
  if (record.origin !== deps.origin) return { kind: 'refused', reason: 'other-origin' };
  const provider = providerOf(record, deps.providers);
  if (provider === null) return { kind: 'refused', reason: 'other-provider' };
  const names = { cookie, key, logId: sessionLogId(key), provider };
  const live = createLiveSession(names, { version: stored.version, record }, deps.limits);
  live.stale = stale;
  return { kind: 'admitted', live };
}

/** A name in the configuration may come to mean another provider: tokens of the old one must not be sent there. */
export function providerOf(record: SessionRecord, providers: Providers): Provider | null {
  const provider = providers.get(record.provider);
  return provider !== undefined && sameIssuer(provider.issuer, record.issuer) ? provider : null;
}

/** An issuer may gain or lose a slash at its end when the metadata arrive; identities keep what the tokens said. */
function sameIssuer(a: string, b: string): boolean {
  return a === b || a.replace(/\/$/, '') === b.replace(/\/$/, '');
}
