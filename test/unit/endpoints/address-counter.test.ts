import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAddressCounter } from '../../../src/endpoints/address-counter.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

test('an address has so many in a window, and as many again in the next one', () => {
  const clock = createFakeClock();
  const counter = createAddressCounter({ count: 2, window: 1000 }, clock);
  const ask = (address: string) => counter.isOneTooMany(address);
  assert.deepEqual([ask('a'), ask('a'), ask('a')], [false, false, true]);
  assert.equal(ask('b'), false, 'another address is not concerned');
  clock.advance(999);
  assert.equal(ask('a'), true);
  clock.advance(1);
  assert.deepEqual([ask('a'), ask('a'), ask('a')], [false, false, true]);
});

test('ten thousand addresses are remembered; one more makes the first one forgotten', () => {
  const counter = createAddressCounter({ count: 1, window: 1000 }, createFakeClock());
  for (let i = 0; i < 10_000; i++) counter.isOneTooMany(`a${i}`);
  assert.equal(counter.isOneTooMany('a0'), true);
  counter.isOneTooMany('new');
  assert.equal(counter.isOneTooMany('a0'), false, 'forgotten');
  assert.equal(counter.isOneTooMany('a9999'), true, 'still known');
});

test('a network of 64 bits is one address, and other networks are others', () => {
  const counter = createAddressCounter({ count: 3, window: 1000 }, createFakeClock());
  const ask = (address: string) => counter.isOneTooMany(address);
  const same = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::2'];
  assert.deepEqual(same.map(ask), [false, false, false, true]);
  for (const other of ['2001:db8:1:3::1', '2001:db8::1', '2001:db8::2', '::1', '::2', '192.0.2.1']) {
    assert.equal(ask(other), false, other);
  }
});
