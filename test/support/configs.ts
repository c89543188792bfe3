/** Configurations for tests: a small valid one, and shorthands for what `parseConfig` says. */
import assert from 'node:assert/strict';
import { type LoadResult, parseConfig } from '../../src/config/load.ts';
import type { Problem } from '../../src/config/problem.ts';
import type { Config } from '../../src/config/schema.ts';

type Mutable = Record<string, unknown>;

/** Valid as it is: one provider, one cluster, one protected route. Made anew by each call. */
export function validConfig(): Mutable {
  return {
    publicUrl: 'https://app.example.com',
    providers: { main: { issuer: 'https://login.example.com', clientId: 'app', clientSecret: 'hush-hush' } },
    clusters: { api: { targets: ['http://127.0.0.1:3000'] } },
    routes: [{ path: '/**', cluster: 'api', access: 'signed-in' }],
  };
}

/** One route of a valid configuration, with `fields` over it. */
export function withRoute(fields: Mutable): Mutable {
  return { ...validConfig(), routes: [{ path: '/**', cluster: 'api', access: 'public', ...fields }] };
}

export function configOf(result: LoadResult): Config {
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.problems, null, 2));
  return result.config;
}

export function problemsOf(result: LoadResult): readonly Problem[] {
  return result.ok ? [] : result.problems;
}

/** `path: reason` of every problem of plain data. */
export function complaints(data: unknown, env: Readonly<Record<string, string>> = {}): readonly string[] {
  return problemsOf(parseConfig(data, env)).map(({ path, reason }) => `${path}: ${reason}`);
}
