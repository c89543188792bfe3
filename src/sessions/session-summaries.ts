/** Sessions as they can be seen from outside: read from the labels in the store, which open without a cookie. */
import type { KeyRing } from '../keys/key-ring.ts';
import type { Listed, Store } from '../stores/store.ts';
import { expiresAt, type Limits } from './limits.ts';
import { sessionKeyPrefix, sessionLogId } from './session-cookie.ts';
import type { SessionFilter, SessionSummary } from './session-directory.ts';
import { sidTag, subjectTag } from './session-entry.ts';
import { openLabel } from './session-label.ts';

export interface SummariesDeps {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly limits: Limits;
  /** Names of the providers in the configuration. */
  readonly providers: readonly string[];
}

export interface Summaries {
  /** Null when the label does not open: of another key ring, or damaged. */
  read(listed: Listed): SessionSummary | null;
  /** The records that a tag or an id leads to; null when nothing leads there and all have to be looked through. */
  find(filter: SessionFilter): Promise<readonly Listed[] | null>;
}

const idPattern = /^[A-Za-z0-9_-]{43}$/;

export function createSummaries(deps: SummariesDeps): Summaries {
  const { store, keyRing, limits } = deps;

  const byId = async (id: string): Promise<readonly Listed[]> => {
    if (!idPattern.test(id)) return [];
    const key = sessionKeyPrefix + id;
    const found = await store.get(key);
    return found === null ? [] : [{ key, label: found.label, expiresAt: found.expiresAt }];
  };

  /** Without a provider: at each of them. */
  const byTag = async (
    tagOf: (provider: string, word: string) => string,
    { word, provider }: { readonly word: string; readonly provider: string | undefined },
  ): Promise<readonly Listed[]> => {
    const names = provider === undefined ? deps.providers : [provider];
    const found = await Promise.all(names.map((name) => store.tagged(tagOf(name, word))));
    return found.flat();
  };

  return {
    read({ key, label }) {
      const opened = label === null ? null : openLabel(label, keyRing, key);
      if (opened === null) return null;
      const { digest: _, ...about } = opened;
      return {
        id: key.slice(sessionKeyPrefix.length),
        logId: sessionLogId(key),
        ...about,
        expiresAt: expiresAt(about, limits),
      };
    },

    async find({ id, provider, subject, sid }) {
      const lists = await Promise.all([
        ...(id === undefined ? [] : [byId(id)]),
        ...(subject === undefined ? [] : [byTag(subjectTag, { word: subject, provider })]),
        ...(sid === undefined ? [] : [byTag(sidTag, { word: sid, provider })]),
      ]);
      return lists.length === 0 ? null : inAll(lists);
    },
  };
}

/** What is in every one of the lists, each once. */
function inAll([first, ...others]: readonly (readonly Listed[])[]): readonly Listed[] {
  const keys = others.map((list) => new Set(list.map(({ key }) => key)));
  const found = (first ?? []).filter(({ key }) => keys.every((set) => set.has(key)));
  return [...new Map(found.map((listed) => [listed.key, listed])).values()];
}
