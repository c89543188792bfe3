/** nginx as a plain proxy that asks nobody who they are: the limit of what carrying alone costs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Candidate, Surroundings } from '../candidate.ts';
import { freePort, start } from '../processes.ts';
import { nginxPaths, nginxPreamble } from '../upstream.ts';

export async function startNginx(surroundings: Surroundings): Promise<Candidate> {
  const home = join(surroundings.directory, 'nginx');
  const port = await freePort();
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'nginx.conf'), configuration(home, port, surroundings));
  const running = await start({
    command: '/usr/sbin/nginx',
    args: ['-p', home, '-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log')],
    log: join(home, 'output.log'),
    port,
  });
  return { name: 'nginx', url: `http://localhost:${port}`, cookie: '', ...running };
}

function configuration(home: string, port: number, { upstream }: Surroundings): string {
  return `${nginxPreamble(home)}
http {
  ${nginxPaths(home)}
  access_log off;
  tcp_nopush on;
  keepalive_timeout 300s;
  keepalive_requests 100000000;
  # Nothing of the measured sizes goes through a temporary file.
  client_max_body_size 1g;
  client_body_buffer_size 128k;
  proxy_buffers 16 32k;
  proxy_busy_buffers_size 64k;
  proxy_max_temp_file_size 0;
  upstream application { server ${upstream.http}; keepalive 64; keepalive_requests 100000000; }
  upstream echo { server ${upstream.echo}; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    location / { proxy_set_header Connection ""; proxy_pass http://application; }
    location /ws {
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_pass http://echo;
    }
  }
}
`;
}
