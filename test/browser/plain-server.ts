/** A small HTTP server on loopback, by two names: another site (`127.0.0.1`), or another origin of the same site. */
import { createServer, type RequestListener } from 'node:http';
import type { TestContext } from 'node:test';

export interface PlainServer {
  readonly port: number;
  /** Another site than the gate's `localhost`. */
  readonly crossSite: string;
  /** Another origin, but the same site: cookies take no notice of ports. */
  readonly sameSite: string;
}

export async function startPlainServer(t: TestContext, handler: RequestListener): Promise<PlainServer> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  t.after(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const { port } = address;
  return { port, crossSite: `http://127.0.0.1:${port}`, sameSite: `http://localhost:${port}` };
}

export function servePage(html: string): RequestListener {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
  };
}
