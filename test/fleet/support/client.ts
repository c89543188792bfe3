/** Browsers' requests to the nodes of a fleet over shared, kept connections, with everything that goes wrong on the way. */
import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import { fetchHeaders } from '../../support/user-agent.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly setCookies: readonly string[];
  readonly body: string;
}

export interface Asking {
  /** As the field has it; none when absent. */
  readonly cookie?: string;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds after which the client goes away: closes the connection, or resets it. */
  readonly leaveAfter?: number;
  /** The same, as soon as this is resolved. */
  readonly leaveWhen?: Promise<unknown>;
  readonly reset?: boolean;
}

export interface FleetClient {
  /** Rejects with the error of the connection when no whole answer came. */
  ask(url: string, asking?: Asking): Promise<Reply>;
  /**
   * The same for an idempotent request that is sent again, as HTTP allows (RFC 9110 section 9.2.2): when a connection
   * that had been used before was closed without a byte of an answer.
   */
  askAgain(url: string, asking?: Asking): Promise<Reply>;
  /** Requests that `askAgain` had to send once more. */
  readonly resent: number;
  close(): void;
}

/** Closed ones that a client may find in a row among those it has kept. */
const mostTries = 20;

/** What a request is rejected with. */
interface Failure extends Error {
  /** Nothing of an answer was seen, on a connection that had been used before. */
  readonly isStale?: boolean;
}

/** `host` is the `Host` of every request: that of the fleet. */
export function createFleetClient(host: string, connections = Number.POSITIVE_INFINITY): FleetClient {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  let resent = 0;
  const ask = (url: string, asking: Asking = {}): Promise<Reply> => send(url, asking, { agent, host });
  return {
    ask,
    async askAgain(url, asking) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await ask(url, asking);
        } catch (error) {
          if ((error as Failure).isStale !== true || tries === mostTries) throw error;
          resent += 1;
        }
      }
    },
    get resent() {
      return resent;
    },
    close: () => agent.destroy(),
  };
}

function send(
  url: string,
  { cookie, method = 'GET', body, headers, leaveAfter, leaveWhen, reset = false }: Asking,
  { agent, host }: { readonly agent: Agent; readonly host: string },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = { ...fetchHeaders, host, ...(cookie === undefined ? {} : { cookie }), ...headers };
    const outgoing = request(url, { agent, method, headers: sent });
    const leaving = leaveAfter === undefined ? null : setTimeout(() => leave(outgoing, reset), leaveAfter);
    let readBefore = 0;
    const failed = (error: Error): void => {
      if (leaving !== null) clearTimeout(leaving);
      const isStale = outgoing.reusedSocket && outgoing.socket?.bytesRead === readBefore;
      reject(Object.assign(error, { isStale }));
    };
    outgoing.on('error', failed);
    outgoing.on('socket', (socket) => {
      readBefore = socket.bytesRead;
    });
    outgoing.on('response', (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('error', failed);
      incoming.on('end', () => {
        if (leaving !== null) clearTimeout(leaving);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          setCookies: incoming.headers['set-cookie'] ?? [],
          body: text,
        });
      });
    });
    void leaveWhen?.then(() => leave(outgoing, reset));
    outgoing.end(body);
  });
}

function leave(outgoing: ClientRequest, reset: boolean): void {
  if (reset) outgoing.socket?.resetAndDestroy();
  outgoing.destroy();
}
