/**
 * Which servers hold which keys: found once, looked at again and again, and at once when a server says otherwise. One
 * server, a master behind sentinels and a cluster differ in nothing but how they are found (`Discover`).
 */
import type { SallyportError } from '../../core/errors.ts';
import { hashSlot } from './hash-slot.ts';
import { redisFailure, redisUnavailable } from './redis-error.ts';
import type { RedisLink } from './redis-link.ts';
import { type Endpoint, nameOf } from './redis-url.ts';

/** What was found. */
export interface View {
  /** In an order that lasts as long as nothing changes. */
  readonly masters: readonly Endpoint[];
  /** Which of the masters each slot belongs to; -1: none. Null when there is one master for all. */
  readonly slots: Int16Array | null;
}

/** Looks once. `doubt`: who was asked last may be wrong, others are to be asked first. */
export type Discover = (doubt: boolean) => Promise<View>;

export interface Topology {
  /** The server that a command for this key goes to; throws `ERR_STORE_UNAVAILABLE` when none is known. */
  linkOf(key: string): RedisLink;
  /** Set while the servers are looked for and none is known yet. */
  firstLook(): Promise<void> | null;
  /** Every server that is written to; none until the first were found. */
  masters(): readonly RedisLink[];
  /** A server of which another one told. */
  linkTo(endpoint: Endpoint): RedisLink;
  /** A server told that its slot has gone there. */
  moved(key: string, endpoint: Endpoint): void;
  /** Looks again, because what is known seems to be wrong. Never rejects. */
  refresh(): Promise<void>;
  /** Null when all masters are connected; else why not. */
  trouble(): SallyportError | null;
  /** Calls whenever masters or their connections have changed. */
  onChange(listener: () => void): void;
  close(): void;
}

export interface TopologyDeps {
  readonly discover: Discover;
  readonly createLink: (endpoint: Endpoint, onChange: () => void) => RedisLink;
  /** Milliseconds between looks; null: once is enough. */
  readonly every: number | null;
}

/** Milliseconds between looks while something is wrong. */
const whileInTrouble = 200;

export function createTopology({ discover, createLink, every }: TopologyDeps): Topology {
  const links = new Map<string, RedisLink>();
  const retired = new Set<RedisLink>();
  const listeners: (() => void)[] = [];
  let masters: readonly RedisLink[] = [];
  let slots: Int16Array | null = null;
  let failure: SallyportError | null = redisFailure('closed');
  let looking: Promise<void> | null = null;
  let looked = false;
  let doubt = false;
  let next: NodeJS.Timeout | null = null;
  let closed = false;

  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  /** A server that is lost may have been replaced. */
  const linkChanged = (): void => {
    changed();
    if (every !== null && looking === null && trouble() !== null) schedule();
  };
  const linkTo = (endpoint: Endpoint): RedisLink => {
    const name = nameOf(endpoint);
    const link = links.get(name) ?? createLink(endpoint, linkChanged);
    links.set(name, link);
    return link;
  };
  const trouble = (): SallyportError | null =>
    failure ?? masters.reduce<SallyportError | null>((found, link) => found ?? link.trouble(), null);

  /** Replies that are on their way may still come. */
  const retire = (link: RedisLink): void => {
    retired.add(link);
    const leave = () => {
      retired.delete(link);
      link.close();
    };
    setTimeout(leave, 1000).unref();
  };

  const apply = (view: View): void => {
    const before = masters;
    masters = view.masters.map(linkTo);
    slots = view.slots;
    failure = masters.length === 0 ? redisFailure('no-master') : null;
    for (const [name, link] of links) {
      if (masters.includes(link)) continue;
      links.delete(name);
      retire(link);
    }
    if (before.length !== masters.length || before.some((link, index) => link !== masters[index])) changed();
  };

  const look = async (): Promise<void> => {
    const doubted = doubt;
    doubt = false;
    try {
      const view = await discover(doubted || trouble() !== null);
      if (!closed) apply(view);
    } catch (error) {
      if (masters.length === 0) failure = redisUnavailable(error);
      changed();
    }
    looking = null;
    looked = true;
    schedule();
  };
  const start = (): Promise<void> => {
    if (next !== null) clearTimeout(next);
    looking ??= closed ? Promise.resolve() : look();
    return looking;
  };
  const schedule = (): void => {
    if (next !== null) clearTimeout(next);
    if (closed || (every === null && failure === null)) return;
    next = setTimeout(start, trouble() === null && !doubt ? (every ?? whileInTrouble) : whileInTrouble);
    next.unref();
  };

  // Not now: who looks may need what is returned here.
  queueMicrotask(start);
  return {
    firstLook: () => (masters.length === 0 && !looked ? start() : null),
    linkOf(key) {
      const link = masters[slots === null ? 0 : (slots[hashSlot(key)] ?? -1)];
      if (link === undefined) throw failure ?? redisFailure('no-master');
      return link;
    },
    masters: () => masters,
    linkTo,
    moved(key, endpoint) {
      const index = masters.indexOf(linkTo(endpoint));
      if (slots !== null && index !== -1) slots[hashSlot(key)] = index;
      doubt = true;
      start();
    },
    refresh() {
      doubt = true;
      return start();
    },
    trouble,
    onChange(listener) {
      listeners.push(listener);
    },
    close() {
      closed = true;
      if (next !== null) clearTimeout(next);
      for (const link of [...links.values(), ...retired]) link.close();
    },
  };
}
