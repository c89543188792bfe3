/** Goes through all records, master by master, with SCAN. */
import { createHash } from 'node:crypto';
import type { Page } from '../store.ts';
import { readLabels } from './labels.ts';
import { redisFailure, redisUnavailable } from './redis-error.ts';
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

/** Keys that the server looks at in one step: enough to get on among foreign keys, too few to hold others up. */
const fewest = 250;
/** Steps for one page. */
const mostLooks = 20;

/**
 * A page holds about as many as are wanted, or fewer, or none, where the server is full of other keys: only the cursor says whether
 * there is more.
 */
export function createListing({ topology, router, prefix }: ListingDeps) {
  const look = async (cursor: string | null, match: string, count: number) => {
    const masters = topology.masters();
    const place = readCursor(cursor);
    const master = masters[place.index];
    if (masters.length === 0) throw topology.trouble() ?? redisFailure('no-master');
    if (master === undefined) return { keys: [], next: null };
    const from = place.server === digestOf(master) ? place.cursor : '0';
    const { next, keys } = await scan(master, from, { match, count });
    return { keys, next: nextCursor(masters, place, next) };
  };

  return async (begin: string, cursor: string | null, limit: number): Promise<Page> => {
    const match = `${escaped(prefix + begin)}*`;
    const wanted = Math.min(Math.max(Math.ceil(limit), 1), 1000);
    const keys = new Set<string>();
    let next = cursor;
    for (let looks = 0; looks < mostLooks && keys.size < wanted; looks += 1) {
      const found = await look(next, match, Math.max(wanted, fewest));
      for (const key of found.keys) keys.add(key.slice(prefix.length));
      next = found.next;
      if (next === null) break;
    }
    const labels = await readLabels(router, prefix, [...keys]);
    return { records: labels.filter((listed) => listed !== null), cursor: next };
  };
}

/** One SCAN. An empty page is no end: other keys may fill the server. */
async function scan(link: RedisLink, cursor: string, { match, count }: { match: string; count: number }) {
  try {
    const reply = await link.send(['SCAN', cursor, 'MATCH', match, 'COUNT', `${count}`]);
    const [next, keys] = reply as [unknown, readonly unknown[]];
    return { next: String(next), keys: keys.map(String) };
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
