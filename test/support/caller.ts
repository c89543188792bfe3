/** Somebody who brought a token of its own. */
import type { ApiCaller } from '../../src/core/api-caller.ts';

export function createCaller(claims: Record<string, unknown> = {}): ApiCaller {
  return {
    kind: 'bearer',
    name: 'client-1',
    identity: {
      provider: 'main',
      issuer: 'https://login.test',
      subject: 'machine',
      claims: Object.assign(Object.create(null), claims),
    },
    scopes: new Set(['read']),
    audiences: ['https://api.test'],
    token: 'token-of-the-caller',
    scheme: 'Bearer',
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}
