/** So many of a kind at once, the others in line. */

export class Limiter {
  readonly #max: number;
  readonly #line: (() => void)[] = [];
  #running = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Does `work` when there is room; `isUrgent` puts it before everything that waits. */
  async run<T>(work: () => Promise<T>, isUrgent = false): Promise<T> {
    if (this.#running >= this.#max) {
      await new Promise<void>((resolve) => {
        if (isUrgent) this.#line.unshift(resolve);
        else this.#line.push(resolve);
      });
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      // Whoever is next takes the place over: it is never free in between.
      const next = this.#line.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
