/** What works on one machine alone is refused where there are several, and the refusal says what to write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complaints, validConfig } from '../../support/configs.ts';

const keys = [Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')];
const redis = { redis: { url: 'redis://127.0.0.1:6379' } };

const apis = { main: { issuers: ['main'], audience: ['https://api.test'] } };

for (const [title, fields, path, advice] of [
  [
    'FL-011: memory in a fleet',
    { fleet: true, session: { store: 'memory', keys } },
    'session.store',
    'redis',
  ],
  ['FL-011: memory with workers', { workers: 4, session: { store: 'memory' } }, 'session.store', 'sqlite'],
  [
    'memory with as many workers as fit',
    { workers: 'auto', session: { store: 'memory' } },
    'session.store',
    'workers: 1',
  ],
  ['a file in a fleet', { fleet: true, session: { keys } }, 'session.store', 'redis'],
  ['Redis without keys', { session: { store: redis } }, 'session.keys', 'sallyport keys generate'],
  [
    'cookies in a fleet without keys',
    { fleet: true, session: { store: 'cookie' } },
    'session.keys',
    'sallyport keys generate',
  ],
  ['a deny-list beside a store', { session: { denyList: 'sqlite' } }, 'session.denyList', 'store: cookie'],
  [
    'a deny-list of one machine in a fleet',
    { fleet: true, session: { store: 'cookie', denyList: 'sqlite', keys } },
    'session.denyList',
    'redis',
  ],
  [
    'RS-055: proofs that the other nodes of a fleet would not know',
    { fleet: true, session: { store: 'cookie', keys }, apis },
    'session.denyList',
    'redis',
  ],
  [
    'RS-055: proofs that the other workers would not know',
    { workers: 2, session: { store: 'cookie' }, apis },
    'session.denyList',
    'sqlite',
  ],
  [
    'a limit of sessions that nobody can count',
    { session: { store: 'cookie', maxPerPerson: 3 } },
    'session.maxPerPerson',
    'sqlite',
  ],
] as const) {
  test(`${title} is refused with the reason and what to write instead`, () => {
    const [found = '', ...others] = complaints({ ...validConfig(), ...fields });
    assert.deepEqual(others, []);
    assert.ok(found.startsWith(`${path}: `) && found.includes(advice), found);
  });
}

for (const [title, fields] of [
  ['a fleet on Redis', { fleet: true, session: { store: redis, keys } }],
  ['a fleet with sessions in cookies', { fleet: true, session: { store: 'cookie', denyList: redis, keys } }],
  [
    'a fleet that takes proofs and notes them',
    { fleet: true, session: { store: 'cookie', denyList: redis, keys }, apis },
  ],
  [
    'a fleet that takes no proofs and notes nothing',
    {
      fleet: true,
      session: { store: 'cookie', keys },
      apis: { main: { ...apis.main, dpop: { use: 'never' } } },
    },
  ],
  ['one process with cookies', { workers: 1, session: { store: 'cookie' }, apis }],
  ['workers on a file', { workers: 4 }],
  ['one worker in memory', { workers: 1, session: { store: 'memory' } }],
  [
    'workers in memory where nobody signs in',
    {
      workers: 4,
      session: { store: 'memory' },
      routes: [{ path: '/**', cluster: 'api', access: 'public' }],
    },
  ],
] as const) {
  test(`${title} is accepted`, () => {
    assert.deepEqual(complaints({ ...validConfig(), ...fields }), []);
  });
}
