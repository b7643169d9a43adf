/** Typed events of the security core: listeners are called in order, at once, and cannot harm each other. */
import type { Log } from '../log.ts';

/** `Events`: name → the arguments of its listeners. */
export class Events<All extends { [Name in keyof All]: unknown[] }> {
  readonly #log: Log;
  readonly #listeners: { [Name in keyof All]?: Set<(...args: All[Name]) => void> } = {};

  constructor(log: Log) {
    this.#log = log;
  }

  /** Calls `listener` at every such event from now on. Returns how to end that. */
  on<Name extends keyof All>(event: Name, listener: (...args: All[Name]) => void): () => void {
    const own = (...args: All[Name]): void => listener(...args);
    const listeners = (this.#listeners[event] ??= new Set());
    listeners.add(own);
    return () => {
      listeners.delete(own);
    };
  }

  /** A listener that throws is logged; the others are called all the same. */
  emit<Name extends keyof All>(event: Name, ...args: All[Name]): void {
    for (const listener of [...(this.#listeners[event] ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        this.#log.error({ err: error, event: String(event) }, 'a listener failed');
      }
    }
  }
}
