/**
 * Where incoming stanzas go: who sent it, who may send it, and in which order it is handled.
 * Source: RFC 6120 §8.1–8.3, §10.3; RFC 6121 §8.5.
 */
import { HushError, InvariantError } from '../errors.ts';
import type { Log } from '../log.ts';
import { child, elements, namespaceOf, ns, xml } from './element.ts';
import type { Element } from './element.ts';
import type { IqCaller } from './iq.ts';
import { bareOf, domainOf, tryJid } from './jid.ts';
import type { BareJid, FullJid, Jid } from './jid.ts';
import { PeerQueues } from './peer-queues.ts';
import { answerTo, errorElement, stanzaError } from './stanza-error.ts';
import type { StanzaError } from './stanza-error.ts';

/** Who a stanza is from, as seen from this account. */
export type Sender =
  | 'missing'
  | 'own-bare'
  /** This very resource. */
  | 'own-full'
  /** Another resource of ours. */
  | 'own-other'
  /** The domain of the account itself. */
  | 'server'
  /** A roster contact who may see our presence, subscription from or both, unless we are hidden. */
  | 'subscriber'
  | 'other';

export interface Context {
  /** Our bare JID where the stanza had none. */
  readonly from: Jid;
  readonly sender: Sender;
}

/** An answer to an iq that comes when its time has come; the peer's next stanzas do not wait for it. */
export class Later {
  readonly answer: Promise<Element | undefined>;

  constructor(answer: Promise<Element | undefined>) {
    this.answer = answer;
  }
}

export type Outcome = undefined | boolean | Element | Later;

export interface Handler {
  /** For logs and the table of permitted senders, e.g. 'xep0199-ping'. */
  readonly name: string;
  readonly stanza: 'message' | 'presence' | 'iq-get' | 'iq-set';
  /** The (name, namespace) of a direct child that this handler is for. Needed for iq. */
  readonly child?: { readonly name: string; readonly ns: string };
  /** Types of message or presence; '' is available presence, a message without a type or of an unknown one is 'normal'. Default any, but messages of type 'error' only where it is listed. */
  readonly types?: readonly string[];
  readonly from: readonly Sender[];
  /** What anybody else gets for an iq. Default 'service-unavailable': the answer of a server for an account that is offline. Messages and presence are just not shown. */
  readonly refusal?: 'drop' | 'service-unavailable' | 'forbidden';
  /**
   * An iq: an element is the payload of the result, nothing or true an empty result, false "not mine": the next handler is asked.
   * A promise keeps the peer's next stanzas waiting, a Later does not.
   * A message or presence: true ends its way, anything else hands it to the next handler.
   * An error thrown is logged, and becomes the error answer to an iq: a StanzaErrorReply as it is, any other by its condition.
   */
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a handler may return nothing
  handle(stanza: Element, context: Context): void | Outcome | Promise<void | Outcome>;
}

export interface RouterOptions {
  readonly account: BareJid;
  /** Our full JID once there is one. */
  readonly jid: () => FullJid | undefined;
  readonly iq: IqCaller;
  readonly send: (stanza: Element, along: boolean) => void;
  readonly log: Log;
}

interface Arrival {
  readonly stanza: Element;
  /** Undefined: the stanza had none. */
  readonly from: Jid | undefined;
  /** Counted against the strangers' limits when it came. */
  readonly isStranger: boolean;
}

/** Stanzas that may wait for one peer, who is slow or floods. Strangers have less room, and a common limit beside it. */
const maxWaiting = { known: 8192, stranger: 256, allStrangers: 4096 };

const names: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

export class Router {
  /** Whether this contact may see our presence. Set by the roster. */
  subscriptionOf: (jid: BareJid) => boolean = () => false;
  /** While the user wishes to be seen by nobody: contacts are told what strangers are. Set by whoever hides us. */
  isHidden = false;
  /** Told true when stanzas come in faster than they are handled, false when reading may go on. Set by the client. */
  onPressure: (isHigh: boolean) => void = () => undefined;

