/** Typed events inside hush: listeners are called in order, at once, and cannot harm each other. */
import type { Log } from './log.ts';

type Listener<Args extends unknown[]> = (...args: Args) => void;

/** `Events`: name → the arguments of its listeners. */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #log: Log;
  readonly #listeners: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {};

  constructor(log: Log) {
    this.#log = log;
  }

  /** Calls `listener` at every `emit` of this event from now on. Returns a function that ends it; a listener added twice is called twice. */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = (this.#listeners[event] ??= new Set());
    const own: Listener<Events[Name]> = (...args) => listener(...args);
    listeners.add(own);
    return () => {
      listeners.delete(own);
    };
  }

  /** Calls the listeners there are now, except those removed meanwhile. One that throws is logged; the others are called all the same. */
  emit<Name extends keyof Events>(event: Name, ...args: Events[Name]): void {
    const listeners = this.#listeners[event];
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      if (!listeners.has(listener)) continue;
      try {
        listener(...args);
      } catch (error) {
        this.#log.error({ err: error, event: String(event) }, 'a listener failed');
      }
    }
  }
}
