/**
 * What of @xmpp serves a stream: header, footer, and the wiring of a socket and a parser. Source: RFC 6120 §4.2–4.4.
 * Its decoding chunk by chunk, its time-outs, its following of redirects and its `error` events are not used.
 */
import { EventEmitter } from 'node:events';
import ConnectionTCP from '@xmpp/connection-tcp';
import type { HushError } from '../errors.ts';
import { ns } from './element.ts';
import type { Element } from './element.ts';
import { StreamParser } from './parser.ts';

/** Of a stanza, 2 MiB: above what servers relay, below what hurts. Depth: several times that of a data form in publish-subscribe in an iq. */
const limits = { maxStanzaBytes: 2 * 1024 * 1024, maxDepth: 64 };

/** @xmpp's view of our parser. */
export class ParserAdapter extends EventEmitter {
  readonly #parser: StreamParser;

  constructor(onError: (error: HushError) => void) {
    super();
    this.#parser = new StreamParser(limits, {
      open: (header) => this.emit('start', header),
      element: (element) => this.emit('element', element),
      close: () => this.emit('end'),
      error: onError,
    });
  }

  /** Bytes of the chunk being read that come after the element being reported. */
  get unread(): number {
    return this.#parser.unread;
  }

  /** Whether what came last is only the beginning of an element. */
  get isMidway(): boolean {
    return this.#parser.isMidway;
  }

  write(bytes: Uint8Array): void {
    this.#parser.write(bytes);
  }

  stop(): void {
    this.#parser.stop();
  }
}

export interface WireHooks {
  data(bytes: Uint8Array): void;
  element(element: Element): void;
}

/** @xmpp's connection with raw bytes going in, elements coming out, and no will of its own. */
export class Wire extends ConnectionTCP {
  override NS = ns.client;
  readonly #hooks: WireHooks;

  constructor(domain: string, hooks: WireHooks) {
    super({ domain });
    this.#hooks = hooks;
  }

  override _onData(bytes: Uint8Array): void {
    this.#hooks.data(bytes);
  }

  override _onElement(element: Element): void {
    this.#hooks.element(element);
  }
}
