/** One ordered queue of everything that happens around a test: signals, stanzas, what scripted clients report. Nothing here waits by the clock but to give up. */
import { isDeepStrictEqual } from 'node:util';

export interface HarnessEvent {
  /** Who tells: `bus`, `xmpp`, a client's name. */
  readonly source: string;
  /** What happened: a D-Bus member, a stanza, … */
  readonly name: string;
  readonly [detail: string]: unknown;
}

/** Fields an event must have. A function is asked about the value, a RegExp is tried on it, anything else must be deeply equal. */
export type Pattern = Readonly<Record<string, unknown>>;

interface Waiter {
  take(event: HarnessEvent): boolean;
  fail(error: Error): void;
}

/** Milliseconds until something expected is given up. Generous: a test that passes does not wait for it. */
const patience = 10_000;

export class EventQueue {
  #events: HarnessEvent[] = [];
  readonly #history: HarnessEvent[] = [];
  readonly #forbidden = new Set<Pattern>();
  readonly #barriers = new Set<() => Promise<unknown>>();
  #waiter: Waiter | undefined;
  #violation: Error | undefined;

  push(event: HarnessEvent): void {
    this.#history.push(event);
    for (const pattern of this.#forbidden) {
      if (matches(event, pattern)) {
        this.#violation ??= new Error(`forbidden: ${describe(event)}`);
        this.#waiter?.fail(this.#violation);
      }
    }
    if (this.#waiter?.take(event) !== true) this.#events.push(event);
  }

  /** The first event that matches, past or to come. It and everything before it are gone afterwards, so a row of `expect` is an order. */
  async expect<E extends HarnessEvent = HarnessEvent>(pattern: Pattern, timeoutMs = patience): Promise<E> {
    const [event] = await this.expectMany([pattern], timeoutMs);
    return event as E;
  }

  /** One event for each pattern, in any order; results in the order of the patterns. Everything up to the last of them is gone afterwards. */
  async expectMany(patterns: readonly Pattern[], timeoutMs = patience): Promise<HarnessEvent[]> {
    if (this.#waiter !== undefined) throw new Error('somebody is waiting for events already: one queue, one reader');
    const found = new Array<HarnessEvent | undefined>(patterns.length).fill(undefined);
    const take = (event: HarnessEvent): void => {
      const at = patterns.findIndex((pattern, index) => found[index] === undefined && matches(event, pattern));
      if (at >= 0) found[at] = event;
    };
    const isComplete = (): boolean => !found.includes(undefined);
    this.#check();
    while (!isComplete() && this.#events.length > 0) take(this.#events.shift()!);
    if (!isComplete()) {
      let timer: NodeJS.Timeout | undefined;
      try {
        await new Promise<void>((resolve, reject) => {
          this.#waiter = {
            take: (event) => {
              if (isComplete()) return false;
              take(event);
              if (isComplete()) resolve();
              return true;
            },
            fail: reject,
          };
          timer = setTimeout(() => {
            const missing = patterns.filter((_, index) => found[index] === undefined).map((pattern) => describe(pattern));
            reject(new Error(`not within ${timeoutMs} ms: ${missing.join(', ')}\nhappened:\n${this.transcript()}`));
          }, timeoutMs);
        });
      } finally {
        clearTimeout(timer);
        this.#waiter = undefined;
      }
    }
    return found as HarnessEvent[];
  }

  /** From now on an event that matches fails the `expect` or `sync` that is waiting, or the next one. Returns how to allow it again. */
  forbid(pattern: Pattern): () => void {
    this.#forbidden.add(pattern);
    return () => this.#forbidden.delete(pattern);
  }

  /** Registers a round trip through one of the parties: when it is over, everything that party had sent before has been pushed here. */
  barrier(roundTrip: () => Promise<unknown>): () => void {
    this.#barriers.add(roundTrip);
    return () => this.#barriers.delete(roundTrip);
  }

  /** Waits for a round trip through every party; fails if something forbidden has happened by then. */
  async sync(): Promise<void> {
    await Promise.all([...this.#barriers].map((roundTrip) => roundTrip()));
    this.#check();
  }

  /** Events not taken yet that match, without taking them. */
  waiting(pattern: Pattern): HarnessEvent[] {
    return this.#events.filter((event) => matches(event, pattern));
  }

  /** Everything that ever happened and matches, in order. */
  all(pattern: Pattern): HarnessEvent[] {
    return this.#history.filter((event) => matches(event, pattern));
  }

  /** The last events, one a line, for an error message. */
  transcript(count = 40): string {
    return this.#history.slice(-count).map((event) => `  ${describe(event)}`).join('\n');
  }

  #check(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }
}

function matches(event: HarnessEvent, pattern: Pattern): boolean {
  return Object.entries(pattern).every(([field, wanted]) => {
    const value = event[field];
    if (typeof wanted === 'function') return (wanted as (value: unknown) => unknown)(value) === true;
    if (wanted instanceof RegExp) return typeof value === 'string' && wanted.test(value);
    return isDeepStrictEqual(value, wanted);
  });
}

function describe(value: Pattern): string {
  const text = JSON.stringify(value, (_, item: unknown): unknown => {
    if (typeof item === 'bigint') return Number(item);
    if (item instanceof Map) return Object.fromEntries(item) as unknown;
    if (typeof item === 'function' || item instanceof RegExp) return String(item);
    return item;
  });
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
