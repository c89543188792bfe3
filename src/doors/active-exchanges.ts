/**
 * What runs right now, in no order. Not a `Set`: one that is added to and deleted from for every request is rebuilt all
 * the time, and each discarded table points to the next one, so that the garbage collector carries finished requests
 * along (measured beside each other: 3 µs of CPU and more per request).
 */
import type { GateExchange } from './exchange.ts';

export class ActiveExchanges {
  readonly #list: GateExchange[] = [];

  get size(): number {
    return this.#list.length;
  }

  add(exchange: GateExchange): void {
    exchange.activeIndex = this.#list.length;
    this.#list.push(exchange);
  }

  /** The last one takes the place of the one that goes. */
  delete(exchange: GateExchange): void {
    const index = exchange.activeIndex;
    if (index === -1) return;
    exchange.activeIndex = -1;
    const last = this.#list.pop() as GateExchange;
    if (last === exchange) return;
    this.#list[index] = last;
    last.activeIndex = index;
  }

  /** As of now: what is done with them may end some. */
  snapshot(): readonly GateExchange[] {
    return [...this.#list];
  }
}
