/** A secret from the configuration: prints as `[secret]` wherever it is logged, joined or serialised by accident. */
import { inspect } from 'node:util';

/** Text, unless said otherwise; `Secret<Buffer>` holds bytes. */
export class Secret<Value = string> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  /** The value itself. Call it only where it is used. */
  reveal(): Value {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
