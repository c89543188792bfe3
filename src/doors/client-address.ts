/**
 * Who is at the other end. Trust is by the peer's address, never by counting hops; `X-Forwarded-For` and
 * `X-Forwarded-Proto` are the only words believed, and only from a trusted peer. `Forwarded` (RFC 7239) is not read: a
 * proxy that appends to one and passes the other through would let the client choose which counts.
 */
import { type BlockList, isIPv4, isIPv6 } from 'node:net';
import type { Client } from '../core/request-head.ts';

/** Longest chain that is walked; a longer one ends at the address reached. */
const maxHops = 64;

export interface ClientAddress {
  /** Whether the words of this peer are believed. `peer` is `parseAddress`ed. */
  isTrusted(peer: string): boolean;
  /**
   * The client behind a trusted `peer`: the right-most address that is not itself a trusted proxy. The certificate is
   * the client's as the proxy says; that of the proxy itself is nobody's.
   */
  behind(peer: Client, forwarded: Forwarded): Client;
}

/** What a trusted peer says of the client. */
export interface Forwarded {
  /** `X-Forwarded-For`; empty without one. */
  readonly forwardedFor: string;
  /** `X-Forwarded-Proto`; empty without one. */
  readonly forwardedProto: string;
  /** `x5t#S256`; null without a certificate. */
  readonly certificateThumbprint: string | null;
}

export function createClientAddress(trusted: BlockList): ClientAddress {
  const isTrusted = (address: string) => trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  return {
    isTrusted,
    behind(peer, { forwardedFor, forwardedProto, certificateThumbprint }) {
      let { address } = peer;
      let end = forwardedFor.length;
      for (let hop = 0; hop < maxHops && end > 0 && isTrusted(address); hop++) {
        const comma = forwardedFor.lastIndexOf(',', end - 1);
        const next = parseAddress(forwardedFor.slice(comma + 1, end));
        // `unknown`, an obfuscated identifier, garbage: the last address that is known is the one there is.
        if (next === null) break;
        address = next;
        end = comma;
      }
      return {
        address,
        scheme: forwardedProto === '' ? peer.scheme : forwardedProto === 'https' ? 'https' : 'http',
        certificateThumbprint,
      };
    },
  };
}

/**
 * The address in a list entry or of a socket: without port, brackets, quotes and zone; IPv4-mapped IPv6 as IPv4. Null
 * when it is none.
 */
export function parseAddress(text: string): string | null {
  let address = text.trim();
  if (address.length > 64) return null;
  if (address.startsWith('"') && address.endsWith('"')) address = address.slice(1, -1);
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(address);
  if (bracketed !== null) address = bracketed[1] as string;
  else if (/^[\d.]+:\d{1,5}$/.test(address)) address = address.slice(0, address.indexOf(':'));
  const mapped = /^::ffff:([\d.]+)$/i.exec(address);
  if (mapped !== null) address = mapped[1] as string;
  if (isIPv4(address)) return address;
  const zone = address.indexOf('%');
  if (zone >= 0) address = address.slice(0, zone);
  return isIPv6(address) ? address.toLowerCase() : null;
}
