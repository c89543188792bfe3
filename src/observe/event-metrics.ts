/** Metrics of the events that are rare next to requests: logins, refreshes, provider calls, failures. */
import type { Registry } from 'prom-client';
import type { EventName, Events } from '../core/events.ts';
import { createBoundedLabel } from './bounded-label.ts';
import { makeCounter, makeHistogram } from './make-metric.ts';

export type EventHandlers = { readonly [Name in EventName]?: (event: Events[Name]) => void };

/** Names from the configuration and words from the code; the ceiling holds should one of them be neither. */
const limit = 200;

export function createEventMetrics(registry: Registry): EventHandlers {
  return {
    ...loginMetrics(registry),
    ...sessionMetrics(registry),
    ...keyMetrics(registry),
    ...credentialMetrics(registry),
    ...failureMetrics(registry),
  };
}

function loginMetrics(registry: Registry): EventHandlers {
  const started = makeCounter(registry, 'sallyport_logins_started_total');
  const logins = makeCounter(registry, 'sallyport_logins_total');
  const provider = createBoundedLabel(limit);
  return {
    'login.started': (event) => started.inc({ provider: provider(event.provider) }),
    'login.succeeded': (event) => logins.inc({ provider: provider(event.provider), outcome: 'succeeded' }),
    'login.failed': (event) => logins.inc({ provider: provider(event.provider ?? '-'), outcome: event.code }),
  };
}

function sessionMetrics(registry: Registry): EventHandlers {
  const refreshes = makeCounter(registry, 'sallyport_refreshes_total');
  const refreshTime = makeHistogram(registry, 'sallyport_refresh_duration_seconds');
  const ended = makeCounter(registry, 'sallyport_sessions_ended_total');
  const revoked = makeCounter(registry, 'sallyport_tokens_revoked_total');
  const logouts = makeCounter(registry, 'sallyport_provider_logouts_total');
  const discarded = makeCounter(registry, 'sallyport_records_discarded_total');
  const provider = createBoundedLabel(limit);
  return {
    'session.refreshed': (event) => {
      refreshes.inc({ provider: provider(event.provider), outcome: 'refreshed' });
      refreshTime.observe({ provider: provider(event.provider) }, event.durationMs / 1000);
    },
    'session.refresh-failed': (event) => {
      const outcome = event.reason === 'invalid-grant' ? 'rejected' : 'failed';
      refreshes.inc({ provider: provider(event.provider), outcome });
    },
    'session.ended': (event) => ended.inc({ reason: event.reason }),
    'sessions.ended': ({ reason, count }) => ended.inc({ reason }, count ?? 0),
    'logout.received': ({ channel, outcome }) => logouts.inc({ channel, outcome }),
    'record.discarded': (event) => discarded.inc({ reason: event.reason }),
    'token.revoked': (event) => revoked.inc({ provider: provider(event.provider), outcome: event.outcome }),
  };
}

function keyMetrics(registry: Registry): EventHandlers {
  const opened = makeCounter(registry, 'sallyport_opened_with_old_key_total');
  const failed = makeCounter(registry, 'sallyport_keys_reload_failed_total');
  const id = createBoundedLabel(limit);
  return {
    'key.old-used': ({ ring, key }) => opened.inc({ ring, key: id(key) }),
    'keys.reload-failed': ({ ring }) => failed.inc({ ring }),
  };
}

function credentialMetrics(registry: Registry): EventHandlers {
  const refused = makeCounter(registry, 'sallyport_credentials_refused_total');
  const verified = makeCounter(registry, 'sallyport_tokens_verified_total');
  const withheld = makeCounter(registry, 'sallyport_tokens_withheld_total');
  const api = createBoundedLabel(limit);
  const detail = createBoundedLabel(limit);
  const cluster = createBoundedLabel(limit);
  return {
    'credential.refused': (event) =>
      refused.inc({ kind: event.kind, api: api(event.api ?? '-'), detail: detail(event.detail) }),
    'token.verified': (event) => verified.inc({ api: api(event.api), how: event.how }),
    'token.withheld': (event) => withheld.inc({ cluster: cluster(event.cluster) }),
  };
}

function failureMetrics(registry: Registry): EventHandlers {
  const calls = makeHistogram(registry, 'sallyport_provider_call_duration_seconds');
  const keys = makeCounter(registry, 'sallyport_provider_keys_skipped_total');
  const store = makeCounter(registry, 'sallyport_store_failures_total');
  const lost = makeCounter(registry, 'sallyport_store_lost_total');
  const upstream = makeCounter(registry, 'sallyport_upstream_failures_total');
  const crashes = makeCounter(registry, 'sallyport_request_crashes_total');
  const headers = makeCounter(registry, 'sallyport_headers_omitted_total');
  const workers = makeCounter(registry, 'sallyport_workers_lost_total');
  const provider = createBoundedLabel(limit);
  const header = createBoundedLabel(limit);
  const operation = createBoundedLabel(limit);
  const cluster = createBoundedLabel(limit);
  return {
    'provider.called': ({ provider: name, call, outcome, durationMs }) =>
      calls.observe({ provider: provider(name), call, outcome }, durationMs / 1000),
    'key.skipped': (event) => keys.inc({ provider: provider(event.provider) }),
    'store.failed': (event) => store.inc({ operation: operation(event.operation) }),
    'store.lost': () => lost.inc(),
    'upstream.failed': (event) => upstream.inc({ cluster: cluster(event.cluster), code: event.code }),
    'header.omitted': (event) => headers.inc({ header: header(event.header) }),
    'request.crashed': () => crashes.inc(),
    'worker.ended': () => workers.inc(),
  };
}
