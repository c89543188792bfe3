/** What only works in one process or on one machine, and what the nodes of a fleet must have in common. */
import type { Finding } from './issues.ts';
import { isMapping, valueAt } from './schema-tree.ts';

type Data = Readonly<Record<string, unknown>>;

/** Null when it is all right. */
type Rule = (
  session: Data,
  surroundings: {
    readonly isFleet: boolean;
    readonly hasWorkers: boolean;
    /** Whether anything is remembered that the other processes have to know: sessions, or proofs that were used. */
    readonly isShared: boolean;
    readonly takesProofs: boolean;
  },
) => string | null;

const shareable = 'write `{ redis: { url: … } }`, or `cookie`';
const newKey = 'make one with `sallyport keys generate`';

/** By the member of `session` that they are about. */
const rules: readonly (readonly [member: string, rule: Rule])[] = [
  [
    'store',
    ({ store }, { isFleet }) =>
      isFleet && (store === 'memory' || store === 'sqlite')
        ? `is \`${store}\`, which the other nodes of a fleet do not see: ${shareable}`
        : null,
  ],
  [
    'store',
    ({ store }, { isFleet, hasWorkers, isShared }) =>
      hasWorkers && !isFleet && isShared && store === 'memory'
        ? 'is `memory`, which the other workers do not see, neither sessions nor DPoP proofs: write `sqlite`, or `workers: 1`, or `dpop: { use: never }` in an api without sessions'
        : null,
  ],
  [
    'keys',
    ({ store, keys }, { isFleet }) => {
      if (keys !== undefined) return null;
      if (isMapping(store)) return `is missing: gates that share a Redis need the same keys; ${newKey}`;
      return isFleet ? `is missing: every node of a fleet needs the same keys; ${newKey}` : null;
    },
  ],
  [
    'keys',
    ({ keys }) =>
      isMapping(keys) && (Object.hasOwn(keys, 'file') || Object.hasOwn(keys, 'env'))
        ? 'is one entry: write it in a list, as `[{ file: … }]`'
        : null,
  ],
  [
    'denyList',
    ({ store, denyList }) =>
      denyList !== undefined && store !== 'cookie'
        ? 'is for `store: cookie` alone: other stores delete what has ended'
        : null,
  ],
  [
    'denyList',
    ({ store, denyList }, { isFleet, hasWorkers, takesProofs }) =>
      (isFleet || hasWorkers) && takesProofs && store === 'cookie' && denyList === undefined
        ? 'is missing: without it each process knows only the DPoP proofs that it has seen itself. Write `{ redis: { url: … } }`, `sqlite` for workers of one machine, or `dpop: { use: never }` in every api'
        : null,
  ],
  [
    'denyList',
    ({ denyList }, { isFleet }) =>
      denyList === 'sqlite' && isFleet
        ? 'is `sqlite`, a file that the other nodes of a fleet do not see: write `{ redis: { url: … } }`'
        : null,
  ],
  [
    'maxPerPerson',
    ({ store, maxPerPerson }) =>
      store === 'cookie' && maxPerPerson !== undefined
        ? 'cannot be kept with `store: cookie`, which does not know what other browsers hold: write `sqlite` or `{ redis: … }`'
        : null,
  ],
];

export function checkFleet(data: Data): readonly Finding[] {
  const session = { store: 'sqlite', ...(isMapping(data.session) ? data.session : {}) };
  const { workers } = data;
  const isFleet = data.fleet === true;
  const hasWorkers = workers === 'auto' || (typeof workers === 'number' && workers > 1);
  const hasProofs = takesProofs(data);
  const isShared = takesSessions(data) || hasProofs;
  return rules.flatMap(([member, rule]) => {
    const reason = rule(session, { isFleet, hasWorkers, isShared, takesProofs: hasProofs });
    return reason === null ? [] : [{ path: ['session', member], reason, suggestion: null }];
  });
}

/** What is not written as it should be counts as if it took sessions. */
function takesSessions({ routes }: Data): boolean {
  if (!Array.isArray(routes)) return true;
  return routes.some((route: unknown) => {
    if (!isMapping(route)) return true;
    if (Array.isArray(route.authenticate)) return route.authenticate.includes('session');
    return route.access !== 'public';
  });
}

/** A DPoP proof counts once (RFC 9449 section 11.1), whichever process it comes to. */
function takesProofs({ apis }: Data): boolean {
  return isMapping(apis) && Object.values(apis).some((api) => valueAt(api, ['dpop', 'use']) !== 'never');
}
