/** Moments in the life of an object that others attach to: called at once, in order of attachment, unable to harm each other. */
import type { Log } from '../log.ts';

export class Hooks<Moment extends string> {
  readonly #log: Log;
  readonly #hooks = new Map<Moment, Set<() => void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Calls `hook` whenever `moment` comes. Returns a function that ends that. */
  on(moment: Moment, hook: () => void): () => void {
    const hooks = this.#hooks.get(moment) ?? new Set();
    this.#hooks.set(moment, hooks);
    hooks.add(hook);
    return () => {
      hooks.delete(hook);
    };
  }

  /** A hook that throws is logged; the others are called all the same. */
  run(moment: Moment): void {
    for (const hook of [...(this.#hooks.get(moment) ?? [])]) {
      try {
        hook();
      } catch (error) {
        this.#log.error({ err: error, moment }, 'a hook failed');
      }
    }
  }
}
