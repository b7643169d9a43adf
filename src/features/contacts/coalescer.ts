/** Many changes in one turn of the event loop, told in one signal: a login brings thousands. */

/** Entries of one D-Bus signal. */
const maxAtOnce = 500;

export class Coalescer<T> {
  readonly #tell: (changed: T[]) => void;
  readonly #changed = new Set<T>();

  /** `tell` is called soon, with each change once, in the order in which they came first. */
  constructor(tell: (changed: T[]) => void) {
    this.#tell = tell;
  }

  add(changed: T): void {
    if (this.#changed.size === 0) setImmediate(() => this.flush());
    this.#changed.add(changed);
  }

  /** Tells now what is waiting. */
  flush(): void {
    const all = [...this.#changed];
    this.#changed.clear();
    for (let at = 0; at < all.length; at += maxAtOnce) this.#tell(all.slice(at, at + maxAtOnce));
  }
}
