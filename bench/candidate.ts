/** A proxy under measurement. */

export interface Candidate {
  readonly name: CandidateName;
  /** `http://localhost:…` */
  readonly url: string;
  /** The process whose tree is measured. */
  readonly pid: number;
  /** What to send as `Cookie` to be signed in; empty where nobody signs in. */
  readonly cookie: string;
  stop(): Promise<void>;
}

export type CandidateName = 'nginx' | 'mod_auth_openidc' | 'sallyport';

/** Where the parts of a run are. */
export interface Surroundings {
  /** Of this run alone; removed at its end. */
  readonly directory: string;
  /** `http://127.0.0.1:…` */
  readonly issuer: string;
  readonly upstream: Upstream;
}

/** The application that all candidates carry to. */
export interface Upstream {
  /** `127.0.0.1:…`, plain HTTP. */
  readonly http: string;
  /** `127.0.0.1:…`: echoes WebSocket messages, and answers a POST with how many bytes it had. */
  readonly echo: string;
}

/** A client of the provider, registered for a candidate before it starts. */
export interface BenchClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly port: number;
}
