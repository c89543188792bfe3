/** Section 1D: metadata that must not be believed, and addresses that must not be reached. */
import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createSystemNetwork, type Network } from '../../src/oidc/connect-guard.ts';
import { providerSchema } from '../../src/oidc/provider-config.ts';
import { type EvilLogin, loginAtEvil, makeEvilGate, makeLoginSecrets } from '../support/evil-login.ts';
import { type EvilAnswer, type EvilProvider, startEvilProvider } from '../support/evil-provider.ts';

let evil: EvilProvider;
before(async () => {
  evil = await startEvilProvider();
});
after(() => evil.close());

type Metadata = Readonly<Record<string, unknown>> | EvilAnswer;

async function refusal(metadata: Metadata, config: EvilLogin['config'] = {}) {
  evil.reset();
  evil.behaviour = { metadata };
  const { provider, events } = makeEvilGate(evil, { config: { userinfo: 'auto', ...config } });
  const error = await provider.authorizationUrl(makeLoginSecrets(), {}).then(
    () => assert.fail('the metadata was accepted'),
    (failure) => failure,
  );
  const ready = provider.isReady();
  await provider.close();
  assert.equal(ready, false);
  return {
    error,
    reasons: events.filter(([name]) => name === 'provider.metadata-refused').map(([, event]) => event.reason),
  };
}

const endpoints = [
  'authorization_endpoint',
  'token_endpoint',
  'jwks_uri',
  'userinfo_endpoint',
  'revocation_endpoint',
  'end_session_endpoint',
  'pushed_authorization_request_endpoint',
];
const urls = () => [
  'file:///etc/passwd',
  'data:application/json,{}',
  'gopher://127.0.0.1/',
  'ftp://127.0.0.1/',
  'javascript:alert(1)',
  `http://user:password@127.0.0.1:${evil.port}/`,
  `${evil.issuer}/x#fragment`,
  '/relative',
  '',
  7,
  ['https://x.test'],
  {},
];

for (const member of endpoints) {
  test(`RP-141, RP-147: ${member} must be a plain http URL of the issuer`, async () => {
    for (const url of urls()) {
      const { error, reasons } = await refusal({ [member]: url });
      assert.equal(error.code, 'ERR_PROVIDER_METADATA', String(url));
      assert.equal(error.detail, member);
      assert.equal(reasons.length, 1);
    }
  });
  test(`RP-144: ${member} on another host needs endpointHosts`, async () => {
    const { error } = await refusal({ [member]: 'http://other.test/x' });
    assert.equal(error.detail, member);
    assert.match(error.message, /other\.test.*endpointHosts/);
  });
}

test('RP-144: an endpoint that is never asked may be anywhere', async () => {
  evil.reset();
  const elsewhere = 'http://other.test/x';
  evil.behaviour = {
    metadata: { userinfo_endpoint: elsewhere, pushed_authorization_request_endpoint: elsewhere },
  };
  const { provider } = makeEvilGate(evil, {
    config: { userinfo: 'never', pushedAuthorizationRequests: 'never' },
  });
  assert.ok((await provider.authorizationUrl(makeLoginSecrets(), {})).startsWith(evil.issuer));
  await provider.close();
});

test('RP-144: a host that is listed may hold endpoints, another port of the issuer may not', async () => {
  evil.reset();
  evil.behaviour = { metadata: { userinfo_endpoint: 'http://other.test/x' } };
  const { provider } = makeEvilGate(evil, {
    config: { userinfo: 'auto', endpointHosts: ['other.test'] },
  });
  assert.ok(await provider.authorizationUrl(makeLoginSecrets(), {}));
  await provider.close();
  const { error } = await refusal({ token_endpoint: 'http://127.0.0.1:6379/' });
  assert.equal(error.detail, 'token_endpoint');
});

for (const member of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
  test(`RP-147: metadata without ${member} is refused`, async () => {
    assert.equal((await refusal({ [member]: undefined })).error.detail, member);
  });
}

