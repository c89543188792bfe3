/** What a process must not be started with, whatever the configuration says. */

/** Of `process`: what decides how it parses HTTP and checks certificates. */
export interface ProcessLike {
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly versions: { readonly node: string };
}

/**
 * First releases of each line that answer 431 instead of dropping header fields beyond the limit: before them a hidden
 * `Content-Length` smuggles a request (CVE-2026-58044), and an upgrade cannot be declined.
 */
const patched: Readonly<Record<number, readonly [number, number]>> = { 22: [21, 0], 24: [10, 0] };

/** Throws an error for the operator that names what is wrong and what to do. */
export function assertSafeProcess(process: ProcessLike): void {
  const options = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  if (options.some((option) => /^["']?--insecure[-_]http[-_]parser/.test(option))) {
    throw new Error(
      '--insecure-http-parser lets requests be smuggled: remove it from the command line and NODE_OPTIONS',
    );
  }
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    throw new Error(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off for every connection, to the provider as well: unset it; NODE_EXTRA_CA_CERTS trusts a private authority',
    );
  }
  if (!isPatched(process.versions.node)) {
    throw new Error(
      `Node ${process.versions.node} has known holes in its HTTP parser: use 22.21 or later, 24.10 or later, or 26`,
    );
  }
}

function isPatched(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  if (major >= 26) return true;
  const first = patched[major];
  return first !== undefined && (minor > first[0] || (minor === first[0] && patch >= first[1]));
}
