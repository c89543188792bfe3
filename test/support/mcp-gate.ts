/** A gate in front of an MCP server, with a provider where clients register themselves. */
import { freePort } from './free-port.ts';
import { startExampleProvider } from './gate.ts';
import { type GateAlone, startGateAlone } from './gate-alone.ts';
import { publicMcpClient } from './mcp-client.ts';
import { type RunningMcpServer, startMcpServer } from './mcp-server.ts';
import type { RealProvider } from './real-provider.ts';
import { machine } from './real-provider-apis.ts';

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

/** A client that acts for itself. */
export const mcpMachine = { clientId: 'machine', clientSecret: 'machine-secret-machine-secret' };

/** Where a page runs that is an MCP client. */
export const pageOrigin = 'https://inspector.test';

const scopesSupported = ['notes.read', 'notes.write'];
const scope = scopesSupported.join(' ');

export async function startMcpGate(): Promise<McpGate> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const resource = `${url}/mcp`;
  const other = `${url}/other`;
  const server = await startMcpServer();
  const provider = await startExampleProvider(url, {
    asks: true,
    machines: [publicMcpClient('known'), { ...mcpMachine, redirectUris: [], metadata: machine }],
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
      apis: {
        mcp: {
          issuers: [{ issuer: provider.issuer }],
          audience: [resource],
          resource,
          scopesSupported,
          corsOrigins: [pageOrigin],
          leeway: '0s',
        },
      },
      clusters: { app: { targets: [server.url] } },
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
