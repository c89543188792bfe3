/** Bearer tokens while nobody can get the keys that they are checked with: the gate cannot tell, and lets nobody in. */
import assert from 'node:assert/strict';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createEcho, type Echo } from '../support/echo.ts';
import { signAccessToken } from '../support/fake-token-issuer.ts';
import { type GateAlone, startGateAlone } from '../support/gate-alone.ts';

const audience = 'https://api.test';

let app: Echo;
before(async () => {
  app = await createEcho();
});
after(() => app?.close());
beforeEach(() => app.reset());

const ways: readonly (readonly [title: string, answer: (response: ServerResponse) => void])[] = [
  ['an error', (response) => response.writeHead(500).end()],
  ['a page', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello</p>')],
  ['no key set', (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}')],
  ['a broken connection', (response) => response.destroy()],
  ['nothing', () => {}],
];

for (const [title, answer] of ways) {
  describe(`an issuer whose keys are ${title}`, () => {
    let issuer: Server;
    let gate: GateAlone;
    let token: string;

    before(async () => {
      issuer = createServer((_request, response) => answer(response));
      await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
      const iss = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
      const now = Math.floor(Date.now() / 1000);
      const life = { iat: now, exp: now + 300 };
      token = await signAccessToken({
        iss,
        aud: audience,
        sub: 'alice',
        client_id: 'cli',
        jti: '1',
        ...life,
      });
      gate = await startGateAlone({
        config: {
          clusters: { app: { targets: [app.url] } },
          session: { store: 'memory' },
          apis: {
            main: {
              issuers: [{ issuer: iss, jwksUri: `${iss}/jwks`, timeout: '300ms' }],
              audience: [audience],
            },
          },
          routes: [
            { path: '/api/**', cluster: 'app', authenticate: ['bearer'], api: 'main' },
            { path: '/open/**', cluster: 'app', access: 'public' },
          ],
        },
      });
    });

    after(async () => {
      await gate?.close();
      issuer?.closeAllConnections();
      issuer?.close();
    });

    const call = (path: string, headers: Readonly<Record<string, string>> = {}) =>
      fetch(gate.url + path, { headers, redirect: 'manual' });

    test('RP-150: its tokens are 503, at first use and after, and are not called bad', async () => {
      for (const _ of ['first', 'again']) {
        const response = await call('/api/x', { authorization: `Bearer ${token}` });
        assert.equal(response.status, 503);
        assert.equal(response.headers.get('www-authenticate'), null);
        assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
      }
      assert.equal(app.requests.length, 0);
    });

    test('RS-021: who brings nothing, or a token of somebody else, is told so all the same', async () => {
      assert.equal((await call('/api/x')).status, 401);
      assert.equal((await call('/api/x', { authorization: 'Bearer opaque' })).status, 401);
      assert.equal((await call('/open/x', { authorization: `Bearer ${token}` })).status, 200);
    });
  });
}
