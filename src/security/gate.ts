/** The gate: the one place where messages of a conversation leave for the network and come in from it. */
import { asHushError, HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Element } from '../xmpp/element.ts';
import type { Jid } from '../xmpp/jid.ts';
import type { Conversation } from './conversation.ts';
import { plainFacts, SecurityState } from './conversation.ts';
import { endedError, plaintextRefusal, waitingRefusal } from './policy.ts';
import type { Stance } from './policy.ts';
import { claimsOf, missing } from './properties.ts';
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
  /** The conversation whose session carried it; undefined for plaintext. */
  readonly conversation: Conversation | undefined;
  /** The mechanism of that session, "" for plaintext. */
  readonly mechanism: string;
  /** The claims that held when it was received. */
  readonly claims: Claims;
  readonly [passed]: true;
}

/** A message that has left: the id under which an answer, a receipt or an error will speak of it. */
export interface Sealed {
  readonly id: string;
  /** "" for plaintext. */
  readonly mechanism: string;
  readonly [passed]: true;
}

/** What becomes of a message: exactly one of the two is called, at once or when it is known how it may leave. */
export interface Outcome {
  left(sealed: Sealed): void;
  /** Not one byte of it has left. */
  failed(error: HushError): void;
}

/** What takes plaintext to its peer. */
export interface Carrier {
  readonly mechanism: string;
  /** Sends `message` in order and returns its id; throws HushError where it cannot. */
  send(to: Jid, message: Element): string;
}

export interface GateOptions {
  readonly plain: Carrier;
  /** What decides over plaintext in a conversation now. */
  stanceOf(conversation: Conversation): Stance;
  /** A message has begun to wait in a conversation that is being secured. */
  onWaiting(conversation: Conversation): void;
  readonly log: Log;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #listeners = new Set<(opened: Opened) => unknown>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Sends one message of a conversation as what it is at this moment, or lets it wait while the conversation is being secured.
   * Throws HushError where it cannot leave, and then not one byte has.
   */
  seal(conversation: Conversation, message: Element, outcome: Outcome): void {
    demandMessage(message);
    if (conversation.state === SecurityState.negotiating) {
      conversation.wait({ message, left: (id, mechanism) => outcome.left({ id, mechanism } as Sealed), failed: (error) => outcome.failed(error) });
      this.#options.onWaiting(conversation);
      return;
    }
    outcome.left(this.#send(conversation, message));
  }

  /** Sends a receipt or a typing notice: worth nothing later, so it never waits. Returns whether it has left. */
  sealPassing(conversation: Conversation, message: Element): boolean {
    demandMessage(message);
    if (conversation.state === SecurityState.negotiating || conversation.state === SecurityState.ended) return false;
    // What would only show that we are here does not go round a secured session.
    if (conversation.state === SecurityState.insecure && this.#options.stanceOf(conversation).hasLiveSession) return false;
    try {
      this.#send(conversation, message);
      return true;
    } catch (error) {
      this.#options.log.debug({ err: error }, 'a passing message was not sent');
      return false;
    }
  }

  /** The conversation is no longer being secured: what waited in it leaves as what it is now, in order, or is reported as failed. */
  release(conversation: Conversation): void {
    for (const waiting of conversation.takeWaiting()) {
      try {
        // Whoever can make an attempt fail must not be given what was meant to be secured.
        const refusal = conversation.state === SecurityState.insecure ? waitingRefusal(this.#options.stanceOf(conversation)) : undefined;
        if (refusal !== undefined) throw refusal;
        const { id, mechanism } = this.#send(conversation, waiting.message);
        waiting.left(id, mechanism);
      } catch (error) {
        waiting.failed(asHushError(error));
      }
    }
  }

  /** Takes a message that came in the clear over the account's stream. */
  openPlain(message: Element, from: Jid, origin: Origin, sentAt?: Date): void {
    this.#deliver({ message, from, origin, sentAt, conversation: undefined, mechanism: '', claims: claimsOf(plainFacts) } as Opened);
  }

  /** Tells the sender of a plaintext message that it was not taken, by an error stanza with no word of it. Errors and copies are answered by nobody, what came inside a session by the session. */
  refuse({ message, from, origin, conversation }: Opened, error: Element): void {
    if (error.attrs.type !== 'error' || message.attrs.type === 'error' || origin !== 'direct' || conversation !== undefined) return;
    try {
      this.#options.plain.send(from, error);
    } catch (failure) {
      this.#options.log.debug({ err: failure }, 'a refusal was not sent');
    }
  }

  /** Takes a message that came inside the session of a conversation. False: there was no place for it. */
  openSecured(conversation: Conversation, message: Element): boolean {
    const { session } = conversation;
    if (session === undefined || conversation.state !== SecurityState.secure) return true;
    return this.#deliver({ message, from: session.peer, origin: 'direct', sentAt: undefined, conversation, mechanism: session.mechanism, claims: claimsOf(session.facts) } as Opened);
  }

  /** Calls `listener` with every message that comes in. It returns false where there was no place for it. */
  onOpened(listener: (opened: Opened) => unknown): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #send(conversation: Conversation, message: Element): Sealed {
    const { state, session } = conversation;
    if (state === SecurityState.ended) throw endedError(conversation.endReason ?? 'unauthenticated');
    if (state === SecurityState.secure) {
      if (session === undefined || session.state !== 'secure') throw endedError('clean');
      const { demands, asked } = this.#options.stanceOf(conversation);
      const lacking = missing(new Set([...demands, ...asked]), conversation.claims);
      if (lacking.some((claim) => claim !== 'Verified')) throw new HushError('encryption-not-available', `the secured conversation does not have the property ${lacking.join(', ')}`);
      if (lacking.length > 0) throw new HushError('not-yet', 'this conversation waits until the contact is verified');
      return { id: session.send(message) ?? '', mechanism: session.mechanism } as Sealed;
    }
    if (state !== SecurityState.insecure) throw new HushError('encryption-not-available', 'the conversation is being secured');
    const refusal = plaintextRefusal(this.#options.stanceOf(conversation));
    if (refusal !== undefined) throw refusal;
    const { plain } = this.#options;
    return { id: plain.send(conversation.address, message), mechanism: plain.mechanism } as Sealed;
  }

  #deliver(opened: Opened): boolean {
    let isTaken = true;
    for (const listener of this.#listeners) {
      try {
        if (listener(opened) === false) isTaken = false;
      } catch (error) {
        this.#options.log.error({ err: error }, 'a message was not taken');
      }
    }
    return isTaken;
  }
}

function demandMessage(message: Element): void {
  if (message.name !== 'message') throw new HushError('invalid-argument', 'only messages pass the gate');
}
