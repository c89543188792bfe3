/** The worker's end of the channel to its supervisor. */
import { type Answers, answerQuestion } from './channel.ts';
import type { Asked, Told } from './protocol.ts';

/** What a worker needs of its own process. */
export type ParentChannel = Pick<NodeJS.Process, 'send' | 'disconnect' | 'connected' | 'on' | 'once'>;

export interface Supervised {
  /** Resolves when the supervisor has gone. */
  readonly orphaned: Promise<void>;
  /** Tells something unasked; resolves when it is on its way. */
  tell(message: Told): Promise<void>;
  /** Lets go of the channel, which keeps the process alive. */
  close(): void;
}

/** Answers what the supervisor asks from now on. */
export function answerSupervisor(channel: ParentChannel, answers: Answers): Supervised {
  const orphaned = Promise.withResolvers<void>();
  const tell = (message: Told) =>
    new Promise<void>((resolve) => {
      if (channel.connected && channel.send !== undefined)
        channel.send(message, undefined, undefined, () => resolve());
      else resolve();
    });
  channel.on(
    'message',
    (message: unknown) => void answerQuestion(message as Asked, answers, (told) => void tell(told)),
  );
  channel.once('disconnect', () => orphaned.resolve());
  return {
    orphaned: orphaned.promise,
    tell,
    close() {
      if (channel.connected) channel.disconnect?.();
    },
  };
}
