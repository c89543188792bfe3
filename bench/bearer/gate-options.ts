/** A gate with one application that is reached by every kind of credential, in the same way but for it. */
import { randomBytes } from 'node:crypto';
import { hashApiKey } from '../../src/api-keys/key-hash.ts';
import { generateApiKey } from '../../src/api-keys/key-text.ts';
import { type GateOptions, identified } from '../candidates/sallyport.ts';
import { audience, type TokenIssuer } from './token-issuer.ts';

export interface CredentialGate {
  readonly options: GateOptions;
  readonly apiKey: string;
}

/** What the gate remembers; a token that comes again after more than so many others is new to it. */
export const remembered = 10_000;

export async function credentialGate(issuer: TokenIssuer, adminPort: number): Promise<CredentialGate> {
  const apiKey = generateApiKey('bench', randomBytes);
  const hash = await hashApiKey(apiKey, randomBytes);
  const claims = { email: 'bench@example.com' };
  const app = { cluster: 'app', bodyLimit: '1GiB', ...identified };
  const main = {
    issuers: [{ issuer: issuer.issuer, jwksUri: issuer.keySetUrl }],
    audience: [audience],
    cacheSize: remembered,
  };
  const assertion = { assertion: { audience: 'https://app.example.com', claims: ['email'] } };
  return {
    apiKey,
    options: {
      home: 'gate-credentials',
      sections: {
        apis: { main },
        apiKeys: { keys: { bench: { hash, claims } } },
        admin: { address: `127.0.0.1:${adminPort}` },
      },
      routes: [
        // The same request, which nobody looks at.
        { path: '/plain/**', cluster: 'app', access: 'public', passAuthorization: true },
        { path: '/bearer/**', ...app, authenticate: ['bearer'], api: 'main', upstreamToken: 'pass' },
        {
          path: '/either/**',
          ...app,
          authenticate: ['session', 'bearer'],
          api: 'main',
          upstreamToken: 'access',
        },
        { path: '/key/**', ...app, authenticate: ['api-key'] },
        { path: '/assertion/**', ...app, authenticate: ['session'], upstreamToken: assertion },
      ],
    },
  };
}
