import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyAddress, isLoopbackHost } from '../../../src/oidc/address-policy.ts';

const kinds = {
  forbidden: [
    '0.0.0.0',
    '0.1.2.3',
    '169.254.0.1',
    '169.254.169.254',
    '100.100.100.200',
    '192.0.0.192',
    '224.0.0.251',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::169.254.169.254',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    'not an address',
    '',
    '2130706433',
    '0x7f.1',
  ],
  inward: [
    '127.0.0.1',
    '127.255.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '100.64.0.1',
    '198.18.0.1',
    '240.0.0.1',
    '::1',
    'fc00::1',
    'fdff::1',
    '::ffff:127.0.0.1',
    '64:ff9b::10.0.0.1',
    '2002:7f00:1::',
  ],
  public: [
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '203.0.113.5',
    '2606:4700::1111',
    '::ffff:1.1.1.1',
    '2002:101:101::',
  ],
} as const;

for (const [kind, addresses] of Object.entries(kinds)) {
  for (const address of addresses) {
    test(`${JSON.stringify(address)} is ${kind}`, () => assert.equal(classifyAddress(address), kind));
  }
}

test('only this machine is loopback by name', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', '::1'])
    assert.equal(isLoopbackHost(host), true);
  for (const host of ['localhost.test', '127.0.0.1.test', '128.0.0.1', '[::2]', ''])
    assert.equal(isLoopbackHost(host), false);
});
