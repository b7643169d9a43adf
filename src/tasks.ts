/** Named background work of one owner: nothing floats, everything ends with its owner. */
import { HushError } from './errors.ts';
import type { Log } from './log.ts';

export class Tasks {
  readonly #log: Log;
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Aborted when the owner ends; work that can wait listens to it. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs `work` in the background. A failure is logged under `name` unless the owner has ended; it never escapes. */
  run(name: string, work: (signal: AbortSignal) => Promise<void> | void): void {
    if (this.signal.aborted) return;
    const running = (async () => {
      try {
        await work(this.signal);
      } catch (error) {
        if (this.signal.aborted) return;
        const level = error instanceof HushError ? 'info' : 'error';
        this.#log[level]({ err: error, task: name }, 'background task failed');
      }
    })();
    this.#running.add(running);
    running.finally(() => this.#running.delete(running)).catch(() => undefined);
  }

  /** Calls `work` once after `ms` milliseconds unless the owner ends first. Returns a function that cancels it. */
  after(name: string, ms: number, work: () => Promise<void> | void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.run(name, work);
    }, ms);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  /** Aborts everything and waits until it has ended. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#controller.abort(new HushError('cancelled', 'the owner of this work has ended'));
    await Promise.all(this.#running);
  }
}
