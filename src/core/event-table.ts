/** What each event is for, and how it is logged: one table from which the log and the reference page are made. */
import type { EventName } from './events.ts';

export interface EventDefinition {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Audit events say who did what to whose access. */
  readonly audit: boolean;
  readonly help: string;
}

export const eventTable: { readonly [Name in EventName]: EventDefinition } = {
  'request.finished': { level: 'info', audit: false, help: 'A request was answered: the access log.' },
  'login.started': { level: 'debug', audit: true, help: 'A browser was sent to the provider.' },
  'login.succeeded': { level: 'info', audit: true, help: 'A person signed in and a session began.' },
  'login.failed': {
    level: 'warn',
    audit: true,
    help: 'A sign-in ended without a session; `detail` names the check.',
  },
  'session.refreshed': { level: 'debug', audit: false, help: 'The tokens of a session were renewed.' },
  'session.refresh-failed': {
    level: 'warn',
    audit: true,
    help: 'A renewal failed. `invalid-grant` ended the session.',
  },
  'session.ended': { level: 'info', audit: true, help: 'A session ended, and why.' },
  'sessions.ended': {
    level: 'info',
    audit: true,
    help: 'Sessions were ended together: by a logout at the provider, by an operator, or by the person.',
  },
  'logout.received': {
    level: 'info',
    audit: true,
    help: 'The provider told of a logout; `detail` names the check that refused it.',
  },
  'record.discarded': {
    level: 'warn',
    audit: false,
    help: 'A record in the store is no session of this gate: it was removed.',
  },
  'key.old-used': {
    level: 'debug',
    audit: false,
    help: 'Something was opened with a key that is not the first of its ring. When this ends, the key can go.',
  },
  'keys.reloaded': {
    level: 'info',
    audit: true,
    help: 'A key file has changed and its keys are in use.',
  },
  'keys.reload-failed': {
    level: 'error',
    audit: false,
    help: 'A key file has changed and cannot be used; the keys of before stay in use.',
  },
  'token.revoked': {
    level: 'debug',
    audit: true,
    help: 'A token was revoked at the provider, or could not be.',
  },
  'provider.called': {
    level: 'debug',
    audit: false,
    help: 'A call to the provider, its outcome and its duration.',
  },
  'provider.metadata-refused': {
    level: 'error',
    audit: false,
    help: 'The metadata of a provider cannot be accepted, so nobody can sign in there; `reason` says what to change.',
  },
  'provider.client-refused': {
    level: 'error',
    audit: false,
    help: 'The provider refuses the gate itself, so no opaque token can be checked: look at `clientId` and at how the client authenticates.',
  },
  'key.skipped': {
    level: 'warn',
    audit: false,
    help: 'A key of the provider is not usable and was left out.',
  },
  'store.failed': {
    level: 'error',
    audit: false,
    help: 'The session store failed; requests with a session get 503.',
  },
  'store.lost': {
    level: 'warn',
    audit: false,
    help: 'The store no longer tells of changes: sessions are read again with each request until it does.',
  },
  'store.regained': { level: 'info', audit: false, help: 'The store tells of changes again.' },
  'upstream.failed': {
    level: 'warn',
    audit: false,
    help: 'A request could not be carried to the application.',
  },
  'request.crashed': {
    level: 'error',
    audit: false,
    help: 'A bug: the request got `ERR_INTERNAL`. Please report it with `stack`.',
  },
  'credential.refused': {
    level: 'debug',
    audit: true,
    help: 'A bearer token or an API key was refused; `detail` names the check.',
  },
  'token.verified': {
    level: 'debug',
    audit: false,
    help: 'A bearer token was verified, by its signature or at its issuer. A remembered one is not verified again.',
  },
  'token.withheld': {
    level: 'warn',
    audit: false,
    help: 'A token was not sent: the application is not among its audiences (`clusters.*.audiences`), or it is bound to a key of the caller (DPoP), and of use to nobody else.',
  },
  'header.omitted': {
    level: 'warn',
    audit: false,
    help: 'A request header made from claims was left out because its value is too long.',
  },
  'process.started': { level: 'info', audit: false, help: 'The gate accepts connections.' },
  'process.draining': {
    level: 'info',
    audit: false,
    help: 'The gate no longer accepts and finishes what runs.',
  },
  'process.stopped': {
    level: 'info',
    audit: false,
    help: 'The gate has stopped; `drained` tells whether all was finished.',
  },
  'worker.started': { level: 'info', audit: false, help: 'A worker process accepts connections.' },
  'worker.ended': {
    level: 'warn',
    audit: false,
    help: 'A worker process has ended without having been told to; it is replaced.',
  },
  'config.warned': {
    level: 'warn',
    audit: false,
    help: 'Something in the configuration is legal but deserves a look.',
  },
};
