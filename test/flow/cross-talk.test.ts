/** FL-069: many people at once, with everything that shuffles connections: each answer belongs to who asked. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { cookieOf, exampleRoutes, type Received, signInAs, startGate } from '../support/gate.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const people = 100;
const duration = 9000;

interface Person {
  readonly name: string;
  readonly cookie: string;
}

interface Seen {
  readonly status: number;
  readonly body: string;
}

/** One request over the shared connections; null when it was given up on the way. */
function ask(
  url: string,
  person: Person,
  options: { agent: Agent; method: string; leaveAfter: number | null },
) {
  return new Promise<Seen | null>((resolve) => {
    const outgoing = request(url, {
      agent: options.agent,
      method: options.method,
      headers: {
        cookie: person.cookie,
        accept: 'application/json',
        'sec-fetch-mode': 'cors',
        'sec-fetch-site': 'same-origin',
        ...(options.method === 'POST' ? { 'content-type': 'text/plain' } : {}),
      },
    });
    outgoing.on('error', () => resolve(null));
    outgoing.on('response', (incoming) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      incoming.on('error', () => resolve(null));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
    });
    if (options.leaveAfter !== null) setTimeout(() => outgoing.destroy(), options.leaveAfter);
    outgoing.end(options.method === 'POST' ? person.name.repeat(50) : undefined);
  });
}

test('FL-069, FL-062: 100 people with aborts, shared connections and tokens of two seconds: every answer is its own, no session is lost', async () => {
  const routes = exampleRoutes.map((route) =>
    route.path === '/api/**' ? { ...route, requestHeaders: { 'X-User': '{claims.sub}' } } : route,
  );
  const gate = await startGate({ config: { routes }, provider: { asks: true, ttl: { accessToken: 2 } } });
  const agent = new Agent({ keepAlive: true, maxSockets: 40 });
  const random = createSeededRandom(69);
  try {
    const crowd: Person[] = [];
    for (let index = 0; index < people; index++) {
      const name = `person-${index}`;
      crowd.push({ name, cookie: cookieOf(await signInAs(gate.url, name), gate.url) });
    }
    const wrong: string[] = [];
    let answered = 0;
    const deadline = performance.now() + duration;
    const worker = async (): Promise<void> => {
      while (performance.now() < deadline) {
        const person = crowd[Math.floor(random() * people)] as Person;
        const path = `/${random() < 0.6 ? 'api/' : ''}${person.name}/${Math.floor(random() * 1e6)}`;
        const leaveAfter = random() < 0.15 ? random() * 8 : null;
        const method = random() < 0.25 ? 'POST' : 'GET';
        const seen = await ask(gate.url + path, person, { agent, method, leaveAfter });
        if (seen === null) continue;
        answered += 1;
        const problem = problemOf(seen, person, path);
        if (problem !== null) wrong.push(problem);
      }
    };
    await Promise.all(Array.from({ length: 40 }, worker));
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${answered} answers are wrong`);
    assert.ok(answered > 1000, `${answered} answers`);
    for (const person of crowd) {
      const seen = await ask(`${gate.url}/api/end`, person, { agent, method: 'GET', leaveAfter: null });
      assert.equal(seen?.status, 200, `the session of ${person.name}`);
    }
    assert.ok(gate.provider.stats().token > 2 * people, 'tokens were renewed while it went on');
    assert.deepEqual(gate.events('session.refresh-failed'), []);
    assert.deepEqual(gate.events('request.crashed'), []);
  } finally {
    agent.destroy();
    await gate.close();
  }
});

/** Why an answer is not the one of this person, or null. */
function problemOf({ status, body }: Seen, { name }: Person, path: string): string | null {
  if (status !== 200) return `${status} for ${name}`;
  const seen: Received = JSON.parse(body);
  if (seen.headers['x-user'] !== name) return `${seen.headers['x-user']} instead of ${name}`;
  if (seen.target !== path) return `${seen.target} instead of ${path}`;
  return seen.method === 'POST' && seen.body !== name.repeat(50) ? `another body for ${name}` : null;
}