const documents: readonly (readonly [string, Metadata])[] = [
  ['10 MB', { raw: true, body: Buffer.alloc(10_000_000, ' ') }],
  ['no JSON', { raw: true, body: '<html>' }],
  ['HTML', { raw: true, body: '<html>', headers: { 'content-type': 'text/html' } }],
  ['an array', { raw: true, body: '[]' }],
  ['status 404', { raw: true, status: 404, body: '{}' }],
  ['a redirect', { raw: true, status: 302, headers: { location: 'http://127.0.0.1/' } }],
  ['an issuer that is a list', { issuer: ['x'] }],
  ['another issuer', { issuer: 'https://other.test' }],
  ['algorithms that are no list', { id_token_signing_alg_values_supported: 'RS256' }],
];
for (const [title, metadata] of documents) {
  test(`RP-147: metadata of ${title} is refused`, async () => {
    const { error } = await refusal(metadata);
    assert.equal(error.code, 'ERR_PROVIDER_METADATA');
    assert.equal(evil.hits.other, 0);
  });
}

test('RP-145: a trailing slash too few or too many is told as such', async () => {
  const tooMany = await refusal({ issuer: `${evil.issuer}/` });
  assert.match(tooMany.error.message, /issuer is written with a trailing slash/);
  const tooFew = await refusal({}, { issuer: `${evil.issuer}/` });
  assert.match(tooFew.error.message, /issuer is written without a trailing slash/);
});

test('RP-141: an https issuer must not have http endpoints', async () => {
  const { network } = makeNetwork({ 'login.test': ['203.0.113.5'] });
  const { error } = await loginByName({ network, metadata: { token_endpoint: 'http://login.test/token' } });
  assert.equal(error?.code, 'ERR_PROVIDER_METADATA');
  assert.equal(error?.detail, 'token_endpoint');
});

describe('RP-146: the issuer in the configuration', () => {
  const parse = (issuer: string, more = {}) =>
    providerSchema.safeParse({ issuer, clientId: 'app', ...more }).success;
  for (const issuer of [
    'https://x.test?a=b',
    'https://x.test/#a',
    'https://x.test/?',
    'https://u:p@x.test',
    'x.test',
    'ftp://x.test',
    'http://x.test',
    'https://',
    'HTTPS:x.test',
  ]) {
    test(`${issuer} is refused`, () => assert.equal(parse(issuer), false));
  }
  for (const issuer of [
    'https://x.test',
    'https://x.test/',
    'https://x.test/realms/x',
    'http://127.0.0.1:8080',
    'http://[::1]:8080',
    'http://localhost:1',
  ]) {
    test(`${issuer} is accepted`, () => assert.equal(parse(issuer), true));
  }
  test('http beyond loopback needs the loud switch', () => {
    assert.equal(parse('http://x.test', { dangerouslyAllowHttpIssuer: true }), true);
    assert.equal(parse('http://127.0.0.1.evil.test'), false);
  });
});

/** Answers by name, one list per question, the last one for ever; every connection ends at the hostile provider. */
function makeNetwork(names: Readonly<Record<string, readonly string[] | readonly (readonly string[])[]>>) {
  const asked: string[] = [];
  const connected: string[] = [];
  const network: Network = {
    async lookup(hostname) {
      const answers = names[hostname] ?? [];
      const list = (Array.isArray(answers[0]) ? answers : [answers]) as readonly (readonly string[])[];
      const index = asked.filter((name) => name === hostname).length;
      asked.push(hostname);
      return list[Math.min(index, list.length - 1)] ?? [];
    },
    connect(options, callback) {
      connected.push(`${options.hostname} for ${options.servername ?? ''}`);
      const socket = connectSocket(evil.port, '127.0.0.1', () => callback(null, socket));
    },
  };
  return { network, asked, connected };
}

