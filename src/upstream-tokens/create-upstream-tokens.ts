/** Obtains the token that the application of a route gets: see `upstream-tokens.ts` for what it promises. */
import type { Session } from '../core/session.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { UpstreamTokens } from './upstream-tokens.ts';

export function createUpstreamTokens(): UpstreamTokens {
  return {
    obtain(_head, route, { session, caller }) {
      const rule = route.upstreamToken;
      if (rule === 'pass') return caller?.token == null ? null : bearer(caller.token);
      if (rule !== 'access' && rule !== 'id') return null;
      return session === null ? null : bearer(tokenOf(session, rule));
    },
    async close() {},
  };
}

function tokenOf({ tokens }: Session, rule: 'access' | 'id'): string {
  return rule === 'access' ? tokens.accessToken : tokens.idToken;
}

function bearer(token: string): UpstreamToken {
  return { header: 'authorization', value: `Bearer ${token}`, prove: null, renew: null };
}
