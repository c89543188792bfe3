/** Goes through all records, master by master, with SCAN. */
import { createHash } from 'node:crypto';
import type { Page } from '../store.ts';
import { readLabels } from './labels.ts';
import { redisUnavailable } from './redis-error.ts';
import type { RedisLink } from './redis-link.ts';
import { nameOf } from './redis-url.ts';
import type { Router } from './router.ts';
import type { Topology } from './topology.ts';

export interface ListingDeps {
  readonly topology: Topology;
  readonly router: Router;
  readonly prefix: string;
}

/** Where a page begins: which master, which server that is, and the server's own cursor. */
interface Place {
  readonly index: number;
  /** Digest of its address: a cursor means nothing to another server, which then begins anew. */
  readonly server: string;
  readonly cursor: string;
}

export function createListing({ topology, router, prefix }: ListingDeps) {
  return async (begin: string, cursor: string | null, limit: number): Promise<Page> => {
    const masters = topology.masters();
    if (masters.length === 0) topology.linkOf('');
    const place = readCursor(cursor);
    const master = masters[place.index];
    if (master === undefined) return { records: [], cursor: null };
    const from = place.server === digestOf(master) ? place.cursor : '0';
    const { next, keys } = await scan(master, from, { match: `${escaped(prefix + begin)}*`, count: limit });
    const labels = await readLabels(
      router,
      prefix,
      keys.map((key) => key.slice(prefix.length)),
    );
    return { records: labels.filter((listed) => listed !== null), cursor: nextCursor(masters, place, next) };
  };
}

async function scan(link: RedisLink, cursor: string, { match, count }: { match: string; count: number }) {
  const bounded = Math.min(Math.max(Math.ceil(count), 10), 1000);
  try {
    const reply = await link.send(['SCAN', cursor, 'MATCH', match, 'COUNT', `${bounded}`]);
    const [next, keys] = reply as [unknown, readonly unknown[]];
    return { next: String(next), keys: [...new Set(keys.map(String))] };
  } catch (error) {
    throw redisUnavailable(error, link.endpoint);
  }
}

function nextCursor(masters: readonly RedisLink[], place: Place, next: string): string | null {
  const index = next === '0' ? place.index + 1 : place.index;
  const master = masters[index];
  return master === undefined ? null : `${index}.${digestOf(master)}.${next}`;
}

/** Comes back from whoever was given it: what is not ours begins at the beginning. */
function readCursor(cursor: string | null): Place {
  const match = /^(\d{1,4})\.([0-9a-f]{16})\.(\d{1,20})$/.exec(cursor ?? '');
  if (match === null) return { index: 0, server: '', cursor: '0' };
  return { index: Number(match[1]), server: match[2] as string, cursor: match[3] as string };
}

function digestOf(link: RedisLink): string {
  return createHash('sha256').update(nameOf(link.endpoint)).digest('hex').slice(0, 16);
}

/** As text in a pattern of `MATCH`. */
function escaped(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}
