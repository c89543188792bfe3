/** What holds on to sessions: WebSockets, event streams. Told once, soon after the session ends. */
import type { Session, SessionEndReason } from '../core/session.ts';

type OnEnd = (reason: SessionEndReason) => void;

export interface Holds {
  add(session: Session, onEnd: OnEnd): () => void;
  has(key: string): boolean;
  /** Tells everything that holds on to the session. */
  end(key: string, reason: SessionEndReason): void;
  /** The sessions that are held, as they were when somebody first took hold of them. */
  sessions(): Iterable<Session>;
}

interface Held {
  readonly session: Session;
  readonly listeners: Set<OnEnd>;
}

export function createHolds(): Holds {
  const byKey = new Map<string, Held>();

  const release = (key: string, onEnd: OnEnd): void => {
    const held = byKey.get(key);
    if (held?.listeners.delete(onEnd) && held.listeners.size === 0) byKey.delete(key);
  };

  return {
    add(session, onEnd) {
      const held = byKey.get(session.key) ?? { session, listeners: new Set() };
      byKey.set(session.key, held);
      // A wrapper of its own, so that the same function may hold twice.
      const listener: OnEnd = (reason) => onEnd(reason);
      held.listeners.add(listener);
      return () => release(session.key, listener);
    },
    has: (key) => byKey.has(key),
    end(key, reason) {
      const held = byKey.get(key);
      byKey.delete(key);
      for (const listener of held?.listeners ?? []) tell(listener, reason);
    },
    *sessions() {
      for (const held of [...byKey.values()]) yield held.session;
    },
  };
}

function tell(listener: OnEnd, reason: SessionEndReason): void {
  try {
    listener(reason);
  } catch {
    // One connection that cannot be closed must not keep the others open.
  }
}
