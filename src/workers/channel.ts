/** Questions and answers over a channel between processes: one side asks with a deadline, the other one answers. */
import { SallyportError, toSallyportError } from '../core/errors.ts';
import type { Asked, Failure, QuestionName, Questions, Told } from './protocol.ts';

export interface Asker {
  /**
   * Rejects when there is no answer within `deadlineMs` (null: as long as the worker lives), when the worker ends, and
   * with what the worker failed with.
   */
  ask<Name extends QuestionName>(
    name: Name,
    body: Questions[Name]['body'],
    deadlineMs: number | null,
  ): Promise<Questions[Name]['answer']>;
  /** For each message of kind `answer`. */
  take(message: Extract<Told, { kind: 'answer' }>): void;
  /** Nobody answers any more: what is open fails, and so does what is asked later. */
  end(): void;
}

interface Open {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | null;
}

export function createAsker(send: (message: Asked) => void): Asker {
  const open = new Map<number, Open>();
  let last = 0;
  let ended = false;
  const settle = (id: number): Open | null => {
    const found = open.get(id) ?? null;
    open.delete(id);
    if (found?.timer) clearTimeout(found.timer);
    return found;
  };
  return {
    ask(name, body, deadlineMs) {
      if (ended) return Promise.reject(gone(name));
      last += 1;
      const id = last;
      return new Promise((resolve, reject) => {
        const late = () => settle(id)?.reject(new Error(`a worker did not answer \`${name}\` in time`));
        const timer = deadlineMs === null ? null : setTimeout(late, deadlineMs);
        open.set(id, { resolve, reject, timer });
        send({ kind: 'ask', id, name, body });
      });
    },
    take(message) {
      const found = settle(message.id);
      if (message.ok) found?.resolve(message.value as never);
      else found?.reject(reviveFailure(message.failure));
    },
    end() {
      ended = true;
      for (const id of [...open.keys()]) settle(id)?.reject(gone('its question'));
    },
  };
}

const gone = (what: string) => new Error(`a worker ended before it answered ${what}`);

/** How each question is answered. */
export type Answers = {
  readonly [Name in QuestionName]: (
    body: Questions[Name]['body'],
  ) => Questions[Name]['answer'] | Promise<Questions[Name]['answer']>;
};

/** Answers one question; never throws. */
export async function answerQuestion(
  { id, name, body }: Asked,
  answers: Answers,
  send: (message: Told) => void,
): Promise<void> {
  try {
    const value = await (answers[name] as (body: unknown) => unknown)(body);
    send({ kind: 'answer', id, ok: true, value });
  } catch (error) {
    send({ kind: 'answer', id, ok: false, failure: describeFailure(error) });
  }
}

/** The cause stays behind: errors of libraries carry what they were about. */
function describeFailure(error: unknown): Failure {
  const { code, message, retryAfter } = toSallyportError(error);
  return { code, message, retryAfter };
}

function reviveFailure({ code, message, retryAfter }: Failure): SallyportError {
  return new SallyportError(code, message, retryAfter === null ? {} : { retryAfter });
}
