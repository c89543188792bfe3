/**
 * Which addresses a call to the provider may reach. Metadata is written by the provider and read by us: without a rule
 * it could send the gate to the cloud's metadata service or into the private network (SSRF).
 */
import { BlockList, isIP } from 'node:net';

/** `forbidden` is never a provider; `inward` is loopback or private; `public` is the rest. */
export type AddressKind = 'forbidden' | 'inward' | 'public';

type Range = readonly [address: string, prefix: number];

/** Unspecified, link-local, multicast, broadcast, and the addresses at which clouds hand out credentials. */
const forbidden = blockList([
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.192', 32],
  ['100.100.100.200', 32],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
  ['::', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32],
]);

const inward = blockList([
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['240.0.0.0', 4],
  ['::1', 128],
  ['fc00::', 7],
]);

function blockList(ranges: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of ranges) list.addSubnet(address, prefix, family(address));
  return list;
}

function family(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** The IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4), or null. */
function embeddedIpv4(address: string): string | null {
  const groups = ipv6Groups(address);
  const [a, b, c, d, e, f, g, h] = groups as [number, number, number, number, number, number, number, number];
  const zeroTo = (count: number) => groups.slice(0, count).every((group) => group === 0);
  if (a === 0x2002) return dotted(b, c);
  if (a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0) return dotted(g, h);
  if (zeroTo(5) && f === 0xffff) return dotted(g, h);
  return zeroTo(6) && (g !== 0 || h > 1) ? dotted(g, h) : null;
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The eight groups of a valid IPv6 address; the URL parser knows every way to write one. */
function ipv6Groups(address: string): number[] {
  const text = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...middle, ...right].map((group) => Number.parseInt(group, 16));
}

/** `address` is an IPv4 or IPv6 address without brackets; anything else is `forbidden`. */
export function classifyAddress(address: string): AddressKind {
  const version = isIP(address);
  if (version === 0) return 'forbidden';
  if (version === 6) {
    const embedded = embeddedIpv4(address);
    if (embedded !== null) return classifyAddress(embedded);
  }
  const plain = address.replace(/%.*$/, '');
  const kind = version === 6 ? 'ipv6' : 'ipv4';
  if (forbidden.check(plain, kind)) return 'forbidden';
  return inward.check(plain, kind) ? 'inward' : 'public';
}

/** Whether `hostname` (of a URL) names this machine without asking a resolver. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
