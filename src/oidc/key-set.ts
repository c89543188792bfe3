/** A key set (RFC 7517) that has been read: finds the keys that can have made a signature, and imports each but once. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { fitsHeader, type PublicJwk, readJwk } from './jwk-check.ts';
import { Refusal } from './refusal.ts';
import type { JsonObject } from './strict-json.ts';

/** What the header of a token says about its key. */
export interface KeyHint {
  readonly alg: string;
  readonly kid: string | null;
}

export interface KeySet {
  /**
   * One key, a few under the same key id, or none. Fails with a `Refusal` when a token without key id fits several.
   */
  select(hint: KeyHint): readonly KeyObject[];
}

/** Keys under one key id that are tried. */
const maxCandidates = 4;

const none: readonly KeyObject[] = [];

/** What cannot be used is left out, and each reason told once by `skipped`, however many they are. */
export function createKeySet(keys: readonly unknown[], skipped: (reason: string) => void): KeySet {
  const usable = readKeys(keys, skipped);
  const imported = new Map<PublicJwk, KeyObject | null>();
  /** What was found, so that a token of a known key costs one look-up. Bounded by the keys and their algorithms. */
  const found = new Map<string, readonly KeyObject[]>();

  /** Null when it turns out to be none: a point off its curve is found only here. */
  const importKey = (jwk: PublicJwk): KeyObject | null => {
    const known = imported.get(jwk);
    if (known !== undefined) return known;
    const key = importJwk(jwk);
    if (key === null) skipped('malformed');
    imported.set(jwk, key);
    return key;
  };

  return {
    select({ alg, kid }) {
      const id = `${alg} ${kid ?? ''}`;
      const known = found.get(id);
      if (known !== undefined) return known;
      const fitting = usable.filter((jwk) => fitsHeader(jwk, alg, kid));
      if (fitting.length === 0) return none;
      if (kid === null && fitting.length > 1) throw new Refusal('key-ambiguous');
      const candidates = fitting
        .slice(0, maxCandidates)
        .map(importKey)
        .filter((key) => key !== null);
      if (kid !== null) found.set(id, candidates);
      return candidates;
    },
  };
}

/** Null when the members make no key. */
export function importJwk(jwk: PublicJwk): KeyObject | null {
  try {
    return createPublicKey({ key: { ...jwk.members }, format: 'jwk' });
  } catch {
    return null;
  }
}

function readKeys(keys: readonly unknown[], skipped: (reason: string) => void): readonly PublicJwk[] {
  const reasons = new Set<string>();
  const usable: PublicJwk[] = [];
  for (const key of keys) {
    const read = typeof key === 'object' && key !== null ? readJwk(key as JsonObject) : 'malformed';
    if (typeof read === 'string') reasons.add(read);
    else usable.push(read);
  }
  for (const reason of reasons) skipped(reason);
  return usable;
}
