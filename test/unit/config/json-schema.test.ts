/** The JSON schema that editors get. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJsonSchema } from '../../../src/config/json-schema.ts';
import { configSchema } from '../../../src/config/schema.ts';

type Json = { readonly [key: string]: Json } & { readonly [Symbol.iterator]: never };

const schema = JSON.parse(JSON.stringify(createJsonSchema())) as Json;
const properties = schema.properties as Json;

function field(...path: readonly string[]): Json {
  return path.reduce<Json>((at, name) => {
    const below = (at.properties?.[name] ?? at.additionalProperties ?? at.items) as Json;
    assert.ok(below, name);
    return below;
  }, schema);
}

test('every section is there, and nothing else is allowed', () => {
  assert.deepEqual(Object.keys(properties), Object.keys(configSchema.shape));
  assert.equal(schema.additionalProperties as unknown, false);
  assert.deepEqual(schema.required as unknown, ['publicUrl', 'clusters', 'routes']);
});

test('a route has to say who may pass', () => {
  const route = (schema.properties as Json).routes?.items as Json;
  assert.deepEqual(route.required as unknown, ['path', 'cluster']);
  assert.deepEqual(route.anyOf as unknown, [{ required: ['access'] }, { required: ['authenticate'] }]);
});

test('a secret may be text or a reference', () => {
  const [list, rings] = field('session', 'keys').anyOf as unknown as readonly [Json, Json];
  const keys = [list.items, rings.properties?.cookies?.items, rings.properties?.tokens?.items] as Json[];
  for (const secret of [field('providers', 'main', 'clientSecret'), ...keys]) {
    const forms = secret.anyOf as unknown as readonly { type: string; required?: string[] }[];
    assert.deepEqual(
      forms.map(({ type, required }) => required?.[0] ?? type),
      ['string', 'env', 'file'],
    );
  }
});

test('durations and sizes have a pattern, and their defaults a unit', () => {
  const drain = field('listen', 'timeouts', 'drain') as unknown as { pattern: string; default: string };
  assert.match('30s', new RegExp(drain.pattern));
  assert.doesNotMatch('30', new RegExp(drain.pattern));
  assert.equal(drain.default, '30s');
  assert.equal(field('session', 'idleTimeout').default as unknown, '30m');
  assert.equal(field('listen', 'limits', 'head').default as unknown, '16KiB');
  assert.equal(field('listen', 'address').default as unknown, '127.0.0.1:8080');
});

test('every field is described, and no marker of our own is left in it', () => {
  const bare: string[] = [];
  const visit = (node: Json, path: string): void => {
    assert.ok(!Object.hasOwn(node, 'kind'), path);
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      if (name !== 'env' && name !== 'file' && !child.description) bare.push(`${path}.${name}`);
      visit(child, `${path}.${name}`);
    }
    for (const child of [node.items, node.additionalProperties]) {
      if (typeof child === 'object') visit(child as Json, `${path}[]`);
    }
  };
  visit(schema, '');
  assert.deepEqual(bare, []);
});

test('access has no default', () => {
  assert.equal(field('routes', '0', 'access').default, undefined);
  assert.equal(field('routes', '0', 'authenticate').default, undefined);
});
