/** The first configuration, with comments that say what one may want to change. */
import { isLoopback } from '../config/public-url.ts';

export interface Answers {
  readonly issuer: string;
  readonly clientId: string;
  /** Name of the environment variable with the client secret. */
  readonly secretEnv: string;
  readonly upstream: string;
  readonly publicUrl: string;
}

export function writeStarter({ issuer, clientId, secretEnv, upstream, publicUrl }: Answers): string {
  return `# Sallyport. Check it: sallyport check --config <this file>

# What browsers use. Redirect URIs and cookies are made from it, never from the Host header.
publicUrl: ${quote(publicUrl)}

# Where the gate listens. Behind a TLS-terminating proxy, name its addresses: only their X-Forwarded-* is believed.
listen:
  address: ${quote(listenAddress(publicUrl))}
  trustedProxies: []

# /healthz, /readyz and /metrics. Keep it private.
admin:
  address: "127.0.0.1:9901"

# The session database and generated keys.
dataDir: ./data

providers:
  main:
    # Exactly as the provider writes it in its metadata: a trailing slash counts.
    issuer: ${quote(issuer)}
    clientId: ${quote(clientId)}
    clientSecret: { env: ${quote(secretEnv)} } # or { file: /run/secrets/client-secret }
    scopes: [openid, profile, email, offline_access]

session:
  store: sqlite
  idleTimeout: 30m
  absoluteTimeout: 12h

clusters:
  app:
    targets: [${quote(upstream)}]

# The most specific path decides. Every route says who may pass.
routes:
  # - { path: /public/**, cluster: app, access: public }
  # - { path: /api/**, cluster: app, access: signed-in, onAnonymous: unauthorized, upstreamToken: access }
  - path: /**
    cluster: app
    access: signed-in
    requestHeaders:
      X-User: "{claims.sub}"
      X-Email: "{claims.email}"
`;
}

/** A JSON string is a YAML double-quoted scalar. */
const quote = (text: string) => JSON.stringify(text);

/** On loopback browsers come straight to the gate; elsewhere something in front of it holds the public port. */
function listenAddress(publicUrl: string): string {
  const url = URL.parse(publicUrl);
  return url !== null && isLoopback(url.hostname) && url.port !== ''
    ? `127.0.0.1:${url.port}`
    : '127.0.0.1:8080';
}
