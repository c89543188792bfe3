/** People who go on asking while something breaks, and everything that none of them may ever be told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Told } from './app.ts';
import type { FleetClient, Reply } from './client.ts';
import type { Fleet } from './fleet.ts';

export interface Person {
  readonly name: string;
  readonly cookie: string;
}

export interface LoadSetup {
  readonly fleet: Fleet;
  readonly client: FleetClient;
  readonly people: readonly Person[];
  /** How many ask at a time; 8 when absent. */
  readonly atOnce?: number;
  /** Sees whether the status, another than 200 and a 503, may be; `false` when absent. */
  readonly allows?: (status: number, person: Person) => boolean;
}

export interface Load {
  readonly served: number;
  /** 503 with `Retry-After`. */
  readonly unavailable: number;
  /** Milliseconds that the slowest answer took. */
  readonly slowest: number;
  /** The same, on public routes alone. */
  readonly slowestPublic: number;
  /** What may not be: another person's answer, a redirect, a status that says nothing of the trouble. At most a few. */
  readonly wrong: readonly string[];
  /** When the last 503 was seen (`performance.now()`); 0: never. */
  readonly lastUnavailable: number;
  /** Forgets the times seen. */
  resetTimes(): void;
  stop(): Promise<void>;
}

const mostTold = 5;

/** Requests of everybody on every node, and of nobody to what is public, until it is stopped. */
export function startLoad(setup: LoadSetup): Load {
  const { fleet, client, people, atOnce = 8 } = setup;
  const counts = { served: 0, unavailable: 0, slowest: 0, slowestPublic: 0, lastUnavailable: 0 };
  const wrong: string[] = [];
  let on = true;
  let turn = 0;

  const note = (what: string): void => {
    if (wrong.length < mostTold) wrong.push(what);
  };
  const judge = (person: Person, reply: Reply): void => {
    const fault = faultOf(person, reply);
    if (reply.status === 503) {
      counts.unavailable += 1;
      counts.lastUnavailable = performance.now();
    } else if (fault === null) counts.served += 1;
    if (fault !== null && setup.allows?.(reply.status, person) !== true) note(fault);
  };
  const timed = async (url: string, cookie?: string): Promise<Reply> => {
    const began = performance.now();
    const reply = await client.askAgain(url, cookie === undefined ? {} : { cookie });
    const kind = cookie === undefined ? 'slowestPublic' : 'slowest';
    counts[kind] = Math.max(counts[kind], performance.now() - began);
    return reply;
  };
  const browse = async (): Promise<void> => {
    for (; on; await sleep(5)) {
      turn += 1;
      const person = people[turn % people.length] as Person;
      const node = fleet.nodes[Math.floor(turn / people.length) % fleet.nodes.length];
      try {
        judge(person, await timed(`${node?.url}/load`, person.cookie));
        if (turn % 10 !== 0) continue;
        const { status } = await timed(`${node?.url}/public/load`);
        if (status !== 200) note(`${status} on a public route`);
      } catch (error) {
        note((error as Error).message);
      }
    }
  };
  const running = Promise.all(Array.from({ length: atOnce }, browse));
  return {
    get served() {
      return counts.served;
    },
    get unavailable() {
      return counts.unavailable;
    },
    get slowest() {
      return counts.slowest;
    },
    get slowestPublic() {
      return counts.slowestPublic;
    },
    get lastUnavailable() {
      return counts.lastUnavailable;
    },
    wrong,
    resetTimes() {
      Object.assign(counts, { slowest: 0, slowestPublic: 0, lastUnavailable: 0 });
    },
    async stop() {
      on = false;
      await running;
    },
  };
}

/** Null when this is what the person may be told: their own answer, or that they are to come again. */
export function faultOf({ name }: Person, { status, headers, body }: Reply): string | null {
  if (status === 503) {
    return /^[1-9]\d*$/.test(String(headers['retry-after'])) ? null : 'a 503 without a time to come again';
  }
  if (status !== 200) return `${status} for ${name}`;
  const { user, authorization } = JSON.parse(body) as Told;
  if (user !== name) return `the answer of ${user} for ${name}`;
  return authorization?.startsWith(`Bearer at.${name}.`) === true ? null : `a wrong token for ${name}`;
}

/** How many of these get their own answer at each node, once. */
export async function countServed({ fleet, client, people }: LoadSetup): Promise<readonly number[]> {
  return Promise.all(
    fleet.nodes.map(async ({ url }) => {
      const replies = await Promise.all(
        people.map(async (person) => ({
          person,
          reply: await client.askAgain(`${url}/count`, { cookie: person.cookie }),
        })),
      );
      return replies.filter(({ person, reply }) => reply.status === 200 && faultOf(person, reply) === null)
        .length;
    }),
  );
}
