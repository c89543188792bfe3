/** Why an address cannot be listened on, for the operator. */
import { formatAddress } from '../core/format-address.ts';
import type { HostPort } from '../core/scalars.ts';

export function explainListenError(error: NodeJS.ErrnoException, address: HostPort): string {
  const where = formatAddress(address);
  if (error.code === 'EADDRINUSE') return `${where} is taken: another process listens there`;
  if (error.code === 'EACCES') return `${where} needs privileges: ports below 1024 are reserved`;
  if (error.code === 'EADDRNOTAVAIL') return `${where} is no address of this machine`;
  if (error.code === 'ENOTSUP' || error.code === 'EINVAL')
    return `${where} cannot be shared by several processes: this system has no SO_REUSEPORT that balances; write \`workers: 1\``;
  return `cannot listen on ${where}: ${error.code ?? 'unknown error'}`;
}
