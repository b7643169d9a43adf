/** Things people publish about themselves. Source: XEP-0163 1.2.2; requests: XEP-0060 1.26.0 §6.5, §7.1. */
import { HushError } from '../errors.ts';
import { child, children, elements, xml } from './element.ts';
import type { Element } from './element.ts';
import type { IqOptions } from './iq.ts';
import { isFull } from './jid.ts';
import type { BareJid, Jid } from './jid.ts';
import type { Roster } from './roster.ts';
import type { Session } from './session.ts';
import { WaitingRoom } from './waiting-room.ts';
import type { Disco } from './xep0030-disco.ts';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const EVENT = `${PUBSUB}#event`;

const limits = { items: 128, id: 1024 };

export interface PepItem {
  readonly id: string;
  readonly payload: Element | undefined;
}

export interface PepEvent {
  /** Whose node it is: a contact we may see, or ourselves. */
  readonly from: BareJid;
  readonly items: readonly PepItem[];
  /** Ids of items that are gone. */
  readonly retracted: readonly string[];
}

export interface NodeListener {
  /** Whose events count: 'own' for what is nobody else's business (bookmarks, our devices). */
  readonly from: 'anyone' | 'own';
  handle(event: PepEvent): void;
}

function readItems(parent: Element, namespace: string): PepItem[] {
  return children(parent, 'item', namespace)
    .slice(0, limits.items)
    .map((item) => ({ id: item.attrs.id ?? '', payload: elements(item)[0] }))
    .filter(({ id }) => id.length <= limits.id);
}

export class Pep {
  readonly #session: Session;
  readonly #disco: Disco;
  readonly #roster: Roster;
  readonly #listeners = new Map<string, NodeListener>();
  readonly #waiting = new WaitingRoom();
  #isSupported: boolean | undefined;

  constructor(session: Session, disco: Disco, roster: Roster) {
    this.#session = session;
    this.#disco = disco;
    this.#roster = roster;
    session.router.add({
      name: 'xep0163-pep',
      stanza: 'message',
      child: { name: 'event', ns: EVENT },
      types: ['headline', 'normal'],
      from: ['own-bare', 'subscriber', 'other'],
      handle: (message, { from }) => this.#receive(from, message),
    });
    roster.events.on('changed', (items) => {
      for (const { jid } of items) {
        if (roster.isSubscribedTo(jid)) for (const { from, stanza } of this.#waiting.take(jid)) this.#receive(from, stanza);
      }
    });
    roster.events.on('fetched', () => this.#waiting.shrink());
  }

  /** Listens to one node of everyone we may see, and says so in what we can do. One listener a node. Returns a function that ends it. */
  listen(node: string, listener: NodeListener): () => void {
    this.#listeners.set(node, listener);
    const unregister = this.#disco.feature(`${node}+notify`);
    return () => {
      unregister();
      this.#listeners.delete(node);
    };
  }

  /** Whether our account can publish. Asked once; a failure counts as no and is asked again next time. */
  async isSupported(): Promise<boolean> {
    if (this.#isSupported !== undefined) return this.#isSupported;
    try {
      const { identities } = await this.#disco.info(this.#session.account);
      this.#isSupported = identities.some(({ category, type }) => category === 'pubsub' && type === 'pep');
      return this.#isSupported;
    } catch (error) {
      if (!(error instanceof HushError)) throw error;
      this.#session.log.info({ err: error }, 'the account does not say whether it can publish');
      return false;
    }
  }

  /** Publishes one item on a node of ours, which is made if need be. */
  async publish(node: string, id: string, payload: Element): Promise<void> {
    await this.#session.iq.set(undefined, xml('pubsub', { xmlns: PUBSUB }, xml('publish', { node }, xml('item', { id }, payload))));
  }

  /** Items of someone's node: the one called `id`, or the newest `max`. A node that is not there rejects as IqCaller.get. */
  async items(owner: BareJid, node: string, which: { readonly id: string } | { readonly max: number }, options?: IqOptions): Promise<PepItem[]> {
    const asked = 'id' in which ? xml('items', { node }, xml('item', { id: which.id })) : xml('items', { node, max_items: which.max });
    const answer = await this.#session.iq.get(owner, xml('pubsub', { xmlns: PUBSUB }, asked), options);
    const pubsub = child(answer, 'pubsub', PUBSUB);
    const items = pubsub && child(pubsub, 'items', PUBSUB);
    if (items === undefined || (items.attrs.node !== undefined && items.attrs.node !== node)) throw new HushError('invalid-data', 'not the items that were asked for');
    return readItems(items, PUBSUB);
  }

  #receive(from: Jid, message: Element): boolean {
    const event = child(message, 'event', EVENT);
    const items = event && child(event, 'items', EVENT);
    const node = items?.attrs.node ?? '';
    const listener = this.#listeners.get(node);
    // Only an account itself speaks for its nodes; its devices do not.
    if (items === undefined || listener === undefined || isFull(from)) return false;
    const isOwn = from === this.#session.account;
    if (!isOwn && listener.from === 'own') return false;
    if (!isOwn && !this.#roster.isSubscribedTo(from)) {
      this.#waiting.hold(from, node, message);
      return true;
    }
    const retracted = children(items, 'retract', EVENT).slice(0, limits.items).flatMap(({ attrs: { id } }) => id ?? []);
    listener.handle({ from: from, items: readItems(items, EVENT), retracted });
    return true;
  }
}
