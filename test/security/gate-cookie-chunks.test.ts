/** SC-031: cookies that look like pieces of a session make none, cost nothing, and never reach the application. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cookieOf, type Received, type RunningGate, startGate } from '../support/gate.ts';
import { createUserAgent, fetchHeaders } from '../support/user-agent.ts';

let gate: RunningGate;
before(async () => {
  gate = await startGate();
});
after(() => gate.close());

/** Splits a good cookie the way other gates do, and adds what an attacker would. */
function piecesOf(value: string, separator: string): string {
  const half = Math.floor(value.length / 2);
  return [
    `sallyport${separator}0=${value.slice(0, half)}`,
    `sallyport${separator}1=${value.slice(half)}`,
    `sallyport${separator}3=gap`,
    `sallyport${separator}-1=negative`,
    `sallyport${separator}0x1=hex`,
    `sallyport${separator}1000000000=tail`,
    `sallyport${separator}count=1e9`,
  ].join('; ');
}

for (const separator of ['_', '.', '-']) {
  test(`SC-031: pieces named with "${separator}" are no session, alone, and none of them is forwarded`, async () => {
    const agent = await gate.signIn();
    const good = cookieOf(agent, gate.url);
    const pieces = piecesOf(agent.cookie(gate.url, 'sallyport') as string, separator);
    const ask = (cookie: string) =>
      createUserAgent().ask(`${gate.url}/api/x`, { headers: { ...fetchHeaders, cookie } });

    assert.equal((await ask(pieces)).status, 401);
    const answer = await ask(`${good}; ${pieces}; theme=dark`);
    assert.equal(answer.status, 200);
    assert.equal((JSON.parse(answer.body) as Received).headers.cookie, 'theme=dark');
  });
}
