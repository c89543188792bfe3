/** The request body as text, for the gate's own endpoints: bounded, and an error when the client leaves. */
import type { IncomingMessage } from 'node:http';
import { SallyportError } from '../core/errors.ts';
import type { ReadBody } from '../core/request-head.ts';
import { refusals } from './refusals.ts';

/** For requests without a body. */
export const readNoBody: ReadBody = () => Promise.resolve('');

/** Rejects with `ERR_BODY_TOO_LARGE` past `limit` bytes, with `ERR_BAD_REQUEST` when the body ends too early. */
export function readRequestBody(request: IncomingMessage, limit: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (error: SallyportError | null) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      if (error === null) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(error);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) settle(refusals['body-too-large']);
      else chunks.push(chunk);
    };
    const onEnd = () => settle(null);
    const onClose = () => settle(new SallyportError('ERR_BAD_REQUEST', 'the client left within its request'));
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    if (request.destroyed) onClose();
  });
}
