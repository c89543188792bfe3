/** The application behind all candidates: one lean nginx for HTTP, one small process for WebSocket and huge bodies. */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Upstream } from './candidate.ts';
import { freePort, start } from './processes.ts';

export interface RunningUpstream extends Upstream {
  stop(): Promise<void>;
}

/** Bytes of `/huge`, which tells whether bodies are held in memory. */
export const hugeBytes = 500 * 1024 * 1024;

export async function startUpstream(directory: string): Promise<RunningUpstream> {
  const [port, echoPort] = [await freePort(), await freePort()];
  const home = join(directory, 'upstream');
  mkdirSync(join(home, 'files', 'api'), { recursive: true });
  writeFileSync(join(home, 'files', 'api', 'upload'), 'not for GET');
  writeFileSync(join(home, 'files', 'big'), Buffer.alloc(1024 * 1024, 'sallyport '));
  const huge = openSync(join(home, 'files', 'huge'), 'w');
  ftruncateSync(huge, hugeBytes);
  closeSync(huge);
  writeFileSync(join(home, 'nginx.conf'), configuration(home, port));
  const nginx = await start({
    command: '/usr/sbin/nginx',
    args: ['-p', home, '-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log')],
    log: join(home, 'output.log'),
    port,
  });
  const echoServer = await start({
    command: process.execPath,
    args: [join(import.meta.dirname, 'echo-server.ts'), String(echoPort)],
    log: join(home, 'echo.log'),
    port: echoPort,
  });
  return {
    http: `127.0.0.1:${port}`,
    echo: `127.0.0.1:${echoPort}`,
    stop: async () => {
      await Promise.all([nginx.stop(), echoServer.stop()]);
    },
  };
}

function configuration(home: string, port: number): string {
  return `${nginxPreamble(home)}
http {
  ${nginxPaths(home)}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 300s;
  keepalive_requests 100000000;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    root ${home}/files;
    default_type application/json;
    location / { return 200 '{"message":"Hello from the application","items":[1,2,3,4,5,6,7,8]}'; }
    location = /big { }
    # nginx answers 'return' without waiting for the body; mirroring reads it whole, then a file refuses POST.
    location = /api/upload {
      client_body_buffer_size 128k;
      mirror /read;
      error_page 405 =200 @received;
    }
    location = /read { internal; return 204; }
    location @received { return 200 '{"received":true}'; }
    location = /huge { }
  }
}
`;
}

/** One worker that runs as whoever started it. */
export function nginxPreamble(home: string): string {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `daemon off;
${user}
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log warn;
events { worker_connections 4096; }`;
}

/** Temporary files below `home`, so that it needs no rights elsewhere. */
export function nginxPaths(home: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${home}/${kind};`)
    .join(' ');
}
