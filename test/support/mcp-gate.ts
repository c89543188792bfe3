/** A gate in front of an MCP server, with a provider where clients register themselves. */
import { freePort } from './free-port.ts';
import { exampleConfig, startExampleProvider } from './gate.ts';
import { type GateAlone, startGateAlone } from './gate-alone.ts';
import { publicMcpClient } from './mcp-client.ts';
import { type RunningMcpServer, startMcpServer } from './mcp-server.ts';
import type { RealProvider } from './real-provider.ts';

export interface McpGate extends GateAlone {
  /** Where clients find the MCP server; also its identifier (RFC 8707). */
  readonly resource: string;
  /** The same server for those who may write. */
  readonly writeUrl: string;
  /** Another resource at the same provider. */
  readonly other: string;
  readonly provider: RealProvider;
  readonly server: RunningMcpServer;
}

const scopesSupported = ['notes.read', 'notes.write'];
const scope = scopesSupported.join(' ');

export async function startMcpGate(): Promise<McpGate> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const resource = `${url}/mcp`;
  const other = `${url}/other`;
  const server = await startMcpServer();
  const provider = await startExampleProvider(url, {
    asks: true,
    machines: [publicMcpClient('known')],
    apis: {
      registration: true,
      resources: { [resource]: { scope, format: 'jwt' }, [other]: { scope, format: 'jwt' } },
    },
  });
  const mcp = { cluster: 'app', authenticate: ['bearer'], api: 'mcp' };
  const requestHeaders = { 'X-User': '{claims.sub}', 'X-Client': '{claims.client_id}' };
  const gate = await startGateAlone({
    url,
    config: {
      ...exampleConfig({ issuer: provider.issuer, appUrl: server.url }),
      apis: { mcp: { issuers: ['main'], audience: [resource], resource, leeway: '0s', scopesSupported } },
      routes: [
        { ...mcp, path: '/mcp', scopes: ['notes.read'], requestHeaders },
        { ...mcp, path: '/mcp/write', scopes: ['notes.write'], requestHeaders },
        { ...mcp, path: '/mcp/pass', upstreamToken: 'pass' },
      ],
    },
  });
  const close = async () => {
    await gate.close();
    await provider.close();
    await server.close();
  };
  // Not spread: what it tells changes.
  return Object.assign(Object.create(gate), {
    resource,
    writeUrl: `${resource}/write`,
    other,
    provider,
    server,
    close,
  });
}
