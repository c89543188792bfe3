/** The demo behind a TLS terminator, as in production: `__Host-` cookies, and answers of the provider by form_post. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startApp } from '../../demo/app.ts';
import { startProvider } from '../../demo/provider.ts';
import { createGate, formatProblems, loadConfig } from '../../src/index.ts';
import { freePort } from '../support/free-port.ts';

/** For `localhost`, signed by itself; it is used nowhere else and protects nothing. */
const tls = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgofF9DXgjS2EEvJRB
fWWqjAIMDE8VcCAdMtHn1P3UtymhRANCAASApuMUDdObkIEUZee1jvOUa54FKI4h
2Ti4bly6oadgCh9SzO7urHYpaHy+iBXB5T0JFn2HOjHMkIzqho9SVuwF
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBljCCATugAwIBAgIUeo/u8wcgDxZOow/HhvNv1OPAqvIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMDIyMTYwM1oYDzIxMjYxMDI3
MjIxNjAzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASApuMUDdObkIEUZee1jvOUa54FKI4h2Ti4bly6oadgCh9SzO7urHYp
aHy+iBXB5T0JFn2HOjHMkIzqho9SVuwFo2kwZzAdBgNVHQ4EFgQUVsqziPnn5PsK
+fX5QdcMO46WkIUwHwYDVR0jBBgwFoAUVsqziPnn5PsK+fX5QdcMO46WkIUwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SQAwRgIhAIRgBIW1Lvl1pQY9bx95UNFM2ABHvgtkDj31nYszT+2IAiEAqzG74qd+
rOJbMKdKpnAqZo/EMxWfwikhWxbPR5yxM0M=
-----END CERTIFICATE-----`,
};

export interface HttpsDemo {
  /** `https://localhost:…` */
  readonly gateUrl: string;
  readonly issuer: string;
}

export async function startHttpsDemo(
  t: TestContext,
  environment: Readonly<Record<string, string>>,
): Promise<HttpsDemo> {
  const [port, plainPort] = [await freePort(), await freePort()];
  const gateUrl = `https://localhost:${port}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-https-'));
  const provider = await startProvider({
    port: 0,
    dataDir,
    clients: [
      {
        clientId: 'sallyport-demo',
        clientSecret: 'not-a-secret-in-a-demo',
        redirectUris: [`${gateUrl}/.auth/callback`],
        postLogoutRedirectUris: [`${gateUrl}/.auth/signed-out`],
      },
    ],
  });
  const app = await startApp(0);
  const loaded = loadConfig({
    file: join(import.meta.dirname, '../../demo/sallyport.yaml'),
    env: {
      SALLYPORT_PUBLIC_URL: gateUrl,
      SALLYPORT_LISTEN__ADDRESS: `127.0.0.1:${plainPort}`,
      SALLYPORT_LISTEN__TRUSTED_PROXIES: '127.0.0.1',
      SALLYPORT_LISTEN__TIMEOUTS__DRAIN: '1s',
      SALLYPORT_DATA_DIR: dataDir,
      SALLYPORT_PROVIDERS__MAIN__ISSUER: provider.issuer,
      SALLYPORT_CLUSTERS__APP__TARGETS: app.url,
      SALLYPORT_LOG__LEVEL: 'silent',
      ...environment,
    },
  });
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems));
  const gate = createGate(loaded.config);
  await gate.listen();
  const front = createServer(tls, (request, response) => passOn(request, response, plainPort));
  await new Promise<void>((resolve) => front.listen(port, '127.0.0.1', resolve));
  t.after(async () => {
    front.closeAllConnections();
    front.close();
    await gate.close();
    await app.close();
    await provider.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { gateUrl, issuer: provider.issuer };
}

/** What a load balancer does. */
function passOn(request: IncomingMessage, response: ServerResponse, port: number): void {
  const headers = { ...request.headers, 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' };
  const upstream = httpRequest(
    { host: '127.0.0.1', port, method: request.method, path: request.url, headers, agent: false },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    },
  );
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}
