/** XMPP without servers: endpoints in one process whose stanzas are written, parsed and delivered with the sender stamped, as two servers would. */
import { IqCaller } from '../../src/xmpp/iq.ts';
import { bareOf, domainOf, parseFullJid, tryJid } from '../../src/xmpp/jid.ts';
import type { FullJid } from '../../src/xmpp/jid.ts';
import { serialize, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { StreamParser } from '../../src/xmpp/parser.ts';
import { Router } from '../../src/xmpp/router.ts';
import type { Session } from '../../src/xmpp/session.ts';
import { errorElement, stanzaError } from '../../src/xmpp/stanza-error.ts';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';

export interface Endpoint extends Session {
  /** Stanzas that reach this endpoint, before its router sees them. */
  readonly received: Element[];
  /** Takes it off the wire, as if its stream had ended for good. */
  disconnect(): void;
}

/** What is on its way. A filter may change it, replace it, or deliver nothing or more. */
export interface Transit {
  readonly from: string;
  readonly to: string;
  readonly stanza: Element;
}

/** A reader of stanzas as the parser of a stream makes them. */
function reader(): (text: string) => Element {
  const found: Element[] = [];
  const parser = new StreamParser(
    { maxStanzaBytes: 1 << 22, maxDepth: 64 },
    {
      open: () => undefined,
      element: (stanza) => found.push(stanza),
      close: () => undefined,
      error: (error) => {
        throw error;
      },
    },
  );
  parser.write(Buffer.from(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`));
  return (text) => {
    parser.write(Buffer.from(text, 'utf8'));
    const element = found.pop();
    if (element === undefined) throw new Error(`not one element: ${text}`);
    return element;
  };
}

/** An XML text as the element our parser makes of it. */
export const parse = (text: string): Element => reader()(text);

export class Wire {
  readonly #endpoints = new Map<string, { session: Endpoint; router: Router }>();
  readonly #queue: Transit[] = [];
  #isScheduled = false;
  #isHeld = false;
  #asked = 0;
  /** Requests of `ask`, by asker and id. */
  readonly #waiting = new Map<string, (answer: Element) => void>();
  /** Every stanza that was sent, as text, in order. */
  readonly log: string[] = [];
  /** What becomes of a stanza; by default it is delivered. */
  filter: (transit: Transit) => readonly Transit[] = (transit) => [transit];

  /** An endpoint with a real router and iq caller. `subscribers`: bare JIDs that may see its presence. */
  endpoint(jid: string, options: { subscribers?: readonly string[] } = {}): Endpoint {
    const full = parseFullJid(jid);
    const account = bareOf(full);
    let isGone = false;
    const read = reader();
    const send = (stanza: Element): void => {
      if (isGone) throw new HushError('disconnected', 'the stream has ended');
      const text = serialize(stanza);
      this.log.push(text);
      this.#enqueue(full, read(text));
    };
    const iq = new IqCaller({ account, jid: () => full, send, log: silentLog });
    const router = new Router({ account, jid: () => full, iq, send, log: silentLog });
    router.subscriptionOf = (contact) => options.subscribers?.includes(contact) ?? false;
    const session: Endpoint = {
      account,
      jid: full,
      domain: domainOf(full),
      router,
      iq,
      log: silentLog,
      serverFeatures: () => undefined,
      send,
      received: [],
      disconnect: () => {
        isGone = true;
        this.#endpoints.delete(full);
        iq.closed();
      },
    };
    this.#endpoints.set(full, { session, router });
    return session;
  }

  /** Puts a stanza on the wire as if `from` had sent it. */
  inject(from: string, stanza: Element | string): void {
    const element = typeof stanza === 'string' ? parse(stanza) : parse(serialize(stanza));
    this.#enqueue(from, element);
  }

  /** Sends an iq as `from` and waits for its answer; `from` need not be an endpoint. */
  async ask(from: string, to: string, type: 'get' | 'set', payload: Element | string, id = `ask-${this.log.length}-${this.#asked++}`): Promise<Element> {
    const body = typeof payload === 'string' ? parse(payload) : payload;
    return new Promise((resolve) => {
      this.#waiting.set(`${from}\n${id}`, resolve);
      this.inject(from, xml('iq', { type, id, to }, body));
    });
  }
  /** Stops delivery; what is sent waits. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#schedule();
  }

  #enqueue(from: string, stanza: Element): void {
    this.#queue.push({ from, to: stanza.attrs.to ?? bareOf(parseFullJid(from)), stanza });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isHeld || this.#queue.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const batch = this.#isHeld ? [] : this.#queue.splice(0);
      for (const transit of batch) for (const delivered of this.filter(transit)) this.#deliver(delivered);
      this.#schedule();
    });
  }

  #deliver({ from, to, stanza }: Transit): void {
    stanza.attrs.from = from;
    const { type, id = '' } = stanza.attrs;
    const waiting = type === 'result' || type === 'error' ? this.#waiting.get(`${to}\n${id}`) : undefined;
    const target = this.#endpoints.get(tryJid(to) as FullJid | string);
    if (waiting !== undefined) {
      this.#waiting.delete(`${to}\n${id}`);
      waiting(stanza);
    } else if (target !== undefined) {
      target.session.received.push(stanza);
      target.router.route(stanza);
    } else if (stanza.name === 'iq' && (type === 'get' || type === 'set')) {
      // What a server says for a resource that is not there.
      this.#enqueue(to, parse(serialize(xml('iq', { type: 'error', id, to: from }, errorElement(stanzaError('service-unavailable'))))));
    }
  }
}
