/**
 * An MCP server of the official SDK over streamable HTTP, as an application behind the gate: with sessions and streams, and
 * without any check of its own who calls.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

export interface McpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface RunningMcpServer {
  readonly url: string;
  /** Every request that reached it. */
  readonly requests: readonly McpRequest[];
  /** Ids of the sessions that are open. */
  readonly sessions: ReadonlySet<string>;
  /** Says something to every client that listens (its GET stream). */
  announce(text: string): Promise<void>;
  /** Lets the tool `count` go on by one step. */
  step(): void;
  close(): Promise<void>;
}

interface Open {
  readonly server: McpServer;
  readonly transport: StreamableHTTPServerTransport;
}

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

function createMcpServer(nextStep: () => Promise<void>): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' }, { capabilities: { logging: {} } });
  server.registerTool('whoami', { description: 'Headers of the request' }, ({ requestInfo }) =>
    text(JSON.stringify(requestInfo?.headers ?? {})),
  );
  server.registerTool(
    'count',
    { description: 'Tells its progress', inputSchema: { to: z.number() } },
    async ({ to }, { _meta, sendNotification }) => {
      const progressToken = _meta?.progressToken ?? 0;
      for (let progress = 1; progress <= to; progress += 1) {
        const params = { progressToken, progress, total: to };
        await sendNotification({ method: 'notifications/progress', params });
        await nextStep();
      }
      return text(`counted to ${to}`);
    },
  );
  return server;
}

/** Lets whoever waits go on, one by one; a step that comes too early is kept. */
function createSteps() {
  const waiting: (() => void)[] = [];
  let ahead = 0;
  return {
    wait: () =>
      new Promise<void>((resolve) => {
        if (ahead === 0) waiting.push(resolve);
        else {
          ahead -= 1;
          resolve();
        }
      }),
    step() {
      const next = waiting.shift();
      if (next === undefined) ahead += 1;
      else next();
    },
  };
}

export async function startMcpServer(): Promise<RunningMcpServer> {
  const open = new Map<string, Open>();
  const requests: McpRequest[] = [];
  const steps = createSteps();

  const begin = async (): Promise<StreamableHTTPServerTransport> => {
    const server = createMcpServer(steps.wait);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void open.set(id, { server, transport }),
      onsessionclosed: (id) => void open.delete(id),
    });
    // The SDK's own types do not fit each other under `exactOptionalPropertyTypes`.
    await server.connect(transport as Transport);
    return transport;
  };

  const app = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    requests.push({ method, path, headers });
    let body = '';
    for await (const chunk of request) body += chunk;
    const message: unknown = body === '' ? undefined : JSON.parse(body);
    const known = open.get(String(headers['mcp-session-id']))?.transport;
    const transport = known ?? (isInitializeRequest(message) ? await begin() : null);
    if (transport === null) return response.writeHead(404).end();
    await transport.handleRequest(request, response, message);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(app.address() as AddressInfo).port}`,
    requests,
    get sessions() {
      return new Set(open.keys());
    },
    async announce(data) {
      for (const { server } of open.values()) await server.sendLoggingMessage({ level: 'info', data });
    },
    step: steps.step,
    async close() {
      for (const { server } of open.values()) await server.close();
      app.closeAllConnections();
      await new Promise((resolve) => app.close(resolve));
    },
  };
}
