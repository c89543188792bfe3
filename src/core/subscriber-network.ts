/** Whom an address stands for where something is counted or shared out by address. */

/**
 * The first four groups of an IPv6 address, zeros written out: a network of 64 bits is what one subscriber has (RFC 6177),
 * who could otherwise come from another address each time. Anything else as it is.
 */
export function subscriberNetwork(address: string): string {
  const [front = ''] = address.split('::', 1);
  if (!address.includes(':') || front === '') return address;
  const groups = front.split(':');
  return [...groups, '0', '0', '0'].slice(0, 4).join(':');
}
