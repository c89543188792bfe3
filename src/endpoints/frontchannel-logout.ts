/**
 * `GET frontchannel-logout?iss&sid`: the provider shows this in a frame when somebody signs out there (OpenID Connect
 * Front-Channel Logout 1.0). Nothing is signed, so it ends exactly the session whose `sid` is named, which nobody can
 * guess, and it works without a cookie, as browsers send none into frames of other sites (LO-030).
 */
import type { Respond } from '../core/decision.ts';
import { toSallyportError } from '../core/errors.ts';
import type { RequestHead } from '../core/request-head.ts';
import type { Provider } from '../oidc/provider.ts';
import { framePage } from '../pages/frame-page.ts';
import { createAddressCounter } from './address-counter.ts';
import { pageAnswer } from './answers.ts';
import type { EndpointContext } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { readQuery, single } from './form.ts';
import { isSpeculative } from './navigation.ts';
import { problemResponse } from './problem.ts';

const maxSid = 1000;

/** Anybody can ask: so an address has only so many. */
const limit = { count: 100, window: 10_000 };

/**
 * A deny-list cannot know which sessions there are, so each one is written down for as long as a session may live. All the
 * addresses of the world together have only so many.
 */
const denialLimit = { count: 200, window: 10_000 };
const everybody = 'everybody';

interface Named {
  readonly sid: string;
  readonly providers: readonly Provider[];
}

/** Fails with `ERR_STORE_UNAVAILABLE`: then the session lives on. */
export function createFrontchannelLogout(context: EndpointContext): Endpoint {
  const { directory } = context.sessions;
  const perAddress = createAddressCounter(limit, context.clock);
  const denials = createAddressCounter(denialLimit, context.clock);
  const isOneTooMany = (named: Named) =>
    directory.abilities === 'end' && named.providers.some(() => denials.isOneTooMany(everybody));
  return async (head) => {
    if (perAddress.isOneTooMany(head.client.address)) return refuse(head, 429, 'too-many-requests');
    const named = head.method === 'GET' && !isSpeculative(head) ? readNamed(context, head) : null;
    if (named === null || directory.abilities === 'none') {
      report(context, head, { provider: named?.providers[0] ?? null, detail: 'parameters' });
      return refuse(head, 400, 'logout-refused');
    }
    if (isOneTooMany(named)) return refuse(head, 429, 'too-many-requests');
    for (const provider of named.providers) await endSession(context, head, { provider, sid: named.sid });
    return answer(named.providers);
  };
}

/** `iss` and `sid` exactly once each (section 2); null when one is missing or nobody's. */
function readNamed({ providers }: EndpointContext, head: RequestHead): Named | null {
  const query = readQuery(head);
  const issuer = single(query, 'iss');
  const sid = single(query, 'sid');
  if (issuer === null || sid === null || sid === '' || sid.length > maxSid) return null;
  const named = [...providers.values()].filter((provider) => provider.issuer === issuer);
  return named.length === 0 ? null : { sid, providers: named };
}

async function endSession(
  context: EndpointContext,
  head: RequestHead,
  { provider, sid }: { readonly provider: Provider; readonly sid: string },
): Promise<void> {
  const { sessions, emit } = context;
  const event = { channel: 'front', provider: provider.name, client: head.client.address } as const;
  try {
    // Not as a logout that the provider has signed: that leaves a note in the store, and anybody can ask for this one.
    await sessions.directory.end({ provider: provider.name, sid }, { reason: 'frontchannel-logout' });
  } catch (thrown) {
    const { code, detail } = toSallyportError(thrown);
    emit('logout.received', { ...event, outcome: 'failed', detail: detail ?? code });
    throw thrown;
  }
  emit('logout.received', { ...event, outcome: 'accepted', detail: null });
}

/** Whether there was such a session is not told: otherwise this would be the place to guess at (LO-032). */
function answer(providers: readonly Provider[]): Respond {
  const frameAncestors = [...new Set(providers.flatMap((provider) => provider.pageOrigins()))];
  return pageAnswer(framePage(), { status: 200, reason: 'logout-received', frameAncestors });
}

function report(
  { emit }: EndpointContext,
  head: RequestHead,
  { provider, detail }: { readonly provider: Provider | null; readonly detail: string },
): void {
  const client = head.client.address;
  emit('logout.received', {
    channel: 'front',
    provider: provider?.name ?? null,
    outcome: 'refused',
    detail,
    client,
  });
}

function refuse(head: RequestHead, status: 400 | 429, code: string): Respond {
  const problem = { status, title: 'No session was ended', code, requestId: head.id };
  return problemResponse(problem, {
    headers: status === 429 ? ['retry-after', String(limit.window / 1000)] : [],
  });
}
