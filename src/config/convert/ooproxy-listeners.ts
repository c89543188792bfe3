/** `LISTEN_URL`, `LISTEN_SSL_URL`, `CERT_FILE` and `CERT_PASSWORD` of ooproxy. */

import type { Conversation } from './conversation.ts';
import { type Setting, textOf } from './flat-settings.ts';
import { secretOf } from './ooproxy-secret.ts';

export interface Listeners {
  readonly publicUrl: string;
  readonly listen: Readonly<Record<string, unknown>>;
}

export function convertListeners(conversation: Conversation): Listeners {
  const plain = conversation.need('LISTEN_URL', 'write host and port, as 0.0.0.0:8080');
  const address = plain === null ? null : addressOf(plain, conversation);
  if (plain !== null) conversation.from(plain, ['listen', 'address']);
  conversation.note(
    null,
    ['listen', 'hosts'],
    'Like ooproxy, every Host is served. Name yours to refuse others.',
  );
  const tls = convertTls(conversation);
  const publicUrl = tls === null ? localUrl('http', address) : localUrl('https', tls.address);
  return { publicUrl, listen: { address, hosts: ['*'], ...(tls === null ? {} : { tls }) } };
}

interface TlsListener extends Readonly<Record<string, unknown>> {
  readonly address: string | null;
}

/** Like ooproxy: TLS is spoken when there are an address and a certificate, and then beside `LISTEN_URL`. */
function convertTls(conversation: Conversation): TlsListener | null {
  const { settings, from, note } = conversation;
  const [listen, certificate] = [settings.get('LISTEN_SSL_URL'), settings.get('CERT_FILE')];
  if (listen === null || certificate === null) {
    const alone = listen ?? certificate;
    // ooproxy says nothing and serves no TLS: who set one of them wanted it.
    if (alone !== null)
      settings.report(alone, `needs ${listen === null ? 'LISTEN_SSL_URL' : 'CERT_FILE'} as well`);
    if ((settings.get('CERT_PASSWORD')?.value ?? '') !== '')
      note('CERT_PASSWORD', ['listen'], 'Left out: there is no CERT_FILE.');
    return null;
  }
  from(listen, ['listen', 'tls', 'address']);
  from(certificate, ['listen', 'tls', 'pfx']);
  const file = textOf(certificate, settings.report);
  note('CERT_FILE', ['listen', 'tls', 'pfx'], 'Relative to this file; ooproxy: to its working directory.');
  return {
    address: addressOf(listen, conversation),
    pfx: { file },
    ...convertPassword(conversation),
  };
}

/** An empty one is none. */
function convertPassword(conversation: Conversation) {
  const password = conversation.settings.get('CERT_PASSWORD');
  if (password === null || password.value === '') return {};
  return { passphrase: secretOf(password, ['listen', 'tls', 'passphrase'], conversation) };
}

/** ooproxy takes host and port; a scheme and a slash, which it calls for by name, are taken as well. */
function addressOf(setting: Setting, { settings }: Conversation): string | null {
  return (
    textOf(setting, settings.report)
      ?.replace(/^https?:\/\//, '')
      .replace(/\/$/, '') ?? null
  );
}

/** Loopback alone may be an origin without knowing how the world reaches it. */
function localUrl(scheme: 'http' | 'https', address: string | null): string {
  const port = /:(\d+)$/.exec(address ?? '')?.[1] ?? '0';
  return port === '0' ? `${scheme}://localhost` : `${scheme}://localhost:${port}`;
}
