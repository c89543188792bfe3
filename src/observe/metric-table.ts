/** Every metric that the gate offers: the metrics and their reference page are both made from this table. */

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Every label has a bounded set of values: names from the configuration and words from the code (DL-030). */
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
  /** What becomes of the values of several workers; their sum when absent. */
  readonly acrossWorkers?: 'max' | 'min' | 'first';
}

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export const metricTable = {
  sallyport_requests_total: {
    type: 'counter',
    labels: ['route', 'decision', 'status'],
    help: 'Requests answered, by route (`-` when none matched), decision (`forward`, the reason of the answer, or the error code) and class of status (`2xx`).',
  },
  sallyport_request_duration_seconds: {
    type: 'histogram',
    labels: ['route'],
    buckets: latencyBuckets,
    help: 'Time from the request head to the end of the answer, by route. Long-lived connections count when they end.',
  },
  sallyport_request_errors_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Requests that ended in an operational failure, by error code.',
  },
  sallyport_requests_aborted_total: {
    type: 'counter',
    labels: [],
    help: 'Requests whose answer was not completed: the client went away, or the connection was broken off.',
  },
  sallyport_requests_in_flight: {
    type: 'gauge',
    labels: [],
    help: 'Requests and upgraded connections that are being carried now.',
  },
  sallyport_request_crashes_total: {
    type: 'counter',
    labels: [],
    help: 'Bugs: unexpected exceptions. The log has the place.',
  },
  sallyport_logins_started_total: {
    type: 'counter',
    labels: ['provider'],
    help: 'Browsers sent to the provider to sign in.',
  },
  sallyport_logins_total: {
    type: 'counter',
    labels: ['provider', 'outcome'],
    help: 'Sign-ins that came back, by outcome: `succeeded`, or the error code.',
  },
  sallyport_refreshes_total: {
    type: 'counter',
    labels: ['provider', 'outcome'],
    help: 'Token refreshes, by outcome: `refreshed`, `rejected` (the session ended) or `failed` (it lives on).',
  },
  sallyport_refresh_duration_seconds: {
    type: 'histogram',
    labels: ['provider'],
    buckets: latencyBuckets,
    help: 'Time that a successful token refresh took.',
  },
  sallyport_sessions: {
    type: 'gauge',
    labels: [],
    acrossWorkers: 'max',
    help: 'Live sessions in the store.',
  },
  sallyport_sessions_ended_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Sessions that ended, by reason.',
  },
  sallyport_tokens_revoked_total: {
    type: 'counter',
    labels: ['provider', 'outcome'],
    help: 'Attempts to revoke a token at the provider, by outcome.',
  },
  sallyport_provider_logouts_total: {
    type: 'counter',
    labels: ['channel', 'outcome'],
    help: 'Logouts that a provider told of, by channel (`back`, `front`) and outcome: `accepted`, `refused` by a check, or `failed`, because the store did not answer.',
  },
  sallyport_provider_call_duration_seconds: {
    type: 'histogram',
    labels: ['provider', 'call', 'outcome'],
    buckets: latencyBuckets,
    help: 'Calls to the provider and how long they took, by call and outcome. Its `_count` is the number of calls.',
  },
  sallyport_provider_keys_skipped_total: {
    type: 'counter',
    labels: ['provider'],
    help: 'Keys in the key set of the provider that are not usable and were left out.',
  },
  sallyport_opened_with_old_key_total: {
    type: 'counter',
    labels: ['ring', 'key'],
    help: 'What was opened with a key that is not the first of its ring, by ring and id of the key. When it stands still for longer than `idleTimeout`, the key can go.',
  },
  sallyport_keys_reload_failed_total: {
    type: 'counter',
    labels: ['ring'],
    help: 'Changes of key files that could not be used, by ring; the keys of before stay in use.',
  },
  sallyport_store_failures_total: {
    type: 'counter',
    labels: ['operation'],
    help: 'Operations of the session store that failed.',
  },
  sallyport_store_lost_total: {
    type: 'counter',
    labels: [],
    help: 'How often the session store no longer told of changes, so that every request had to read its session.',
  },
  sallyport_records_discarded_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Records in the store that were no sessions of this gate and were removed, by reason.',
  },
  sallyport_credentials_refused_total: {
    type: 'counter',
    labels: ['kind', 'api', 'detail'],
    help: 'Bearer tokens and API keys that were refused, by api (`-` for keys) and check.',
  },
  sallyport_tokens_verified_total: {
    type: 'counter',
    labels: ['api', 'how'],
    help: 'Bearer tokens that were verified, by their signature or at their issuer. Remembered ones are not verified again.',
  },
  sallyport_tokens_withheld_total: {
    type: 'counter',
    labels: ['cluster'],
    help: 'Tokens that were not sent to an application that is not among their audiences.',
  },
  sallyport_upstream_failures_total: {
    type: 'counter',
    labels: ['cluster', 'code'],
    help: 'Requests that could not be carried to the application, by cluster and error code.',
  },
  sallyport_headers_omitted_total: {
    type: 'counter',
    labels: ['header'],
    help: 'Request headers made from claims that were left out because the value is too long, by name of the header.',
  },
  sallyport_log_lines_dropped_total: {
    type: 'counter',
    labels: [],
    help: 'Log lines dropped because standard output did not take them: the gate never waits for its log.',
  },
  sallyport_workers: {
    type: 'gauge',
    labels: [],
    help: 'Processes that serve now.',
  },
  sallyport_workers_lost_total: {
    type: 'counter',
    labels: [],
    help: 'Workers that ended without having been told to. Each is replaced.',
  },
  sallyport_build_info: {
    type: 'gauge',
    labels: ['version', 'node'],
    acrossWorkers: 'first',
    help: 'Always 1; the labels say what runs.',
  },
  process_cpu_user_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Processor time spent in user mode.',
  },
  process_cpu_system_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Processor time spent in the kernel.',
  },
  process_resident_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Resident memory of the process. Of several workers and what starts them: together.',
  },
  process_start_time_seconds: {
    type: 'gauge',
    labels: [],
    acrossWorkers: 'min',
    help: 'When the process started, as Unix time. Of several workers: when the gate did.',
  },
  nodejs_heap_used_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Used part of the JavaScript heap.',
  },
  nodejs_external_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Memory of buffers and other objects outside the JavaScript heap.',
  },
  nodejs_eventloop_utilization: {
    type: 'gauge',
    labels: [],
    acrossWorkers: 'max',
    help: 'Share of the time since the last scrape in which the event loop was busy, from 0 to 1. Of several workers: the busiest one.',
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricTable;