  readonly #options: RouterOptions;
  readonly #log: Log;
  readonly #handlers = new Set<Handler>();
  readonly #queues: PeerQueues<Arrival>;
  #strangersWaiting = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#queues = new PeerQueues({
      work: (arrival) => {
        if (arrival.isStranger) this.#strangersWaiting -= 1;
        return this.#handle(arrival);
      },
      onPressure: (isHigh) => this.onPressure(isHigh),
    });
  }

  get handlers(): ReadonlySet<Handler> {
    return this.#handlers;
  }

  /** Whether this contact knows, or may know, that we are here. */
  isSeenBy(jid: BareJid): boolean {
    return !this.isHidden && this.subscriptionOf(jid);
  }

  /** Registers a handler after those there are. Returns a function that removes it. */
  add(handler: Handler): () => void {
    if (handler.stanza.startsWith('iq') && handler.child === undefined) throw new InvariantError(`${handler.name} names no payload`);
    this.#handlers.add(handler);
    return () => {
      this.#handlers.delete(handler);
    };
  }

  /** Takes one stanza from the stream. Answers to our requests are settled at once; everything else is handled in later turns of the event loop. */
  route(stanza: Element): void {
    const { from: fromText, to: toText, type } = stanza.attrs;
    const from = tryJid(fromText);
    const to = tryJid(toText);
    if (!names.has(stanza.name) || namespaceOf(stanza) !== ns.client) this.#drop(stanza, 'not a stanza');
    else if (fromText !== undefined && from === undefined) this.#drop(stanza, 'its sender is no JID');
    else if (toText !== undefined && (to === undefined || !this.#isOurs(to))) this.#drop(stanza, 'it is not for us');
    else if (stanza.name === 'iq' && (type === 'result' || type === 'error')) this.#options.iq.receive(stanza);
    else this.#enqueue(stanza, from);
  }

  #enqueue(stanza: Element, from: Jid | undefined): void {
    const peer = bareOf(from ?? this.#options.account);
    const waiting = this.#queues.waiting(peer);
    const isStranger = this.#senderOf(from) === 'other' && !this.subscriptionOf(peer);
    const isFull = isStranger ? waiting >= maxWaiting.stranger || this.#strangersWaiting >= maxWaiting.allStrangers : waiting >= maxWaiting.known;
    if (isFull) {
      this.#drop(stanza, 'too many are waiting');
      return;
    }
    if (isStranger) this.#strangersWaiting += 1;
    this.#queues.push(peer, { stanza, from, isStranger });
  }

  #drop(stanza: Element, reason: string): void {
    this.#log.debug({ stanza: stanza.name, from: stanza.attrs.from, reason }, 'stanza dropped');
  }

  #isOurs(to: Jid): boolean {
    return to === this.#options.account || to === this.#options.jid();
  }

  #senderOf(from: Jid | undefined): Sender {
    const { account } = this.#options;
    if (from === undefined) return 'missing';
    if (from === account) return 'own-bare';
    if (from === this.#options.jid()) return 'own-full';
    if (bareOf(from) === account) return 'own-other';
    if (from === domainOf(account)) return 'server';
    return this.isSeenBy(bareOf(from)) ? 'subscriber' : 'other';
  }

  /** The sender is judged only now: what came before may have changed the roster. */
  #handle({ stanza, from }: Arrival): Promise<void> | undefined {
    const context: Context = { from: from ?? this.#options.account, sender: this.#senderOf(from) };
    if (stanza.name === 'iq') return this.#handleIq(stanza, context);
    const kind = stanza.name === 'message' ? 'message' : 'presence';
    const type = kind === 'message' ? messageType(stanza) : (stanza.attrs.type ?? '');
    const isForAll = kind !== 'message' || type !== 'error';
    const handlers = this.#candidates(kind, stanza).filter(({ types, from: senders }) => (types?.includes(type) ?? isForAll) && senders.includes(context.sender));
    return this.#offer(stanza, context, handlers);
  }

  #handleIq(stanza: Element, context: Context): Promise<void> | undefined {
    const { id, type } = stanza.attrs;
    if (id === undefined || id === '') {
      this.#drop(stanza, 'an iq without id');
    } else if (type !== 'get' && type !== 'set') {
      if (context.sender === 'other') this.#drop(stanza, 'an iq of an unknown type');
      else this.#answer(stanza, stanzaError('bad-request'));
    } else if (elements(stanza).length !== 1) {
      // Whatever a stranger asks, the answer is the one an offline account would give.
      this.#answer(stanza, stanzaError(context.sender === 'other' ? 'service-unavailable' : 'bad-request'));
    } else {
      const handlers = this.#candidates(`iq-${type}`, stanza);
      const permitted = handlers.filter(({ from }) => from.includes(context.sender));
      if (permitted.length > 0) return this.#offer(stanza, context, permitted);
      const refusal = handlers[0]?.refusal ?? 'service-unavailable';
      if (refusal !== 'drop') this.#answer(stanza, stanzaError(refusal));
    }
    return undefined;
  }

  #candidates(kind: Handler['stanza'], stanza: Element): Handler[] {
    return [...this.#handlers].filter((handler) => handler.stanza === kind && (handler.child === undefined || child(stanza, handler.child.name, handler.child.ns) !== undefined));
  }

  /** Asks the handlers in turn until one takes the stanza: at once as long as they answer at once. */
  #offer(stanza: Element, context: Context, handlers: readonly Handler[]): Promise<void> | undefined {
    for (const [index, handler] of handlers.entries()) {
      let outcome;
      try {
        outcome = handler.handle(stanza, context);
      } catch (error) {
        if (this.#failed(stanza, handler, error)) return undefined;
        continue;
      }
      if (outcome instanceof Promise) {
        const settled = outcome.then(
          (value) => this.#taken(stanza, handler, value),
          (error: unknown) => this.#failed(stanza, handler, error),
        );
        return settled.then((isTaken) => (isTaken ? undefined : this.#offer(stanza, context, handlers.slice(index + 1))));
      }
      if (this.#taken(stanza, handler, outcome)) return undefined;
    }
    if (stanza.name === 'iq') this.#answer(stanza, stanzaError('service-unavailable'));
    return undefined;
  }

  /** Whether the way of the stanza ends here. */
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- what a handler returned
  #taken(stanza: Element, handler: Handler, outcome: void | Outcome): boolean {
    if (stanza.name !== 'iq') return outcome === true;
    if (outcome === false) return false;
    if (outcome instanceof Later) {
      outcome.answer.then(
        (payload) => this.#answer(stanza, payload),
        (error: unknown) => this.#failed(stanza, handler, error),
      );
    } else {
      this.#answer(stanza, typeof outcome === 'object' ? outcome : undefined);
    }
    return true;
  }

  #failed(stanza: Element, handler: Handler, error: unknown): boolean {
    const level = error instanceof HushError ? 'info' : 'error';
    this.#log[level]({ err: error, handler: handler.name }, 'a stanza handler failed');
    if (stanza.name !== 'iq') return false;
    this.#answer(stanza, answerTo(error));
    return true;
  }

  /** Answers an iq with the payload of a result or with an error. */
  #answer(stanza: Element, answer: Element | StanzaError | undefined): void {
    const { id, from: to } = stanza.attrs;
    const isError = answer !== undefined && 'condition' in answer;
    try {
      // That something has come, and nothing else, needs no packet of its own, which wakes the other end. A ping wants to know how long it takes.
      const along = answer === undefined && stanza.attrs.type === 'set';
      this.#options.send(xml('iq', { type: isError ? 'error' : 'result', id, to }, isError ? errorElement(answer) : answer), along);
    } catch (error) {
      const level = error instanceof HushError ? 'debug' : 'error';
      this.#log[level]({ err: error }, 'an answer could not be sent');
    }
  }
}

const messageTypes: ReadonlySet<string> = new Set(['normal', 'chat', 'groupchat', 'headline', 'error']);

/** What is unknown is normal. RFC 6121 §5.2.2 */
function messageType({ attrs: { type = '' } }: Element): string {
  return messageTypes.has(type) ? type : 'normal';
}