interface ByName {
  readonly network: Network;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A login at `https://login.test` with the token endpoint on a subdomain. */
function loginByName({ network, metadata, config }: ByName) {
  const issuer = 'https://login.test';
  return loginAtEvil(evil, {
    network,
    config: { issuer, ...config },
    answer: { iss: issuer },
    behaviour: {
      claims: { iss: issuer },
      metadata: {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: 'https://api.login.test/token',
        jwks_uri: `${issuer}/jwks`,
        userinfo_endpoint: undefined,
        revocation_endpoint: undefined,
        introspection_endpoint: undefined,
        ...metadata,
      },
    },
  });
}

describe('where a call may go', () => {
  const publicAddress = ['203.0.113.5'];

  test('RP-143: the connection goes to the vetted address, for the name, after one question', async () => {
    const { network, asked, connected } = makeNetwork({
      'login.test': publicAddress,
      'api.login.test': [['198.51.100.7'], ['10.0.0.1']],
    });
    const { person } = await loginByName({ network });
    assert.equal(person?.subject, 'alice');
    assert.equal(asked.filter((name) => name === 'api.login.test').length, 1);
    assert.ok(connected.includes('198.51.100.7 for api.login.test'));
    assert.ok(connected.every((address) => !address.startsWith('10.')));
  });

  for (const address of [
    '127.0.0.1',
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '100.64.0.1',
    '::1',
    'fd12::1',
    '::ffff:10.0.0.1',
  ]) {
    test(`RP-143: a subdomain of a public issuer at ${address} is not reached`, async () => {
      const { network, connected } = makeNetwork({
        'login.test': publicAddress,
        'api.login.test': [address],
      });
      const { error } = await loginByName({ network });
      assert.equal(error?.code, 'ERR_PROVIDER_UNAVAILABLE');
      assert.equal(error?.detail, 'address-refused');
      assert.ok(connected.every((entry) => entry.endsWith('for login.test')));
      assert.equal(evil.hits.token, 0);
    });
  }

  test('RP-143: a private address of a host that the operator listed is reached', async () => {
    const { network } = makeNetwork({ 'login.test': publicAddress, 'api.login.test': ['10.0.0.1'] });
    const { person } = await loginByName({ network, config: { endpointHosts: ['api.login.test'] } });
    assert.equal(person?.subject, 'alice');
  });

  test('the issuer itself may be at a private address', async () => {
    const { network, connected } = makeNetwork({ 'login.test': ['10.1.2.3'] });
    const { person } = await loginByName({
      network,
      metadata: { token_endpoint: 'https://login.test/token' },
    });
    assert.equal(person?.subject, 'alice');
    assert.ok(connected.length > 0 && connected.every((entry) => entry === '10.1.2.3 for login.test'));
  });

  for (const address of [
    '169.254.169.254',
    'fe80::1',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'fd00:ec2::254',
  ]) {
    test(`RP-143: ${address} is never reached, not even for the issuer`, async () => {
      const { network, connected } = makeNetwork({ 'login.test': [address] });
      const { error } = await loginByName({
        network,
        config: { endpointHosts: ['login.test', 'api.login.test'] },
      });
      assert.equal(error?.detail, 'address-refused');
      assert.deepEqual(connected, []);
    });
  }

  test('RP-143: of several addresses only the allowed ones are tried', async () => {
    const { network, connected } = makeNetwork({
      'login.test': publicAddress,
      'api.login.test': ['169.254.169.254', '127.0.0.1', '198.51.100.7'],
    });
    assert.equal((await loginByName({ network })).error, null);
    assert.ok(connected.includes('198.51.100.7 for api.login.test'));
    assert.equal(connected.filter((entry) => /^(169|127)/.test(entry)).length, 0);
  });

  test('RP-141: an address written into the metadata is refused before anything is asked', async () => {
    const { network, connected } = makeNetwork({ 'login.test': publicAddress });
    const { error } = await loginByName({
      network,
      metadata: { token_endpoint: 'https://169.254.169.254/token' },
    });
    assert.equal(error?.code, 'ERR_PROVIDER_METADATA');
    assert.ok(connected.every((entry) => entry.endsWith('for login.test')));
  });
});

test('RP-155: proxies of the environment are not used', async () => {
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'NODE_USE_ENV_PROXY'];
  const kept = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : 'http://127.0.0.1:1';
  const { person } = await loginAtEvil(evil);
  names.forEach((name, index) => {
    if (kept[index] === undefined) delete process.env[name];
    else process.env[name] = kept[index];
  });
  assert.equal(person?.subject, 'alice');
});

test('the real network finds every address of a name', async () => {
  const addresses = await createSystemNetwork(1000).lookup('localhost');
  assert.ok(addresses.includes('127.0.0.1') || addresses.includes('::1'));
});
