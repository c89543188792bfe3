/** Arrows only go one way: who may import whom, checked against the import statements of every source file. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** Each folder (or file at the root) and the folders it may import besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  keys: ['core'],
  stores: ['core'],
  pages: ['core'],
  observe: ['core'],
  oidc: ['core'],
  sessions: ['core', 'keys', 'stores', 'oidc'],
  apis: ['core', 'oidc', 'stores'],
  'api-keys': ['core'],
  'upstream-tokens': ['core', 'keys', 'stores', 'oidc', 'sessions'],
  upstreams: ['core', 'sessions'],
  endpoints: ['core', 'keys', 'apis', 'upstream-tokens', 'sessions', 'oidc', 'pages'],
  pipeline: ['core', 'apis', 'api-keys', 'upstream-tokens', 'sessions', 'oidc', 'endpoints', 'pages'],
  doors: ['core', 'pipeline', 'upstreams'],
  admin: ['core', 'sessions', 'observe'],
  config: [
    'core',
    'keys',
    'stores',
    'sessions',
    'oidc',
    'apis',
    'api-keys',
    'upstream-tokens',
    'upstreams',
    'endpoints',
    'pipeline',
    'doors',
    'admin',
    'observe',
  ],
  runtime: [
    'core',
    'keys',
    'stores',
    'sessions',
    'oidc',
    'apis',
    'api-keys',
    'upstream-tokens',
    'upstreams',
    'endpoints',
    'pipeline',
    'doors',
    'admin',
    'observe',
    'config',
    'pages',
  ],
  'index.ts': ['core', 'runtime', 'config'],
  workers: ['core', 'sessions', 'doors', 'admin', 'observe', 'config'],
  cli: ['core', 'keys', 'api-keys', 'index.ts', 'runtime', 'config', 'workers'],
};

/** Packages that only some folders may touch. A package that is not listed may be imported by nobody. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'openid-client': ['oidc'],
  '@redis/client': ['stores'],
  jose: ['oidc'],
  undici: ['oidc', 'upstreams'],
  zod: [
    'core',
    'keys',
    'stores',
    'sessions',
    'oidc',
    'apis',
    'api-keys',
    'upstream-tokens',
    'upstreams',
    'endpoints',
    'pipeline',
    'doors',
    'admin',
    'observe',
    'config',
  ],
  yaml: ['config'],
  'smol-toml': ['config'],
  pino: ['observe'],
  'pino-pretty': ['observe'],
  'prom-client': ['observe'],
};

/** Built-in modules that read files: only where files are read on purpose. */
const fileReaders: readonly string[] = ['config', 'cli', 'keys', 'stores'];

const part = (file: string) => file.split('/')[1] as string;

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [
    ...text.matchAll(
      /^\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)|^\s*import\s+'([^']+)'/gm,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3]) as string);
}

test('every import follows the table', () => {
  const files = globSync('src/**/*.ts');
  assert.ok(files.length > 10);
  const wrong: string[] = [];
  for (const file of files) {
    const from = part(file);
    for (const name of importsOf(file)) {
      if (name.startsWith('.')) {
        const to = part(normalize(join(dirname(file), name)));
        if (to !== from && !mayImport[from]?.includes(to)) wrong.push(`${file} → ${to}`);
      } else if (name.startsWith('node:')) {
        if (/^node:fs/.test(name) && !fileReaders.includes(from)) wrong.push(`${file} → ${name}`);
      } else {
        const owner = name.startsWith('@')
          ? name.split('/').slice(0, 2).join('/')
          : (name.split('/')[0] as string);
        if (!packages[owner]?.includes(from)) wrong.push(`${file} → ${name}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
