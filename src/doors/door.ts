/** What every exchange of one server door shares: its configuration, what it was given, and what runs right now. */
import type { Clock } from '../core/clock.ts';
import type { Decision, Respond } from '../core/decision.ts';
import type { SallyportError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import type { Carrier } from '../upstreams/carrier.ts';
import type { ActiveExchanges } from './active-exchanges.ts';
import type { CertificateReader } from './certificate-header.ts';
import type { ClientAddress } from './client-address.ts';
import type { FramingRules } from './framing.ts';
import type { ListenConfig } from './listen-config.ts';

export interface ServerDoorDeps {
  readonly publicUrl: URL;
  /** May answer at once: then nothing is awaited. Throws or rejects with `SallyportError`; all else is a bug. */
  readonly decide: (head: RequestHead, readBody: ReadBody) => MaybePromise<Decision>;
  /** The answer to a failure. `head` is null when the request was refused before it had one. */
  readonly failure: (head: RequestHead | null, error: SallyportError) => Respond;
  readonly carrier: Carrier;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Unique in this process, fit for logs and headers. */
  readonly requestIds?: () => string;
  /** Shares the port with other processes, among which the kernel spreads connections (`SO_REUSEPORT`). */
  readonly reusePort?: boolean;
}

export interface Door {
  readonly config: ListenConfig;
  readonly deps: ServerDoorDeps;
  readonly framingRules: FramingRules;
  readonly clientAddress: ClientAddress;
  /** Reads the field of `listen.clientCertificateHeader`. */
  readonly readCertificate: CertificateReader;
  readonly nextId: () => string;
  /** Requests whose answer is not complete, upgraded connections among them. */
  readonly active: ActiveExchanges;
  /** Set once a shutdown has begun: answers close their connection. */
  draining: boolean;
}
