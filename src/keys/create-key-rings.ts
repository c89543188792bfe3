/** Makes both rings from the configuration, or from key files of their own, and follows the files. */
import { join } from 'node:path';
import type { RandomBytes } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { Secret } from '../core/secret.ts';
import { createKeyRing, type ReplaceableKeyRing } from './create-key-ring.ts';
import { generateKey, loadGeneratedKey } from './generated-key.ts';
import { type KeySource, type KeysConfig, type RingKeysRead, readRing, revealed } from './key-config.ts';
import type { KeyRings } from './key-ring.ts';
import { type FileContents, watchFiles } from './watch-files.ts';

export interface KeyRingsDeps {
  /**
   * Where `cookies.key` and `tokens.key` are made when nothing is configured; null: nowhere, each ring gets a key that
   * goes with this process, as do the sessions of a gate that keeps them in memory.
   */
  readonly dataDir: string | null;
  readonly random: RandomBytes;
  readonly emit: Emit;
  /** Milliseconds between two looks at the key files; 1000 when absent. */
  readonly interval?: number;
}

export const ringNames = ['cookies', 'tokens'] as const;

export type RingName = (typeof ringNames)[number];

/** Where the key file of a ring is when none is configured. */
export function generatedKeyFile(dataDir: string, ring: RingName): string {
  return join(dataDir, `${ring}.key`);
}

/** Throws `ERR_KEYS_UNAVAILABLE` when nothing is configured and no key can be made. */
export function createKeyRings(config: KeysConfig | undefined, deps: KeyRingsDeps): KeyRings {
  const { emit } = deps;
  const listeners: (() => void)[] = [];
  const sources = config ?? loadGeneratedKeys(deps);
  const rings = {
    cookies: followRing('cookies', sources.cookies, emit),
    tokens: followRing('tokens', sources.tokens, emit),
  };
  const watcher = watchFiles({
    known: filesOf([...sources.cookies, ...sources.tokens]),
    onChange(contents) {
      const retired = ringNames.filter((name) => rings[name].reload(contents));
      if (retired.length === 0) return;
      for (const listener of listeners) listener();
    },
    ...(deps.interval === undefined ? {} : { interval: deps.interval }),
  });
  return {
    cookies: rings.cookies.ring,
    tokens: rings.tokens.ring,
    onRetired: (listener) => void listeners.push(listener),
    close: watcher.close,
  };
}

function loadGeneratedKeys({ dataDir, random, emit }: KeyRingsDeps): KeysConfig {
  if (dataDir === null) return { cookies: [passingKey(random)], tokens: [passingKey(random)] };
  const load = (ring: RingName): KeySource[] => {
    const { source, warning } = loadGeneratedKey(generatedKeyFile(dataDir, ring), { random });
    if (warning !== null) emit('config.warned', { message: warning });
    return [source];
  };
  return { cookies: load('cookies'), tokens: load('tokens') };
}

function passingKey(random: RandomBytes): KeySource {
  return { file: null, text: new Secret(generateKey(random)) };
}

function filesOf(sources: readonly KeySource[]): ReadonlyMap<string, string> {
  const known = new Map<string, string>();
  for (const { file, text } of sources) if (file !== null) known.set(file, text.reveal());
  return known;
}

interface FollowedRing {
  readonly ring: ReplaceableKeyRing;
  /** Takes over what the files hold now, all of it or nothing. True when the ring has lost a key. */
  reload(contents: FileContents): boolean;
}

function followRing(name: RingName, sources: readonly KeySource[], emit: Emit): FollowedRing {
  const initial = readRing(sources.map(revealed));
  if (!initial.ok) throw new Error('a key that was not validated');
  const ring = createKeyRing(initial.keys, { onOldUsed: (key) => emit('key.old-used', { ring: name, key }) });
  /** What kept the last change from being used; null when the ring is what the files say. */
  let failure: string | null = null;
  return {
    ring,
    reload(contents) {
      const read = readAgain(sources, contents);
      if (!read.ok) {
        if (read.reason !== failure) emit('keys.reload-failed', { ring: name, reason: read.reason });
        failure = read.reason;
        return false;
      }
      const before = ring.ids;
      ring.replace(read.keys);
      const changed = before.join() !== ring.ids.join();
      if (changed || failure !== null) emit('keys.reloaded', { ring: name, keys: ring.ids });
      failure = null;
      return before.some((id) => !ring.ids.includes(id));
    },
  };
}

function readAgain(sources: readonly KeySource[], contents: FileContents): RingKeysRead {
  const current: { file: string | null; text: string }[] = [];
  for (const { file, text } of sources) {
    const content = file === null ? null : (contents.get(file) ?? null);
    if (content !== null && !content.ok) return content;
    current.push({ file, text: content === null ? text.reveal() : content.text });
  }
  return readRing(current);
}
