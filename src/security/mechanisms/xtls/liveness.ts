/** Receipts for what was said inside, and pings where nothing is heard. XTLS profile §4; XEP-0184, XEP-0199. */
import { randomUUID } from 'node:crypto';
import { child, ns, xml } from '../../../xmpp/element.ts';
import type { Element } from '../../../xmpp/element.ts';
import { RECEIPTS, readReceipt, receipt, requestReceipt, wantsReceipt } from '../../../xmpp/xep0184-receipts.ts';
import { PING } from '../../../xmpp/xep0199-ping.ts';

/** Milliseconds without a complete element of the peer, and of a body without its receipt, after which is asked; and of the question without answer. */
const limits = { silence: 300_000, receipt: 60_000, answer: 60_000 } as const;
/** Questions without answer, in a row, after which nobody is there. */
const MAX_UNANSWERED = 2;
/** Bodies whose receipts are waited for; a peer that gives none costs no more than this. */
const MAX_OUTSTANDING = 10_000;

export interface LivenessHandlers {
  /** Writes a ping inside the session. */
  ask(ping: Element): void;
  /** Writes a receipt there, soon. */
  acknowledge(receipt: Element): void;
  /** The peer has acknowledged this body. */
  delivered(id: string): void;
  /** Nobody answers. */
  dead(): void;
}

export class Liveness {
  readonly #handlers: LivenessHandlers;
  /** Bodies without receipt, with the timer of those that are young. */
  readonly #outstanding = new Map<string, NodeJS.Timeout | undefined>();
  #silence: NodeJS.Timeout | undefined;
  #answer: NodeJS.Timeout | undefined;
  #pingId: string | undefined;
  #unanswered = 0;

  constructor(handlers: LivenessHandlers) {
    this.#handlers = handlers;
  }

  /** From `secure` on. */
  start(): void {
    this.heard();
  }

  /** A complete element of the peer came. */
  heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#ping(), limits.silence);
  }

  /** Makes a message ready to leave: without addresses, and a body with an id and the wish for a receipt. */
  prepare(message: Element): Element {
    const { id, type, 'xml:lang': lang } = message.attrs;
    const isSaid = child(message, 'body', ns.client) !== undefined && type !== 'error';
    const own = xml('message', { type, id: id ?? (isSaid ? randomUUID() : undefined), 'xml:lang': lang }, ...message.children);
    if (isSaid && child(own, 'request', RECEIPTS) === undefined) own.append(requestReceipt());
    return own;
  }

  /** A prepared message is on its way. */
  sent({ attrs: { id, type } }: Element, hasBody: boolean): void {
    if (id === undefined || type === 'error' || !hasBody || this.#outstanding.size >= MAX_OUTSTANDING) return;
    this.#outstanding.set(
      id,
      setTimeout(() => {
        this.#outstanding.set(id, undefined);
        this.#ping();
      }, limits.receipt),
    );
  }

  /** Whether this message is a receipt, with or without a body: nothing to show, then. */
  takeReceipt(message: Element): boolean {
    const acknowledged = readReceipt(message);
    if (acknowledged === undefined) return false;
    if (this.#outstanding.has(acknowledged)) {
      clearTimeout(this.#outstanding.get(acknowledged));
      this.#outstanding.delete(acknowledged);
      this.#handlers.delivered(acknowledged);
    }
    return true;
  }

  /** Gives the receipt that a message asks for, if it does. */
  giveReceipt(message: Element): void {
    const wanted = wantsReceipt(message);
    if (wanted !== undefined) this.#handlers.acknowledge(xml('message', { type: message.attrs.type, id: randomUUID() }, receipt(wanted)));
  }

  /** An iq of type result or error: an answer to our ping, or nothing. */
  answered(iq: Element): void {
    if (iq.attrs.id !== this.#pingId) return;
    clearTimeout(this.#answer);
    this.#pingId = undefined;
    this.#unanswered = 0;
  }

  stop(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#answer);
    for (const timer of this.#outstanding.values()) clearTimeout(timer);
    this.#outstanding.clear();
  }

  #ping(): void {
    if (this.#pingId !== undefined) return;
    this.#pingId = randomUUID();
    this.#handlers.ask(xml('iq', { type: 'get', id: this.#pingId }, xml('ping', { xmlns: PING })));
    this.#answer = setTimeout(() => {
      this.#pingId = undefined;
      this.#unanswered += 1;
      if (this.#unanswered >= MAX_UNANSWERED) this.#handlers.dead();
      else this.#ping();
    }, limits.answer);
  }
}
