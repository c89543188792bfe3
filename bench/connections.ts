/** Which process of a gate holds how many of its connections, from `/proc`. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const established = '01';

/** For each process, the TCP connections of IPv4 to this local port that are open. */
export function openConnections(pids: readonly number[], port: number): readonly number[] {
  const ofPort = socketsOf(port);
  return pids.map((pid) => socketsIn(pid).filter((inode) => ofPort.has(inode)).length);
}

/** Inodes; see https://docs.kernel.org/networking/proc_net_tcp.html. */
function socketsOf(port: number): ReadonlySet<string> {
  const lines = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1);
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const ours = fields.filter(([, local, , state]) => local?.endsWith(end) && state === established);
  return new Set(ours.map((line) => line[9] as string));
}

function socketsIn(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [];
    } catch {
      // Closed since the folder was read.
      return [];
    }
  });
}
