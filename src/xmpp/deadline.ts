/** A limit on work that does not count the time people take to answer. */
import { HushError } from '../errors.ts';

/** Aborts its signal after `ms` milliseconds of running time, or with `outer`; the reason is always a HushError. To be ended by its owner. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #onOuter: () => void;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #left: number;
  #since = 0;

  constructor(ms: number, outer: AbortSignal) {
    this.#left = ms;
    this.#outer = outer;
    this.#onOuter = () => this.#controller.abort(outer.reason instanceof HushError ? outer.reason : new HushError('cancelled', 'cancelled', { cause: outer.reason }));
    outer.addEventListener('abort', this.#onOuter, { once: true });
    if (outer.aborted) this.#onOuter();
    this.#run();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs `work` while the clock stands still. */
  async pausedWhile<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer);
    this.#left -= performance.now() - this.#since;
    try {
      return await work();
    } finally {
      this.#run();
    }
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#onOuter);
  }

  #run(): void {
    if (this.#hasEnded) return;
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#controller.abort(new HushError('network-error', 'the server does not answer in time')), this.#left);
  }
}
