/** Stream management: who has which stanza, and the way back after a lost connection. Source: XEP-0198 1.6.1. The attribute `location` is ignored: we go where the account says. */
import { HushError } from '../errors.ts';
import { is, xml } from './element.ts';
import type { Element } from './element.ts';

export const SM = 'urn:xmpp:sm:3';

/** Stanzas without the server's word on them: more of either are not taken. */
const maxQueue = { stanzas: 5_000, bytes: 16 * 1024 * 1024 };
/**
 * An answer is asked for after so many stanzas, or so many milliseconds after the first of fewer. Not sooner: there is nothing to say to an answer that comes alone, so the
 * system tells the server of it only 40 ms later, and until then a server that waits for that (Nagle's algorithm) holds back what it has for us.
 */
const askAfter = { stanzas: 50, ms: 500 };
/** Seconds within which we try to resume; a server may allow less. */
const maxResumeSeconds = 300;

export interface StreamManagementOptions {
  /** Sends an element of the protocol. */
  send(element: Element): void;
  /** A stanza that the server has taken, in order. */
  delivered(stanza: Element): void;
  /** `<resumed/>` came, and counted: the rest of the queue is to be sent again. */
  resumed(unacknowledged: readonly Element[]): void;
  /** The server has forgotten the stream. */
  resumeFailed(): void;
}

interface Sent {
  readonly stanza: Element;
  readonly bytes: number;
}

/** `off`: not in use. `asked`: `<enable/>` is under way. `on`. `suspended`: the connection is gone. `resuming`: `<resume/>` is under way on a new one. */
type State = 'off' | 'asked' | 'on' | 'suspended' | 'resuming';

/** The state of one stream across its connections. */
export class StreamManagement {
  readonly #options: StreamManagementOptions;
  #state: State = 'off';
  #id: string | undefined;
  #resumeSeconds = 0;
  /** Stanzas from the server that we have taken, modulo 2^32. */
  #handled = 0;
  /** Stanzas of ours that the server has taken, modulo 2^32. */
  #acknowledged = 0;
  readonly #queue: Sent[] = [];
  #queuedBytes = 0;
  /** Stanzas since the last `<r/>`. */
  #answers = 0;
  #unasked = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StreamManagementOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#state === 'on';
  }

  get canResume(): boolean {
    return this.#id !== undefined;
  }

  /** Milliseconds after a loss within which resuming makes sense. */
  get resumeMs(): number {
    return this.#resumeSeconds * 1_000;
  }

  /** Whether one more stanza may be sent. */
  get hasRoom(): boolean {
    return this.#queue.length < maxQueue.stanzas && this.#queuedBytes < maxQueue.bytes;
  }

  /** The request to begin; stanzas count from here. `resume`: ask for the way back, too. */
  enable(resume: boolean): Element {
    this.#state = 'asked';
    return xml('enable', { xmlns: SM, ...(resume && { resume: 'true' }) });
  }

  /** The request to go on where the stream was, as first element on a new authenticated stream. */
  resume(): Element {
    this.#state = 'resuming';
    return xml('resume', { xmlns: SM, previd: this.#id, h: this.#handled });
  }

  /** A stanza was sent, or waits for the connection to come back. */
  sent(stanza: Element, bytes: number): void {
    if (this.#state === 'off') return;
    this.#queue.push({ stanza, bytes });
    this.#queuedBytes += bytes;
    this.#unasked += 1;
    this.#askSoon();
  }

  /** A stanza came in. */
  received(): void {
    if (this.#state === 'on') this.#handled = (this.#handled + 1) >>> 0;
  }

  /** How often the server has said what it has taken. */
  get answers(): number {
    return this.#answers;
  }

  /** Asks the server to answer now. */
  ask(): void {
    this.#stopTimer();
    this.#unasked = 0;
    this.#options.send(xml('r', { xmlns: SM }));
  }

  /** What we have taken, unasked: the last thing before the stream closes. */
  acknowledge(): void {
    if (this.#state === 'on') this.#options.send(xml('a', { xmlns: SM, h: this.#handled }));
  }

  /** The connection is gone; the queue stays. */
  suspend(): void {
    this.#stopTimer();
    this.#state = 'suspended';
  }

  /** What the server has not confirmed, in order. */
  get unconfirmed(): Element[] {
    return this.#queue.map(({ stanza }) => stanza);
  }

  /** The stream is gone for good. Returns what was unconfirmed. */
  end(): Element[] {
    const { unconfirmed } = this;
    this.#stopTimer();
    this.#state = 'off';
    this.#id = undefined;
    this.#queuedBytes = 0;
    this.#queue.length = 0;
    return unconfirmed;
  }

  /** An element of this protocol came in. Throws HushError('connection-lost') when the server miscounts or speaks out of turn: the stream must end. */
  handle(element: Element): void {
    const { name, attrs } = element;
    if (is(element, 'r', SM) && this.#state !== 'off') this.acknowledge();
    else if (is(element, 'a', SM) && this.#state === 'on') {
      this.#answers += 1;
      this.#confirm(attrs.h);
    } else if (is(element, 'enabled', SM) && this.#state === 'asked') this.#enabled(element);
    else if (is(element, 'failed', SM) && this.#state === 'asked') this.end();
    else if (is(element, 'resumed', SM) && this.#state === 'resuming') this.#resumed(attrs.previd, attrs.h);
    else if (is(element, 'failed', SM) && this.#state === 'resuming') this.#resumeFailed(attrs.h);
    else throw new HushError('connection-lost', `the server sends <${name.slice(0, 32)}/> of stream management out of turn`);
  }

  #enabled({ attrs }: Element): void {
    this.#state = 'on';
    this.#handled = 0;
    this.#acknowledged = 0;
    const isResumable = (attrs.resume === 'true' || attrs.resume === '1') && (attrs.id ?? '') !== '';
    this.#id = isResumable ? attrs.id : undefined;
    const max = attrs.max !== undefined && /^[0-9]{1,9}$/.test(attrs.max) ? Number(attrs.max) : maxResumeSeconds;
    this.#resumeSeconds = Math.min(max, maxResumeSeconds);
    this.#askSoon();
  }

  #resumed(previous: string | undefined, h: string | undefined): void {
    if (previous !== this.#id) throw new HushError('connection-lost', 'the server resumes another stream');
    this.#state = 'on';
    this.#confirm(h);
    this.#unasked = this.#queue.length;
    this.#options.resumed(this.#queue.map(({ stanza }) => stanza));
    this.#askSoon();
  }

  #resumeFailed(h: string | undefined): void {
    if (h !== undefined) this.#confirm(h);
    this.#options.resumeFailed();
  }

  /** The server has taken `h` stanzas in all. */
  #confirm(text: string | undefined): void {
    const h = text !== undefined && /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
    const count = (h - this.#acknowledged) >>> 0;
    if (!(h < 2 ** 32) || count > this.#queue.length) throw new HushError('connection-lost', 'the server acknowledges stanzas that were never sent');
    this.#acknowledged = h;
    for (const { stanza, bytes } of this.#queue.splice(0, count)) {
      this.#queuedBytes -= bytes;
      this.#options.delivered(stanza);
    }
    this.#unasked = Math.min(this.#unasked, this.#queue.length);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askSoon(): void {
    if (this.#state !== 'on' || this.#unasked === 0) return;
    if (this.#unasked >= askAfter.stanzas) this.ask();
    else this.#timer ??= setTimeout(() => this.ask(), askAfter.ms);
  }
}
