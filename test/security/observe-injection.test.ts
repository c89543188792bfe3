/** What comes from outside cannot forge, garble or flood the log, and no secret gets into it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventTable } from '../../src/core/event-table.ts';
import type { EventName, Events } from '../../src/core/events.ts';
import { Secret } from '../../src/core/secret.ts';
import { createAccessLog } from '../../src/observe/access-log.ts';
import { createEventLog } from '../../src/observe/event-log.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { createCapturedLog } from '../support/captured-log.ts';
import { finished, sampleEvents } from '../support/sample-events.ts';

const forged = '\n{"level":"info","event":"login.succeeded","subject":"mallory"}\n';
const hostile: Readonly<Record<string, string>> = {
  'line feeds with a forged line': `x${forged}`,
  'carriage return': 'x\r\noverwritten',
  'a closing quote': '","event":"login.succeeded","x":"',
  'an ANSI escape': '\u001b[2J\u001b]0;title\u0007\u001b[31mred',
  'a C1 control sequence introducer': '\u009b31mred',
  'reversed writing': 'x\u202egnp.exe',
  'line separators of JavaScript': 'x\u2028y\u2029z',
  'a NUL': 'a\u0000b',
  'half of a surrogate pair': 'a\ud800b',
  'a backslash at the end': 'x\\',
};

/** Every event with each of its strings replaced. */
function poisoned(text: string): [EventName, Events[EventName]][] {
  return (Object.keys(eventTable) as EventName[]).map((name) => {
    const fields = Object.entries(sampleEvents[name]).map(([key, value]) => [
      key,
      typeof value === 'string' ? text : value,
    ]);
    return [name, Object.fromEntries(fields)];
  });
}

async function written(text: string, format: 'json' | 'pretty'): Promise<string> {
  const log = createCapturedLog({ format, isTerminal: false });
  const subscribers = [createAccessLog(log.logger), createEventLog(log.logger)];
  for (const [name, event] of poisoned(text)) for (const subscriber of subscribers) subscriber(name, event);
  return log.text();
}

const count = Object.keys(eventTable).length;

for (const [what, text] of Object.entries(hostile)) {
  test(`DL-031: ${what} in any field stays inside its line`, async () => {
    const lines = (await written(text, 'json')).split('\n').slice(0, -1);
    assert.equal(lines.length, count);
    const events = lines.map((line) => JSON.parse(line).event);
    assert.deepEqual(events.sort(), Object.keys(eventTable).sort());
    for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
  });

  test(`DL-031: ${what} in any field reaches no terminal`, async () => {
    const output = await written(text, 'pretty');
    const lines = output.split('\n').slice(0, -1);
    assert.equal(lines.length, count);
    for (const line of lines) {
      assert.match(line, /^\[\d\d:\d\d:\d\d\.\d{3}\] (DEBUG|INFO|WARN|ERROR): /);
      assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
    }
  });
}

test('DL-031: a value of a megabyte becomes a bounded line that says how long it was', async () => {
  const lines = (await written('A'.repeat(1024 * 1024), 'json')).split('\n').slice(0, -1);
  assert.equal(lines.length, count);
  for (const line of lines) {
    assert.ok(line.length < 8 * 1024, `${line.length}`);
    if (line.includes('AAA')) assert.match(line, /…\[1048576\]/);
  }
});

test('DL-031: an event cannot overwrite the level, the time or the name of its line', async () => {
  const log = createCapturedLog();
  const event = {
    ...sampleEvents['session.ended'],
    level: 'debug',
    time: 'never',
    event: 'forged',
    audit: false,
  };
  createEventLog(log.logger)('session.ended', event);
  const text = await log.text();
  assert.ok(!/forged|never|"debug"|"audit":false/.test(text), text);
});

const jwt =
  'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImlzcyI6Imh0dHBzOi8vbG9naW4uZXhhbXBsZSJ9.c2lnbmF0dXJlLXBhcnQ';

test('no query of a path, no object, no Secret and nothing like a token gets into log or metrics', async () => {
  const log = createCapturedLog({ level: 'debug' });
  const metrics = createMetrics({
    version: '0',
    sessions: () => 0,
    inFlight: () => 0,
    linesDropped: () => 0,
  });
  const subscribers = [createAccessLog(log.logger), createEventLog(log.logger), metrics.subscriber];
  const stray = {
    tokens: { accessToken: 'pl4nted' },
    error: Object.assign(new Error('pl4nted'), { cause: { body: 'pl4nted' } }),
    headers: ['cookie', 'pl4nted'],
    clientSecret: new Secret('pl4nted'),
    buffer: Buffer.from('pl4nted'),
    late: () => 'pl4nted',
  };
  for (const name of Object.keys(eventTable) as EventName[]) {
    for (const subscriber of subscribers) {
      const event = { ...stray, ...sampleEvents[name] };
      subscriber(name, event as Events[EventName]);
    }
  }
  for (const path of ['/.auth/callback?code=pl4nted&state=pl4nted', `/reset/${jwt}`, `/a/${jwt}/b`]) {
    subscribers[0]?.('request.finished', { ...finished, path });
  }
  subscribers[1]?.('config.warned', { message: `odd value ${jwt}` });
  const everything = (await log.text()) + (await metrics.expose());
  assert.ok(everything.includes('login.failed') && everything.includes('"path":"/.auth/callback"'));
  assert.ok(!everything.includes('pl4nted'));
  assert.ok(!everything.includes('eyJ') && everything.includes('"path":"/a/[token]/b"'));
});
