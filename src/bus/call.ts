/** One call being served. */
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Call } from './object.ts';
import type { ObjectPath } from './types.ts';

export class ServedCall implements Call {
  readonly sender: string;
  readonly path: ObjectPath;
  readonly #log: Log;
  readonly #watch: (onGone: () => void) => () => void;
  #controller: AbortController | undefined;
  #unwatch: (() => void) | undefined;
  /** undefined once the reply is on its way. */
  #work: (() => void)[] | undefined = [];

  /** `watch` calls `onGone` when nobody waits for the answer any more, until what it returns is called. */
  constructor(options: { sender: string; path: ObjectPath; log: Log; watch: (onGone: () => void) => () => void }) {
    this.sender = options.sender;
    this.path = options.path;
    this.#log = options.log;
    this.#watch = options.watch;
  }

  /** Watching costs messages on the bus: most calls are over before anybody asks for it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#work !== undefined) {
        this.#unwatch = this.#watch(() => controller.abort(new HushError('cancelled', 'nobody waits for the answer any more')));
      }
    }
    return this.#controller.signal;
  }

  afterReply(work: () => void): void {
    if (this.#work === undefined) this.#run(work);
    else this.#work.push(work);
  }

  /** The reply is on its way, or none is wanted. */
  replied(): void {
    const work = this.#work ?? [];
    this.#work = undefined;
    this.#unwatch?.();
    for (const piece of work) this.#run(piece);
  }

  #run(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#log.error({ err: error, path: this.path }, 'work after a reply failed');
    }
  }
}
