/** Lists of claims in a header: how a configuration says that they are joined. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHeaderTemplate } from '../../../src/pipeline/header-template.ts';

const holesOf = (value: string) => {
  const result = parseHeaderTemplate('X-Groups', value);
  assert.ok(result.ok, JSON.stringify(result));
  return result.template.holes;
};

for (const separator of [',', ';', '|', '::', '/', '}', '{}', "'", '&&&&', '-', '_', '~', '@', ']']) {
  const isAllowed = !/[{}]/.test(separator);
  test(`${separator} ${isAllowed ? 'joins' : 'does not join'} the members of a list`, () => {
    const value = `{claims.groups join "${separator}"}`;
    if (isAllowed) {
      assert.deepEqual(holesOf(value), [{ source: 'claims', path: ['groups'], separator }]);
    } else {
      assert.equal(parseHeaderTemplate('X-Groups', value).ok, false);
    }
  });
}

test('a list under any name and in any place of the value may be joined', () => {
  assert.deepEqual(holesOf('g={claims["https://x/roles"] join "|"}; s={claims.sub}'), [
    { source: 'claims', path: ['https://x/roles'], separator: '|' },
    { source: 'claims', path: ['sub'], separator: null },
  ]);
});

for (const [value, reason] of [
  ['{claims.groups join ""}', 'one to four punctuation marks'],
  ['{claims.groups join ",,,,,"}', 'one to four punctuation marks'],
  ['{claims.groups join "%"}', 'one to four punctuation marks'],
  ['{claims.groups join ", "}', 'one to four punctuation marks'],
  ['{claims.groups join "C"}', 'one to four punctuation marks'],
  ['{claims.groups join "0"}', 'one to four punctuation marks'],
  ['{claims.groups join """}', 'one to four punctuation marks'],
  ['{claims.groups join "\\"}', 'one to four punctuation marks'],
  ['{claims.groups join ,}', 'one to four punctuation marks'],
  ['{claims.groups join}', 'one to four punctuation marks'],
  ['{claims.groups  join ","}', 'one to four punctuation marks'],
  ['{claims.groups join "\n"}', 'one to four punctuation marks'],
  ['{claims.groups split ","}', 'malformed placeholder'],
  ['{claims join ","}', 'malformed placeholder'],
  ['{params.id join ","}', 'a captured segment is no list'],
] as const) {
  test(`${JSON.stringify(value)} is refused`, () => {
    const result = parseHeaderTemplate('X-Groups', value);
    assert.ok(!result.ok);
    assert.ok(result.reason.includes(reason), result.reason);
  });
}
