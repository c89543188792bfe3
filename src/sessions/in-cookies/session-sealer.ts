/** From a session to its cookies and back: sealed under the key ring, cut, and written as `Set-Cookie` fields. */
import type { RandomBytes } from '../../core/clock.ts';
import type { HeaderList } from '../../core/headers.ts';
import type { KeyRing } from '../../keys/key-ring.ts';
import { cookiesWithPrefix } from '../cookie-header.ts';
import { type Cutter, createWrite, mostPieces, type Pieces } from './pieces.ts';
import {
  encodeSession,
  type OpenedSession,
  openSession,
  type SealedSession,
  sealedLength,
  sealSession,
} from './sealed-session.ts';

export type OpenedPieces =
  | (Extract<OpenedSession, { kind: 'opened' }> & { readonly pieces: Pieces })
  | Exclude<OpenedSession, { kind: 'opened' }>;

export interface SessionSealer {
  /** New cookies for a session. Null: it does not fit, with `spare` characters more. */
  seal(session: SealedSession, spare?: number): Pieces | null;
  /** Never throws. */
  open(values: readonly string[]): OpenedPieces;
  /** Sets these pieces and clears those behind them, of which the browser may have `held` in all. */
  setCookies(pieces: Pieces, held: number): readonly string[];
  /** Clears every cookie that a session could have. */
  clearAll(): readonly string[];
  /** Clears the cookies of this request that a reader takes for pieces, whatever their number; from `from` on. */
  clearSent(headers: HeaderList, from: number): readonly string[];
}

/** So many cookies that nobody here has written are cleared in one answer at most. */
const mostCleared = 32;

export function createSessionSealer(
  cutter: Cutter,
  deps: { readonly keyRing: KeyRing; readonly random: RandomBytes },
): SessionSealer {
  const { keyRing, random } = deps;

  const clear = (from: number, to: number): readonly string[] =>
    Array.from({ length: Math.max(0, to - from) }, (_, i) => cutter.setCookie(from + i, ''));
  const all = clear(0, mostPieces);

  /** `12` of `<prefix>12`; null for what no reader looks at, or no `Set-Cookie` can name. */
  const numberIn = (name: string): string | null => {
    const number = name.slice(cutter.prefix.length);
    return /^[0-9][A-Za-z0-9_-]{0,63}$/.test(number) ? number : null;
  };

  return {
    seal(session, spare = 0) {
      const encoded = encodeSession(session);
      const length = sealedLength(encoded);
      const count = cutter.countFor(length);
      if (count === null || length + spare > cutter.capacity) return null;
      const cut = { write: createWrite(random), count };
      return cutter.cut(sealSession(encoded, cut, keyRing), cut);
    },
    open(values) {
      const joined = cutter.join(values);
      if (joined === null) return { kind: 'malformed' };
      const opened = openSession(joined.content, joined, keyRing);
      if (opened.kind !== 'opened') return opened;
      const { write, count } = joined;
      return { ...opened, pieces: { write, count, values: values.map(flat) } };
    },
    setCookies: (pieces, held) => [
      ...pieces.values.map((value, i) => cutter.setCookie(i, value)),
      ...clear(pieces.count, held),
    ],
    clearAll: () => all,
    clearSent(headers, from) {
      const numbers = new Set(cookiesWithPrefix(headers, cutter.prefix).map(({ name }) => numberIn(name)));
      return [...numbers]
        .filter((number) => number !== null && !(/^[0-9]$/.test(number) && Number(number) < from))
        .slice(0, mostCleared)
        .map((number) => cutter.setCookie(number as string, ''));
    },
  };
}

/** A string of its own, which does not keep the header alive that it was cut from. */
function flat(value: string): string {
  return Buffer.from(value, 'latin1').toString('latin1');
}
