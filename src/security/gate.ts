/** The gate: the one place where messages of a conversation leave for the network and come in from it. */
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Element } from '../xmpp/element.ts';
import type { Jid } from '../xmpp/jid.ts';
import type { Conversation } from './conversation.ts';
import { plainFacts } from './conversation.ts';
import { claimsOf } from './properties.ts';
import type { Claims } from './properties.ts';

declare const passed: unique symbol;

/** How a message reached this resource: sent to it, or copied to it by our own server (XEP-0280). */
export type Origin = 'direct' | 'carbon-received' | 'carbon-sent';

/** A message that came through the gate, with what was proved about it. Nothing else enters a text channel, and only the gate makes one. */
export interface Opened {
  readonly message: Element;
  /** Who wrote it: stamped by the server, or the peer of the session that carried it. For `carbon-sent` ourselves. */
  readonly from: Jid;
  readonly origin: Origin;
  /** When it was sent, where a server we trust says that it did not come at once. */
  readonly sentAt: Date | undefined;
  /** The mechanism of the session that carried it, "" for plaintext. */
  readonly mechanism: string;
  /** The claims that held when it was received. */
  readonly claims: Claims;
  readonly [passed]: true;
}

/** A message on its way, as the gate let it out: the id under which an answer or an error will speak of it. */
export interface Sealed {
  readonly id: string;
  readonly mechanism: string;
  readonly [passed]: true;
}

/** What takes a message to its peer. */
export interface Carrier {
  readonly mechanism: string;
  /** Sends `message` in order and returns its id; throws HushError where it cannot. */
  send(to: Jid, message: Element): string;
}

export class Gate {
  readonly #plain: Carrier;
  readonly #log: Log;
  readonly #listeners = new Set<(opened: Opened) => void>();

  constructor(options: { plain: Carrier; log: Log }) {
    this.#plain = options.plain;
    this.#log = options.log;
  }

  /** Seals one message of `conversation` and sends it. Throws HushError, and then not one byte has left. */
  seal(conversation: Conversation, message: Element): Sealed {
    if (message.name !== 'message') throw new HushError('invalid-argument', 'only messages pass the gate');
    const carrier = this.#plain;
    return { id: carrier.send(conversation.address, message), mechanism: carrier.mechanism } as Sealed;
  }

  /** Takes a message that came in the clear over the account's stream. */
  openPlain(message: Element, from: Jid, origin: Origin, sentAt?: Date): void {
    this.#deliver({ message, from, origin, sentAt, mechanism: '', claims: claimsOf(plainFacts) } as Opened);
  }

  /** Calls `listener` with every message that comes in. */
  onOpened(listener: (opened: Opened) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #deliver(opened: Opened): void {
    for (const listener of this.#listeners) {
      try {
        listener(opened);
      } catch (error) {
        this.#log.error({ err: error }, 'a message was not taken');
      }
    }
  }
}
