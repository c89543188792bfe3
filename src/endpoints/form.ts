/** Reads what a form or a query brings: urlencoded only, small, and never two values where one is meant. */
import { SallyportError } from '../core/errors.ts';
import type { ReadBody, RequestHead } from '../core/request-head.ts';
import { requestHeader } from '../core/request-head.ts';

/** Bytes of a form and the number of its fields (DL-013, DL-014). */
const bodyLimit = 16 * 1024;
const fieldLimit = 50;

/**
 * The fields of an `application/x-www-form-urlencoded` body of at most `limit` bytes. Fails with `ERR_BODY_UNSUPPORTED`,
 * `ERR_BODY_TOO_LARGE` or `ERR_BAD_REQUEST`.
 */
export async function readForm(
  head: RequestHead,
  readBody: ReadBody,
  limit = bodyLimit,
): Promise<URLSearchParams> {
  if (!isForm(requestHeader(head, 'content-type'))) {
    throw new SallyportError('ERR_BODY_UNSUPPORTED', 'body is not application/x-www-form-urlencoded');
  }
  return parseFields(await readBody(limit));
}

/** The fields of the query. Fails with `ERR_BAD_REQUEST` when there are too many. */
export function readQuery(head: RequestHead): URLSearchParams {
  return parseFields(head.url.search.slice(1));
}

/** The value of a field that came exactly once, and null otherwise: nobody has to guess which one counts (RP-060). */
export function single(fields: URLSearchParams, name: string): string | null {
  const values = fields.getAll(name);
  return values.length === 1 ? (values[0] as string) : null;
}

function isForm(contentType: string | null): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded';
}

function parseFields(text: string): URLSearchParams {
  let separators = 0;
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1)) separators += 1;
  if (separators >= fieldLimit) throw new SallyportError('ERR_BAD_REQUEST', 'too many fields');
  // URLSearchParams drops a leading `?`; the extra one keeps the first of a body that begins with it.
  return new URLSearchParams(`?${text}`);
}
