/** Reads and drops what is left of a request body that nobody wants, within bounds. */
import type { IncomingMessage } from 'node:http';

const maxBytes = 1024 ** 2;
const maxMilliseconds = 2000;

/** Calls `done` once: at the end of the body (true), or when it is too long, too slow or cut off (false). */
export function discardRest(request: IncomingMessage, done: (isAtEnd: boolean) => void): void {
  let left = maxBytes;
  const finish = (isAtEnd: boolean) => {
    clearTimeout(timer);
    request.off('data', onData).off('end', onEnd).off('close', onClose);
    done(isAtEnd);
  };
  const onData = (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) finish(false);
  };
  const onEnd = () => finish(true);
  const onClose = () => finish(request.complete);
  const timer = setTimeout(finish, maxMilliseconds, false);
  request.removeAllListeners('data');
  request.on('data', onData).on('end', onEnd).on('close', onClose);
  request.resume();
}
