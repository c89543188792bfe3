import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventTable } from '../../../src/core/event-table.ts';
import type { EventName } from '../../../src/core/events.ts';
import { createEventLog } from '../../../src/observe/event-log.ts';
import { createCapturedLog } from '../../support/captured-log.ts';
import { sampleEvents } from '../../support/sample-events.ts';

const names = (Object.keys(eventTable) as EventName[]).filter((name) => name !== 'request.finished');

test('every event but the access log is one line at the level of the table, audit events marked', async () => {
  const log = createCapturedLog();
  const eventLog = createEventLog(log.logger);
  for (const name of Object.keys(eventTable) as EventName[]) eventLog(name, sampleEvents[name]);
  const lines = await log.lines();
  assert.deepEqual(
    lines.map((line) => [line.event, line.level, line.audit === true]),
    names.map((name) => [name, eventTable[name].level, eventTable[name].audit]),
  );
});

test('the fields of an event are the fields of the line', async () => {
  const log = createCapturedLog();
  createEventLog(log.logger)('login.failed', sampleEvents['login.failed']);
  assert.deepEqual(await log.lines(), [
    {
      level: 'warn',
      time: '2030-01-01T00:00:00.000Z',
      audit: true,
      requestId: 'r-1',
      provider: 'main',
      code: 'ERR_LOGIN_FAILED',
      detail: 'nonce-mismatch',
      client: '192.0.2.7',
      event: 'login.failed',
    },
  ]);
});

test('a list of key ids is written, the first one first, and no other list', async () => {
  const log = createCapturedLog();
  const ids = ['0f1e2d3c4b5a6978', '00112233445566ff'];
  createEventLog(log.logger)('keys.reloaded', { ring: 'tokens', keys: ids });
  createEventLog(log.logger)('keys.reloaded', { ring: 'tokens', keys: ['c2VjcmV0'] });
  assert.deepEqual(
    (await log.lines()).map(({ keys }) => keys),
    [ids.join(' '), undefined],
  );
});

test('events below the level are not written', async () => {
  const log = createCapturedLog({ level: 'error' });
  const eventLog = createEventLog(log.logger);
  for (const name of names) eventLog(name, sampleEvents[name]);
  assert.deepEqual(
    (await log.lines()).map((line) => line.event),
    names.filter((name) => eventTable[name].level === 'error'),
  );
});

test('at level silent nothing is written at all', async () => {
  const log = createCapturedLog({ level: 'silent' });
  for (const name of names) createEventLog(log.logger)(name, sampleEvents[name]);
  assert.equal(await log.text(), '');
});
