/** Which authorities the listener answers for (RFC 9112 section 3.2, RFC 9110 section 7.4). */

/** The authority as configured (lower case, no default port), or why it is refused. */
export type HostCheck = (host: string) => { readonly host: string } | 'host-invalid' | 'host-unknown';

const syntax =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;

/**
 * `publicUrl` and `hosts` (`host` or `host:port`) are served, with `*` among them whatever is a host; a name in another
 * spelling is the same name.
 */
export function createHostCheck(publicUrl: URL, hosts: readonly string[]): HostCheck {
  const defaultPort = publicUrl.protocol === 'https:' ? ':443' : ':80';
  const normalise = (host: string) => {
    const lower = host.toLowerCase();
    return lower.endsWith(defaultPort) ? lower.slice(0, -defaultPort.length) : lower;
  };
  const servesAll = hosts.includes('*');
  const names = [publicUrl.host, ...hosts.filter((host) => host !== '*')];
  const allowed = new Map(names.map(normalise).map((host) => [host, { host }]));
  return (host) => {
    const exact = allowed.get(host);
    if (exact !== undefined) return exact;
    const match = host.length > 255 ? null : syntax.exec(host);
    if (match === null || Number(match[1] ?? 0) > 65535) return 'host-invalid';
    const name = normalise(host);
    return allowed.get(name) ?? (servesAll ? { host: name } : 'host-unknown');
  };
}
