/** The cache of open sessions: bounded, with a secret that is compared whole, and never without what must stay. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { LiveSession } from '../../../src/sessions/live-session.ts';
import { createSessionCache } from '../../../src/sessions/session-cache.ts';
import {
  createSessionCookie,
  formatSessionCookie,
  sessionKey,
} from '../../../src/sessions/session-cookie.ts';

function live(): LiveSession {
  const cookie = createSessionCookie(randomBytes);
  return { cookie, key: sessionKey(cookie.id), used: false } as LiveSession;
}
const cookieValue = (session: LiveSession) => formatSessionCookie(session.cookie);

test('finds a session by its whole cookie and by its key', () => {
  const cache = createSessionCache({ size: 10, isPinned: () => false });
  const session = live();
  cache.add(session);
  assert.equal(cache.find(cookieValue(session)), session);
  assert.equal(cache.findByKey(session.key), session);
  cache.remove(session);
  assert.equal(cache.find(cookieValue(session)), null);
  assert.equal(cache.findByKey(session.key), null);
});

test('does not find a session by its id with another secret, whichever character differs', () => {
  const cache = createSessionCache({ size: 10, isPinned: () => false });
  const session = live();
  cache.add(session);
  const value = cookieValue(session);
  for (let at = 43; at < value.length; at += 1) {
    const other = value[at] === 'A' ? 'B' : 'A';
    assert.equal(cache.find(value.slice(0, at) + other + value.slice(at + 1)), null);
  }
  assert.equal(cache.find(`${value}A`), null);
  assert.equal(cache.find(value.slice(0, 43)), null);
});

test('keeps to its size and evicts what was not used lately', () => {
  const cache = createSessionCache({ size: 100, isPinned: () => false });
  const used = live();
  cache.add(used);
  let kept = 0;
  const all = Array.from({ length: 1000 }, live);
  for (const session of all) {
    cache.add(session);
    assert.equal(cache.find(cookieValue(used)), used);
  }
  for (const session of all) if (cache.findByKey(session.key) !== null) kept += 1;
  assert.equal(kept, 99);
});

test('evicts even when everything was used', () => {
  const cache = createSessionCache({ size: 50, isPinned: () => false });
  const all = Array.from({ length: 200 }, live);
  for (const session of all) {
    cache.add(session);
    for (const other of all) other.used = true;
  }
  assert.equal(all.filter((session) => cache.findByKey(session.key) !== null).length, 50);
});

test('never evicts what must stay, and grows for it', () => {
  const pinned = new Set<LiveSession>();
  const cache = createSessionCache({ size: 10, isPinned: (session) => pinned.has(session) });
  for (let i = 0; i < 60; i += 1) {
    const session = live();
    pinned.add(session);
    cache.add(session);
  }
  for (let i = 0; i < 500; i += 1) cache.add(live());
  for (const session of pinned) assert.equal(cache.findByKey(session.key), session);
});
