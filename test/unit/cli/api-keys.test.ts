/** `sallyport api-keys create`: what it prints where, and that the gate takes what it printed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiKeysSchema } from '../../../src/api-keys/api-key-config.ts';
import { matches } from '../../../src/api-keys/key-hash.ts';
import { run } from '../../../src/cli/run.ts';
import { parseSource } from '../../../src/config/source.ts';

async function create(...args: string[]) {
  const written = { out: '', err: '' };
  const code = await run(['api-keys', 'create', ...args], {
    env: {},
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    ask: null,
  });
  return { code, ...written };
}

test('the key stands alone on standard output, and what belongs into the configuration beside it', async () => {
  const { code, out, err } = await create(
    'billing',
    '--scope',
    'orders.read',
    '-s',
    'a',
    '--expires',
    '2031-01-31',
  );
  assert.equal(code, 0);
  assert.match(out, /^sp_billing_[\w-]{43}\n$/);
  assert.ok(!err.includes(out.trim()));
  const yaml = /^apiKeys:\n(?: .*\n)+/m.exec(err)?.[0] ?? '';
  const source = parseSource(yaml, 'yaml');
  assert.ok(source.ok);
  const { keys } = apiKeysSchema.parse((source.data as { apiKeys: unknown }).apiKeys);
  assert.deepEqual(keys.billing?.scopes, ['orders.read', 'a']);
  assert.equal(keys.billing?.expires, Date.UTC(2031, 0, 31));
  assert.ok(keys.billing !== undefined && (await matches(out.trim(), keys.billing.hash)));
});

test('with --json key and entry are one object', async () => {
  const { code, out, err } = await create('ci', '--json');
  assert.deepEqual([code, err], [0, '']);
  const { name, key, entry } = JSON.parse(out) as { name: string; key: string; entry: { hash: string } };
  assert.equal(name, 'ci');
  assert.deepEqual(Object.keys(entry), ['hash']);
  const { keys } = apiKeysSchema.parse({ keys: { [name]: entry } });
  assert.ok(keys.ci !== undefined && (await matches(key, keys.ci.hash)));
});

for (const [args, expected] of [
  [[], /name one key/],
  [['a', 'b'], /name one key/],
  [['a b'], /a name is letters/],
  [['__proto__'], /a name is letters/],
  [['ci', '--expires', 'tomorrow'], /--expires is not a date/],
  [['ci', '--expires', '2020-01-31'], /--expires is in the past/],
  [['ci', '--scope', 'a b'], /--scope is not one value/],
] as const) {
  test(`wrong usage prints no key: ${args.join(' ') || 'nothing'}`, async () => {
    const { code, out, err } = await create(...args);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, expected);
  });
}
