/** An address as people write it. */
import type { HostPort } from './scalars.ts';

/** `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
