/** Names and audiences that lead nowhere, and settings that do not fit the credentials of a route, are told at check. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { hashApiKey } from '../../../src/api-keys/key-hash.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { warningsOf } from '../../../src/config/warnings.ts';
import { complaints, configOf, validConfig } from '../../support/configs.ts';
import { localhostCertificate, localhostKey } from '../../support/localhost-certificate.ts';

type Fields = Record<string, unknown>;

const api = { issuers: ['main'], audience: ['https://api.example.com'] };
const hash = await hashApiKey('sp_nightly2_key', randomBytes);

function withParts(route: Fields, more: Fields = {}): Fields {
  return {
    ...validConfig(),
    apis: { orders: api },
    routes: [{ path: '/**', cluster: 'api', ...route }],
    ...more,
  };
}

const publicClient = { issuer: 'https://login.example.com', clientId: 'app' };
const bearer = { authenticate: ['bearer'], api: 'orders' };

const rows: readonly (readonly [title: string, data: Fields, expected: readonly string[]])[] = [
  ['a route for bearer tokens', withParts(bearer), []],
  ['a route for both', withParts({ ...bearer, authenticate: ['session', 'bearer'] }), []],
  [
    'an issuer that is no provider',
    withParts(bearer, { apis: { orders: { ...api, issuers: ['mian'] } } }),
    ['apis.orders.issuers[0]: no provider `mian`: write the name of one, or `{ issuer: … }`'],
  ],
  ['an api that is not there', withParts({ ...bearer, api: 'order' }), ['routes[0].api: no api `order`']],
  [
    'bearer tokens that no api checks',
    withParts({ authenticate: ['bearer'] }),
    ['routes[0].api: is missing: it names the one of `apis` that checks bearer tokens'],
  ],
  [
    'an api where no bearer token is taken',
    withParts({ access: 'signed-in', api: 'orders' }),
    ['routes[0].api: is about bearer tokens: add `bearer` to `authenticate`'],
  ],
  [
    'credentials on a public route',
    withParts({ ...bearer, access: 'public' }),
    ['routes[0].authenticate: asks for credentials on a route that is `public`'],
  ],
  [
    'API keys where there are none',
    withParts({ authenticate: ['api-key'] }),
    ['routes[0].authenticate: takes API keys, and `apiKeys.keys` holds none'],
  ],
  [
    'an API key that is not there',
    withParts(
      { authenticate: ['api-key'], apiKeys: ['nightly'] },
      { apiKeys: { keys: { nightly2: { hash } } } },
    ),
    ['routes[0].apiKeys[0]: no API key `nightly`'],
  ],
  [
    'a client token without a provider',
    withParts({ access: 'public', upstreamToken: 'client' }, { providers: {}, apis: {} }),
    ['routes[0].upstreamToken: asks a provider for a token, and `providers` holds none'],
  ],
  [
    "the caller's token where none is taken",
    withParts({ access: 'signed-in', upstreamToken: 'pass' }),
    ['routes[0].upstreamToken: is `pass` where no bearer token is taken'],
  ],
  [
    'the token of a session where none is taken',
    withParts({ ...bearer, upstreamToken: 'id' }),
    ['routes[0].upstreamToken: is `id`, a token of the session, where no session is taken'],
  ],
  [
    'RT-075: a token for an audience that the application does not go by',
    withParts(
      { ...bearer, upstreamToken: { exchange: { audience: 'billing' } } },
      { clusters: { api: { targets: ['http://127.0.0.1:3000'], audiences: ['orders'] } } },
    ),
    [
      'routes[0].upstreamToken.exchange: is for billing, which is none of the audiences of cluster `api` (orders)',
    ],
  ],
  [
    'an exchange that is for nobody',
    withParts({ ...bearer, upstreamToken: { exchange: {} } }),
    [
      'routes[0].upstreamToken.exchange: says for whom the token is by none of `audience`, `scope` and `resource`',
    ],
  ],
  [
    'every host where sessions are',
    withParts({ access: 'signed-in' }, { listen: { hosts: ['*'] } }),
    ['listen.hosts[0]: serves any host, which routes[0] with its sessions must not: name the hosts'],
  ],
  ['every host where no sessions are', withParts(bearer, { listen: { hosts: ['*'] } }), []],
  [
    'assertions in a fleet without keys',
    withParts(
      { access: 'signed-in', upstreamToken: { assertion: { audience: 'api' } } },
      {
        fleet: true,
        session: {
          store: { redis: { url: 'redis://127.0.0.1' } },
          keys: [randomBytes(32).toString('base64')],
        },
      },
    ),
    ['assertions.keys: is missing: every node of a fleet needs the same keys to sign with'],
  ],
  [
    'a retry without anything to renew',
    withParts({ ...bearer, retryUnauthorized: true }),
    ['routes[0].retryUnauthorized: needs an `upstreamToken` that the gate can renew'],
  ],
  [
    'a token of the gate itself without a way to prove who it is',
    withParts(
      { access: 'public', upstreamToken: 'client' },
      { providers: { main: { issuer: 'https://login.example.com', clientId: 'app' } } },
    ),
    [
      'routes[0].upstreamToken: needs a client that can prove who it is: give the provider a `clientSecret`, or `clientAuthentication` with its `clientKey` or `clientCertificate`',
    ],
  ],
  [
    'an exchange of tokens that no provider issued',
    withParts(
      { ...bearer, upstreamToken: { exchange: { audience: 'x' } } },
      { apis: { orders: { ...api, issuers: [{ issuer: 'https://other.example.com' }] } } },
    ),
    ['routes[0].upstreamToken: cannot exchange tokens of issuers that are no `providers`'],
  ],
  [
    'two apis with one identifier',
    withParts(bearer, {
      apis: {
        orders: { ...api, audience: ['https://app.example.com/x'] },
        others: { ...api, audience: ['https://app.example.com/x/'] },
      },
    }),
    [
      'apis.others: has the metadata of the api `orders` (https://app.example.com/x): name another `resource`',
    ],
  ],
  [
    'an identifier elsewhere',
    withParts(bearer, { apis: { orders: { ...api, resource: 'https://elsewhere.example.com/' } } }),
    ['apis.orders.resource: is not under publicUrl (https://app.example.com), where its metadata would be'],
  ],
  [
    'a signed answer that is posted over plain http',
    withParts(
      { access: 'signed-in' },
      {
        publicUrl: 'http://app.example.com',
        dangerouslyAllowHttpPublicUrl: true,
        providers: {
          main: { issuer: 'https://login.example.com', clientId: 'app', responseMode: 'form_post.jwt' },
        },
      },
    ),
    [
      'providers.main.responseMode: cannot work over plain http: browsers keep its login cookie only from https and loopback',
    ],
  ],
  [
    'operators at the address of the TLS listener',
    withParts(bearer, {
      admin: { address: '127.0.0.1:8443' },
      listen: { tls: { address: '127.0.0.1:8443', certificate: localhostCertificate, key: localhostKey } },
    }),
    ['admin.address: is the address of `listen` too: metrics must not be public'],
  ],
  [
    'a retry with what a renewal does not change',
    withParts({
      access: 'signed-in',
      retryUnauthorized: true,
      upstreamToken: { assertion: { audience: 'x' } },
    }),
    ['routes[0].retryUnauthorized: needs an `upstreamToken` that the gate can renew'],
  ],
  [
    'HS256 without a secret',
    withParts(bearer, { apis: { orders: { ...api, algorithms: ['HS256'] } } }),
    ['apis.orders.hmacSecret: is missing: HS256 needs it'],
  ],
  [
    'a provider and its issuer once more',
    withParts(bearer, {
      apis: { orders: { ...api, issuers: ['main', { issuer: 'https://login.example.com' }] } },
    }),
    ['apis.orders.issuers[1]: is the issuer of issuers[0] too (https://login.example.com)'],
  ],
  [
    'an identifier that is no URL is told once',
    withParts(bearer, { apis: { orders: { ...api, resource: 'orders' } } }),
    ['apis.orders.resource: is not a URL without query and fragment, as https://api.example.com/orders'],
  ],
  [
    'certificates in the header of API keys',
    withParts(bearer, {
      listen: {
        trustedProxies: ['10.0.0.1'],
        clientCertificateHeader: { name: 'X-API-Key', format: 'rfc9440' },
      },
    }),
    ['listen.clientCertificateHeader.name: is the header of API keys too (`apiKeys.header`)'],
  ],
  [
    'API keys in a header that says where a request came from',
    withParts(bearer, { apiKeys: { header: 'X-Forwarded-For' } }),
    ['apiKeys.header: is a header with a meaning of its own'],
  ],
  [
    'both listeners on one port, one of them at every address',
    withParts(bearer, {
      listen: {
        address: '0.0.0.0:8443',
        tls: { address: '127.0.0.1:8443', certificate: localhostCertificate, key: localhostKey },
      },
    }),
    ['listen.tls.address: takes the port of `listen.address`'],
  ],
  [
    'operators on the port that the gate has at every address',
    withParts(bearer, { admin: { address: '127.0.0.1:8080' }, listen: { address: '[::]:8080' } }),
    ['admin.address: takes a port of `listen`: metrics must not be public'],
  ],
  [
    'an assertion that ends before it arrives',
    withParts({ ...bearer, upstreamToken: { assertion: { audience: 'x', lifetime: '0s' } } }),
    ['routes[0].upstreamToken.assertion.lifetime: is shorter than 1s or longer than 1h'],
  ],
  [
    'an assertion that works for days',
    withParts({ ...bearer, upstreamToken: { assertion: { audience: 'x', lifetime: '2d' } } }),
    ['routes[0].upstreamToken.assertion.lifetime: is shorter than 1s or longer than 1h'],
  ],
  [
    'a key that no method uses, at a provider',
    withParts(bearer, { providers: { main: { ...publicClient, clientKey: localhostKey } } }),
    [
      'providers.main.clientKey: is used for nothing: write `clientAuthentication: private_key_jwt`, or `requestObjects: signed`',
    ],
  ],
  [
    'a key that signs requests alone',
    withParts(bearer, {
      providers: { main: { ...publicClient, clientKey: localhostKey, requestObjects: 'signed' } },
    }),
    [],
  ],
  [
    'a key that no method uses, at an issuer',
    withParts(bearer, {
      apis: {
        orders: {
          ...api,
          issuers: [
            {
              issuer: 'https://sts.example.com',
              clientId: 'gate',
              clientSecret: 'hush-hush',
              clientKey: localhostKey,
            },
          ],
        },
      },
    }),
    ['apis.orders.issuers[0].clientKey: is used for nothing: write `clientAuthentication: private_key_jwt`'],
  ],
  [
    'tokens of the gate itself for a key that is not used',
    withParts(
      { ...bearer, upstreamToken: 'client' },
      { providers: { main: { ...publicClient, clientKey: localhostKey, requestObjects: 'signed' } } },
    ),
    [
      'routes[0].upstreamToken: needs a client that can prove who it is: give the provider a `clientSecret`, or `clientAuthentication` with its `clientKey` or `clientCertificate`',
    ],
  ],
  [
    'introspection by a public client',
    withParts(bearer, {
      apis: { orders: { ...api, introspection: {} } },
      providers: { main: publicClient },
    }),
    [
      'apis.orders.issuers[0]: cannot be asked about tokens: give the provider a `clientSecret`, or `clientAuthentication` with its `clientKey` or `clientCertificate`',
    ],
  ],
];

for (const [title, data, expected] of rows) {
  test(`${title}: ${expected.length === 0 ? 'is a configuration' : 'is told'}`, () => {
    assert.deepEqual(complaints(data), expected);
  });
}

const looks: readonly (readonly [title: string, data: Fields, path: string])[] = [
  [
    'a secret that signs',
    withParts(bearer, { apis: { orders: { ...api, algorithms: ['HS256'], hmacSecret: 's'.repeat(32) } } }),
    'apis.orders.hmacSecret',
  ],
  [
    'the audience of ID tokens',
    withParts(bearer, { apis: { orders: { ...api, profile: 'lenient', audience: ['app'] } } }),
    'apis.orders.audience',
  ],
  [
    'a renewal that cannot be',
    withParts(
      { access: 'signed-in', upstreamToken: 'access', retryUnauthorized: true },
      { session: { store: 'cookie' } },
    ),
    'routes[0].retryUnauthorized',
  ],
  [
    'any audience',
    withParts(bearer, { apis: { orders: { issuers: ['main'], dangerouslyAllowAnyAudience: true } } }),
    'apis.orders.dangerouslyAllowAnyAudience',
  ],
  ['any host', withParts(bearer, { listen: { hosts: ['*'] } }), 'listen.hosts'],
  [
    'an api that no route names',
    withParts(bearer, { apis: { orders: api, spare: { ...api, audience: ['spare'] } } }),
    'apis.spare',
  ],
  ['keys that no route takes', withParts(bearer, { apiKeys: { keys: { ci: { hash } } } }), 'apiKeys.keys'],
  [
    'what people get where nobody signs in',
    withParts({ ...bearer, onAnonymous: 'unauthorized' }),
    'routes[0].onAnonymous',
  ],
  [
    'a class of sign-in that people in sessions need not have',
    withParts({ ...bearer, authenticate: ['session', 'bearer'], acrValues: ['urn:mfa'] }),
    'routes[0].acrValues',
  ],
  [
    'an age of the sign-in that people in sessions need not have',
    withParts({ ...bearer, authenticate: ['session', 'bearer'], maxAge: '5m' }),
    'routes[0].maxAge',
  ],
  ['protection of sessions where none is taken', withParts({ ...bearer, csrf: 'header' }), 'routes[0].csrf'],
  [
    'a listener in clear beside TLS',
    withParts(bearer, {
      listen: {
        address: '0.0.0.0:8080',
        tls: { address: '0.0.0.0:8443', certificate: localhostCertificate, key: localhostKey },
      },
    }),
    'listen.address',
  ],
  [
    'a public URL that no listener answers',
    withParts(bearer, {
      publicUrl: 'http://localhost:8080',
      listen: {
        address: null,
        tls: { address: '127.0.0.1:8443', certificate: localhostCertificate, key: localhostKey },
      },
    }),
    'publicUrl',
  ],
];

for (const [title, data, path] of looks) {
  test(`${title}: is warned of`, () => {
    const warned = warningsOf(configOf(parseConfig(data)), data).map((warning) => warning.path);
    assert.ok(warned.includes(path), warned.join(' '));
  });
}
