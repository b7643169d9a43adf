/** Requests to others and their answers: matched on the id and on who answers. Source: RFC 6120 §8.2.3, §8.1.2.1. */
import { randomUUID } from 'node:crypto';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { xml } from './element.ts';
import type { Element } from './element.ts';
import { tryJid } from './jid.ts';
import type { BareJid, FullJid, Jid } from './jid.ts';
import { errorOf, StanzaErrorReply } from './stanza-error.ts';

export interface IqOptions {
  /** Milliseconds until the request fails with 'network-error'; default 30 000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface IqCallerOptions {
  readonly account: BareJid;
  /** Our full JID once there is one. */
  readonly jid: () => FullJid | undefined;
  /** Hands a stanza to the stream; throws HushError('disconnected') after its end. */
  readonly send: (stanza: Element) => void;
  readonly log: Log;
}

interface Pending {
  /** Undefined: our own account. */
  readonly to: Jid | undefined;
  settle(outcome: Element | HushError): void;
}

const defaultTimeoutMs = 30_000;

/** The requests of one stream. They outlive a suspended stream that is resumed: only an answer, the limit, the caller or `closed` ends them. */
export class IqCaller {
  readonly #options: IqCallerOptions;
  readonly #pending = new Map<string, Pending>();
  #closed: HushError | undefined;

  constructor(options: IqCallerOptions) {
    this.#options = options;
  }

  /**
   * Asks `to` (undefined: our own account). Resolves with the whole `<iq type='result'/>`.
   * Rejects with StanzaErrorReply (an error answer), 'network-error' (no answer in time), 'cancelled' or the signal's own HushError,
   * 'disconnected' (the stream is gone for good).
   */
  async get(to: Jid | undefined, payload: Element, options: IqOptions = {}): Promise<Element> {
    return this.#request('get', to, payload, options);
  }

  /** As `get`, to change something. */
  async set(to: Jid | undefined, payload: Element, options: IqOptions = {}): Promise<Element> {
    return this.#request('set', to, payload, options);
  }

  /** Called by the router with every iq of type result or error. One answer is taken, from the one who was asked; anything else is dropped. */
  receive(answer: Element): void {
    const { id, from, type } = answer.attrs;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending === undefined) {
      this.#options.log.debug({ id, from }, 'an answer to no request of ours');
    } else if (this.#isExpected(pending.to, from)) {
      pending.settle(type === 'result' ? answer : new StanzaErrorReply(errorOf(answer)));
    } else {
      this.#options.log.warn({ id, from }, 'an answer from someone who was not asked');
    }
  }

  /** The stream is gone for good: rejects what is pending and whatever is asked from now on. */
  closed(error?: HushError): void {
    this.#closed = new HushError('disconnected', 'the stream has ended', error && { cause: error });
    for (const pending of [...this.#pending.values()]) pending.settle(this.#closed);
  }

  /** An absent `from` stands for our own account, which may also name itself bare or as this very resource. Everyone else must be exactly who was asked. */
  #isExpected(to: Jid | undefined, from: string | undefined): boolean {
    const { account, jid } = this.#options;
    const sender = tryJid(from);
    if (from !== undefined && sender === undefined) return false;
    if (to === undefined || to === account) return sender === undefined || sender === account || sender === jid();
    return sender === to;
  }

  #request(type: 'get' | 'set', to: Jid | undefined, payload: Element, options: IqOptions): Promise<Element> {
    return new Promise((resolve, reject) => {
      const { timeoutMs = defaultTimeoutMs, signal } = options;
      const aborted = (): HushError => (signal?.reason instanceof HushError ? signal.reason : new HushError('cancelled', 'the request was cancelled'));
      if (this.#closed !== undefined) throw this.#closed;
      if (signal?.aborted === true) throw aborted();

      const id = randomUUID();
      const settle = (outcome: Element | HushError): void => {
        this.#pending.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (outcome instanceof HushError) reject(outcome);
        else resolve(outcome);
      };
      const onAbort = (): void => settle(aborted());
      const timer = setTimeout(() => settle(new HushError('network-error', `no answer within ${timeoutMs} ms`)), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, { to, settle });
      try {
        this.#options.send(xml('iq', { type, id, to }, payload));
      } catch (error) {
        settle(error instanceof HushError ? error : new HushError('confused', 'the request could not be sent', { cause: error }));
      }
    });
  }
}
