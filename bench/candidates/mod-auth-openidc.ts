/** Apache with mod_auth_openidc: what people put in front of an application today. Event MPM, sessions in shared memory. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchClient, Candidate, Surroundings } from '../candidate.ts';
import { start } from '../processes.ts';
import { signIn } from '../sign-in.ts';

const modules = [
  'mpm_event',
  'authz_core',
  'authn_core',
  'authz_user',
  'auth_openidc',
  'proxy',
  'proxy_http',
  'proxy_wstunnel',
  'headers',
];

export async function startModAuthOpenidc(
  surroundings: Surroundings,
  client: BenchClient,
): Promise<Candidate> {
  const home = join(surroundings.directory, 'apache');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'httpd.conf'), configuration(home, surroundings, client));
  const running = await start({
    command: '/usr/sbin/apache2',
    args: ['-d', home, '-f', join(home, 'httpd.conf'), '-D', 'FOREGROUND'],
    log: join(home, 'output.log'),
    port: client.port,
  });
  const url = `http://localhost:${client.port}`;
  try {
    return { name: 'mod_auth_openidc', url, cookie: await signIn(`${url}/`, 'alice'), ...running };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

function configuration(home: string, { issuer, upstream }: Surroundings, client: BenchClient): string {
  const user = process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : '';
  return `${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${user}
ServerName localhost
Listen 127.0.0.1:${client.port}
PidFile ${home}/apache.pid
DefaultRuntimeDir ${home}
ErrorLog ${home}/error.log
LogLevel warn
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 300
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 1
MaxSpareThreads 64
LimitRequestBody 0

OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
OIDCClientID ${client.clientId}
OIDCClientSecret ${client.clientSecret}
OIDCRedirectURI http://localhost:${client.port}/oidc/callback
OIDCCryptoPassphrase ${randomBytes(24).toString('hex')}
OIDCScope "openid profile email offline_access"
OIDCPKCEMethod S256
OIDCRemoteUserClaim sub
OIDCCookieSameSite On
OIDCSessionInactivityTimeout 3600

ProxyRequests Off
ProxyPreserveHost On
ProxyPass /oidc !
ProxyPass /ws http://${upstream.echo}/ws upgrade=websocket
ProxyPass / http://${upstream.http}/ enablereuse=on max=64 keepalive=On
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location /public>
  AuthType none
  Require all granted
</Location>
`;
}
