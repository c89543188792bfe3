/**
 * A request without the object of joined headers that Node makes of every head. The raw lines are the one source of
 * truth (HP-052); the few fields that Node itself asks for are found by a scan, which also costs less than the object.
 */
import { IncomingMessage } from 'node:http';

/** What Node's server looks at: for `checkContinue`, for keep-alive on HTTP/1.0, for requests without a body. */
export interface NodeFields {
  readonly [name: string]: string | undefined;
}

const asked: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'te', 'transfer-encoding', 'upgrade'],
]);

const none: NodeFields = Object.freeze({});

export class DoorRequest extends IncomingMessage {
  #fields: NodeFields | null = null;

  /** Only the fields named above, lower case, repeated ones joined by commas. */
  get nodeFields(): NodeFields {
    this.#fields ??= scan(this.rawHeaders);
    return this.#fields;
  }
}

// An accessor on the prototype, as Node's own is: the type of `headers` allows no other way to replace it.
Object.defineProperty(DoorRequest.prototype, 'headers', {
  get(this: DoorRequest) {
    return this.nodeFields;
  },
});

function scan(raw: readonly string[]): NodeFields {
  let fields: Record<string, string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const spelling = raw[i] as string;
    if (!mayBeAsked(spelling.length)) continue;
    const name = spelling.toLowerCase();
    if (!asked.has(name)) continue;
    fields ??= {};
    const value = raw[i + 1] as string;
    fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
  }
  return fields ?? none;
}

/** The lengths of the names above. */
function mayBeAsked(length: number): boolean {
  return length === 2 || length === 6 || length === 7 || length === 10 || length === 14 || length === 17;
}
