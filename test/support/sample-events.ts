/** One event of every kind, as the product emits them. */
import type { EventName, Events } from '../../src/core/events.ts';

export const finished: Events['request.finished'] = {
  requestId: 'r-1',
  method: 'GET',
  path: '/api/items',
  route: '/api/**',
  decision: 'forward',
  status: 200,
  session: 'k3x9Qz1b',
  client: '192.0.2.7',
  durationMs: 12.34,
  upstreamMs: 10.01,
  bytesIn: 0,
  bytesOut: 512,
  error: null,
  aborted: false,
};

export const sampleEvents: { readonly [Name in EventName]: Events[Name] } = {
  'request.finished': finished,
  'login.started': { requestId: 'r-1', provider: 'main' },
  'login.succeeded': {
    requestId: 'r-1',
    provider: 'main',
    subject: 'alice',
    session: 'k3x9Qz1b',
    client: '192.0.2.7',
  },
  'login.failed': {
    requestId: 'r-1',
    provider: 'main',
    code: 'ERR_LOGIN_FAILED',
    detail: 'nonce-mismatch',
    client: '192.0.2.7',
  },
  'session.refreshed': { provider: 'main', session: 'k3x9Qz1b', durationMs: 31 },
  'session.refresh-failed': { provider: 'main', session: 'k3x9Qz1b', reason: 'invalid-grant' },
  'session.ended': { session: 'k3x9Qz1b', reason: 'logout' },
  'token.revoked': { provider: 'main', outcome: 'revoked' },
  'provider.called': { provider: 'main', call: 'token', outcome: 'ok', durationMs: 20 },
  'key.skipped': { provider: 'main', reason: 'unknown-type' },
  'store.failed': { operation: 'get', reason: 'SQLITE_FULL' },
  'upstream.failed': {
    requestId: 'r-1',
    cluster: 'app',
    code: 'ERR_UPSTREAM_UNREACHABLE',
    cause: 'ECONNREFUSED',
  },
  'provider.metadata-refused': { provider: 'main', reason: 'token_endpoint is on another host' },
  'header.omitted': { requestId: 'r-1', route: '/**', header: 'x-groups', reason: 'too-long' },
  'request.crashed': { requestId: 'r-1', error: 'TypeError', stack: 'at carry (carry.ts:1:2)' },
  'process.started': { version: '0.1.0', address: '127.0.0.1:8080', admin: null },
  'process.draining': { inFlight: 3 },
  'process.stopped': { drained: true },
  'config.warned': { message: 'a switch with a loud name is on' },
};
