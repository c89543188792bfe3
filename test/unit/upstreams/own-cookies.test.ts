/** Taking our cookies out of a header value, for every value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setsOwnCookie, withoutOwnCookies } from '../../../src/upstreams/own-cookies.ts';

const isOwn = (name: string) => name === 'sid' || name === '__host-sid';

/** As a browser or a server would read it: which names are in there. */
const namesIn = (value: string) =>
  value.split(';').map((pair) => {
    const text = pair.replace(/^[\s=]+/, '');
    return (text.split('=')[0] as string).trim().toLowerCase();
  });

const cookie = fc.constantFrom(
  'sid=1',
  '__Host-sid=x',
  'SID',
  ' a=1',
  'b="sid=2',
  '',
  '=',
  '=sid=3',
  ' c',
  '\tsid=4',
);

test('none of ours is left, and without ours nothing changes', () => {
  fc.assert(
    fc.property(fc.array(cookie, { maxLength: 8 }), (pieces) => {
      const value = pieces.join(';');
      const rest = withoutOwnCookies(value, isOwn);
      if (!namesIn(value).some(isOwn)) return rest === value;
      assert.ok(rest === null || !namesIn(rest).some(isOwn));
      const kept = pieces.filter((piece) => !namesIn(piece).some(isOwn)).join(';');
      return (rest ?? '') === (/[^;\s]/.test(kept) ? kept.trimStart() : '');
    }),
  );
});

test('an attribute is not a name', () => {
  assert.equal(setsOwnCookie('a=1; sid=2', isOwn), false);
  assert.equal(setsOwnCookie('sid=1; Path=/', isOwn), true);
});
