/**
 * By which names the listener may be asked. A page of a stranger can let its own name point to 127.0.0.1 and read what is
 * there (DNS rebinding); its `Host` gives it away. Probes and scrapers ask by address, or by a name that is configured.
 */
import { isIP } from 'node:net';
import type { AdminConfig } from './admin-config.ts';

/** `host` is undefined for HTTP/1.0 without one, which no browser sends. */
export type AdminHostCheck = (host: string | undefined) => boolean;

export function createAdminHostCheck({
  address,
  hosts,
}: Pick<AdminConfig, 'address' | 'hosts'>): AdminHostCheck {
  // Beyond loopback the names of services differ by installation: what is not configured is not checked.
  if (!isLoopback(address.host) && hosts.length === 0) return () => true;
  const names = new Set(['localhost', ...hosts]);
  return (host) => {
    if (host === undefined) return true;
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+))(?::\d{1,5})?$/.exec(host);
    if (match === null) return false;
    const [, inBrackets, name = ''] = match;
    if (inBrackets !== undefined) return isIP(inBrackets) === 6;
    return isIP(name) === 4 || names.has(name.toLowerCase());
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
