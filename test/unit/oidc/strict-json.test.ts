import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseStrictObject } from '../../../src/oidc/strict-json.ts';

test('reads every object as JSON.parse does, as far as members are concerned', () => {
  const value = fc.dictionary(
    fc.string().filter((name) => name !== '__proto__'),
    fc.jsonValue({ maxDepth: 5 }).filter((entry) => !JSON.stringify(entry).includes('__proto__')),
  );
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 2, '\t'), (object, space) => {
      const text = JSON.stringify(object, null, space);
      assert.equal(JSON.stringify(parseStrictObject(text)), JSON.stringify(JSON.parse(text)));
    }),
  );
});

const refused = [
  ['{"a":1,"a":2}', 'json-duplicate-member'],
  ['{"a":1 , "a" : 2}', 'json-duplicate-member'],
  ['{"a":1,"\\u0061":2}', 'json-duplicate-member'],
  ['{"x":{"a":1,"b":[],"a":2}}', 'json-duplicate-member'],
  ['{"x":[{"\\"":1,"\\u0022":2}]}', 'json-duplicate-member'],
  ['{"1":1,"1":2}', 'json-duplicate-member'],
  ['{"__proto__":1,"__proto__":2}', 'json-duplicate-member'],
  ['{"__proto__":{"a":1,"a":2}}', 'json-duplicate-member'],
  ['[]', 'json-not-an-object'],
  ['null', 'json-not-an-object'],
  ['"a"', 'json-not-an-object'],
  ['', 'json-invalid'],
  ['{"a":1', 'json-invalid'],
  ['{"a', 'json-invalid'],
  ['{"a\\', 'json-invalid'],
  ['{"\\x":1}', 'json-invalid'],
  ['{"a":1}}', 'json-invalid'],
  ['{a:1}', 'json-invalid'],
  [`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`, 'json-too-deep'],
  ['['.repeat(200_000), 'json-too-deep'],
] as const;
for (const [text, reason] of refused) {
  test(`${text.slice(0, 40)} is refused: ${reason}`, () => {
    assert.throws(() => parseStrictObject(text), { reason });
  });
}

const accepted = [
  '{"a":"a","b":"a"}',
  '{"a":{"a":{"a":1}},"b":{"a":1}}',
  '{"a":["a","a",":"]}',
  '{"a":"\\"a\\":1,\\"a\\":2"}',
  '{"a":"}{","b":"]["}',
];
for (const text of accepted) {
  test(`${text} is read`, () => assert.equal(JSON.stringify(parseStrictObject(text)), text));
}

test('objects have no prototype at any depth, and __proto__ is left out', () => {
  const value = parseStrictObject('{"__proto__":{"a":1},"b":[{"__proto__":{"a":1}}]}');
  assert.equal(Object.getPrototypeOf(value), null);
  assert.deepEqual(Object.keys(value), ['b']);
  const [inner] = value.b as readonly object[];
  assert.equal(Object.getPrototypeOf(inner), null);
  assert.deepEqual(Reflect.ownKeys(inner as object), []);
});
