/** `UPSTREAM_URL`, `UPSTREAM_TIMEOUT_SECS`, `NUM_WORKERS` and `RUST_LOG` of ooproxy. */
import { isIP } from 'node:net';
import type { Conversation } from './conversation.ts';
import { numberOf, textOf } from './flat-settings.ts';
import { formatSeconds } from './seconds.ts';

type Fields = Readonly<Record<string, unknown>>;

const cluster = ['clusters', 'upstream'] as const;

export function convertUpstream(conversation: Conversation): Fields {
  const { settings, from, note } = conversation;
  const upstream = conversation.need(
    'UPSTREAM_URL',
    'write the URL of the application, as http://127.0.0.1:3000',
  );
  const url = upstream === null ? null : textOf(upstream, settings.report);
  if (upstream !== null) from(upstream, [...cluster, 'targets']);
  if (url?.endsWith('/')) {
    note(
      'UPSTREAM_URL',
      [...cluster, 'targets'],
      'The slash at its end counts for nothing; ooproxy sends two of them.',
    );
  }
  const host = hostOf(url);
  note(
    null,
    [...cluster, 'host'],
    host === 'preserve'
      ? 'Like ooproxy, the application gets the Host that the caller named.'
      : 'The application gets its own Host; ooproxy passes on the one of the caller, which an https address without a name cannot check.',
  );
  return { targets: [url], host, timeouts: { responseHead: convertTimeout(conversation) } };
}

function hostOf(url: string | null): 'preserve' | 'target' {
  const target = URL.parse(url ?? '');
  const isAddress = target !== null && isIP(target.hostname.replace(/^\[|\]$/g, '')) !== 0;
  return target?.protocol === 'https:' && isAddress ? 'target' : 'preserve';
}

function convertTimeout({ settings, from, note }: Conversation): string {
  const timeout = settings.get('UPSTREAM_TIMEOUT_SECS');
  const path = [...cluster, 'timeouts', 'responseHead'];
  const meaning =
    'until the answer begins. Within an answer 5 minutes of silence end it (`idle`); ooproxy waits for ever.';
  if (timeout === null) {
    note('UPSTREAM_TIMEOUT_SECS', path, `Not set, which is an hour, ${meaning}`);
    return '1h';
  }
  from(timeout, path);
  note('UPSTREAM_TIMEOUT_SECS', path, `Counts ${meaning}`);
  return formatSeconds(numberOf(timeout, 1, settings.report) ?? 1);
}

export function convertWorkers({ settings, from, note }: Conversation): Fields {
  const workers = settings.get('NUM_WORKERS');
  if (workers === null) return {};
  from(workers, ['workers']);
  note(
    'NUM_WORKERS',
    ['workers'],
    'Processes, not threads: each remembers for itself which tokens are good, and fetches keys.',
  );
  return { workers: numberOf(workers, 1, settings.report) };
}

const levels: Readonly<Record<string, string>> = {
  off: 'silent',
  error: 'error',
  warn: 'warn',
  warning: 'warn',
  info: 'info',
  debug: 'debug',
  trace: 'debug',
  all: 'debug',
};

const loudest = ['silent', 'error', 'warn', 'info', 'debug'];

/** Levels of env_logger: one for everything, or `module=level` separated by commas. The loudest counts. */
export function convertLog({ settings, from, note }: Conversation): Fields {
  const setting = settings.get('RUST_LOG');
  // An empty one is none, to env_logger as well.
  if (setting === null || setting.value === '') {
    note(
      'RUST_LOG',
      [],
      'Not set, so ooproxy logs errors alone. The gate logs each request as well: set `log.level` to change that.',
    );
    return {};
  }
  const path = ['log', 'level'];
  from(setting, path);
  const parts = (textOf(setting, settings.report) ?? '').split('/')[0]?.split(',') ?? [];
  const found = parts.map((part) => levels[part.split('=').at(-1)?.trim().toLowerCase() ?? ''] ?? 'debug');
  const level = found.sort((a, b) => loudest.indexOf(b) - loudest.indexOf(a))[0] ?? 'info';
  if (parts.some((part) => levels[part.trim().toLowerCase()] === undefined)) {
    note('RUST_LOG', path, 'The gate has one level for everything: the loudest of those.');
  }
  return { log: { level } };
}
