/** Things people publish about themselves. Source: XEP-0163 1.2.2; requests: XEP-0060 1.26.0 §5.4, §6.5, §7.1, §7.2, §8.1, §8.2. */
import { HushError } from '../errors.ts';
import { child, children, elements, ns, xml } from './element.ts';
import type { Element } from './element.ts';
import type { IqOptions } from './iq.ts';
import { isFull } from './jid.ts';
import type { BareJid, Jid } from './jid.ts';
import type { Roster } from './roster.ts';
import type { Session } from './session.ts';
import { StanzaErrorReply } from './stanza-error.ts';
import { WaitingRoom } from './waiting-room.ts';
import { formValue, parseForm, submitForm } from './xep0004-forms.ts';
import type { Disco } from './xep0030-disco.ts';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const EVENT = `${PUBSUB}#event`;
const OWNER = `${PUBSUB}#owner`;
const ERRORS = `${PUBSUB}#errors`;
const PUBLISH_OPTIONS = `${PUBSUB}#publish-options`;
const NODE_CONFIG = `${PUBSUB}#node_config`;
const ACCESS_MODEL = 'pubsub#access_model';

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

function isPreconditionNotMet(error: unknown): boolean {
  return error instanceof StanzaErrorReply && error.stanzaError.application?.name === 'precondition-not-met' && error.stanzaError.application.ns === ERRORS;
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

  /**
   * Publishes one item on a node of ours, which is made if need be. `options`: what the node must be like (`pubsub#access_model` …);
   * a node that is not is changed.
   */
  async publish(node: string, id: string, payload: Element, options?: ReadonlyMap<string, string>): Promise<void> {
    try {
      await this.#publish(node, id, payload, options);
    } catch (error) {
      if (options === undefined || !isPreconditionNotMet(error)) throw error;
      await this.#configure(node, options);
      await this.#publish(node, id, payload, options);
    }
  }

  /**
   * Publishes what only we may read. The server's word that the node is closed is had before anything is published and once more afterwards:
   * some ignore what a node must be like. Throws 'permission-denied' where the node does not close; the item is taken back then.
   */
  async publishPrivately(node: string, id: string, payload: Element): Promise<void> {
    const closed = new Map([[ACCESS_MODEL, 'whitelist']]);
    const access = await this.#accessOf(node);
    if (access === undefined) await this.#create(node, closed);
    else if (access !== 'whitelist') await this.#configure(node, closed);
    await this.#demandClosed(node);
    await this.#publish(node, id, payload, closed);
    try {
      await this.#demandClosed(node);
    } catch (error) {
      await this.retract(node, id);
      throw error;
    }
  }

  /** Takes an item of ours back. */
  async retract(node: string, id: string): Promise<void> {
    await this.#set(PUBSUB, xml('retract', { node, notify: 'true' }, xml('item', { id })));
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

  async #publish(node: string, id: string, payload: Element, options: ReadonlyMap<string, string> | undefined): Promise<void> {
    const publish = xml('publish', { node }, xml('item', { id }, payload));
    await this.#set(PUBSUB, publish, options && xml('publish-options', {}, submitForm(PUBLISH_OPTIONS, options)));
  }

  async #create(node: string, config: ReadonlyMap<string, string>): Promise<void> {
    await this.#set(PUBSUB, xml('create', { node }), xml('configure', {}, submitForm(NODE_CONFIG, config)));
  }

  async #configure(node: string, config: ReadonlyMap<string, string>): Promise<void> {
    await this.#set(OWNER, xml('configure', { node }, submitForm(NODE_CONFIG, config)));
  }

  async #set(namespace: string, ...content: (Element | undefined)[]): Promise<void> {
    await this.#session.iq.set(undefined, xml('pubsub', { xmlns: namespace }, ...content));
  }

  async #demandClosed(node: string): Promise<void> {
    if ((await this.#accessOf(node)) !== 'whitelist') throw new HushError('permission-denied', 'the server does not keep this to ourselves');
  }

  /** Who may read a node of ours; undefined: there is no such node. '' when the server does not say. */
  async #accessOf(node: string): Promise<string | undefined> {
    try {
      const answer = await this.#session.iq.get(undefined, xml('pubsub', { xmlns: OWNER }, xml('configure', { node })));
      const pubsub = child(answer, 'pubsub', OWNER);
      const configure = pubsub && child(pubsub, 'configure', OWNER);
      const form = configure && child(configure, 'x', ns.dataForms);
      return form === undefined ? '' : (formValue(parseForm(form), ACCESS_MODEL) ?? '');
    } catch (error) {
      if (error instanceof StanzaErrorReply && error.stanzaError.condition === 'item-not-found') return undefined;
      throw error;
    }
  }
}
