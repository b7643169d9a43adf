/** Who is there: our own presence, that of the contacts we may see, and subscriptions. Source: RFC 6121 §3, §4. */
import { HushError } from '../errors.ts';
import { childText, children, elements, namespaceOf, ns, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { bareOf, isFull, resourceOf } from './jid.ts';
import type { BareJid, Jid } from './jid.ts';
import type { Roster } from './roster.ts';
import type { Context } from './router.ts';
import type { Session } from './session.ts';
import { errorOf } from './stanza-error.ts';
import type { StanzaError } from './stanza-error.ts';
import { cleanText } from './text.ts';
import { WaitingRoom, isLighterThan } from './waiting-room.ts';

const PRE_APPROVAL = 'urn:xmpp:features:pre-approval';

/** Characters of a status and of a request's message; resources of one contact; characters of a presence whose element is kept. */
const limits = { status: 1024, resources: 64, element: 16_384 };

export type Show = '' | 'away' | 'chat' | 'dnd' | 'xa';

export interface Presence {
  readonly jid: Jid;
  readonly available: boolean;
  readonly show: Show;
  readonly status: string;
  /** -128..127; negative: messages to the bare JID do not go there. */
  readonly priority: number;
  /** The whole stanza, for those who read its extensions; without them when it is unreasonably large. */
  readonly element: Element;
  readonly error?: StanzaError;
}

export interface OwnPresence {
  readonly show?: Show;
  readonly status?: string;
  /** -128..127, default 0. */
  readonly priority?: number;
}

export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed';

interface PresenceEvents {
  /** A resource came, changed or went. A bare JID without resources has gone as a whole. */
  changed: [jid: Jid, presence: Presence];
  /** `element`: the stanza, for what else it says (a nickname). */
  subscription: [contact: BareJid, type: SubscriptionType, message: string, element: Element];
}

/** Best first. Someone who does not want to be disturbed is at the device, someone away is not. */
const shows: readonly Show[] = ['chat', '', 'dnd', 'away', 'xa'];
const subscriptionTypes: readonly SubscriptionType[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'];

function readPriority(value: string | undefined): number {
  const priority = /^\s*[+-]?\d{1,3}\s*$/.test(value ?? '') ? Number(value) : 0;
  return priority >= -128 && priority <= 127 ? priority : 0;
}

function readStatus(stanza: Element): string {
  const all = children(stanza, 'status', ns.client);
  const own = all.find((status) => status.attrs['xml:lang'] === undefined) ?? all[0];
  return own === undefined ? '' : cleanText(text(own), limits.status);
}

function readPresence(jid: Jid, stanza: Element): Presence {
  const type = stanza.attrs.type;
  const show = childText(stanza, 'show', ns.client)?.trim();
  return {
    jid,
    available: type === undefined,
    show: shows.find((known) => known === show) ?? '',
    status: readStatus(stanza),
    priority: readPriority(childText(stanza, 'priority', ns.client)),
    element: isLighterThan(stanza, limits.element) ? stanza : xml('presence', { from: jid, type }),
    ...(type === 'error' && { error: errorOf(stanza) }),
  };
}

/** What we know of one contact: the resources that are there, or the last word when none is. */
interface Contact {
  readonly resources: Map<string, Presence>;
  last?: Presence;
}

export class PresenceTracker {
  readonly events: Emitter<PresenceEvents>;
  readonly #session: Session;
  readonly #roster: Roster;
  readonly #contacts = new Map<BareJid, Contact>();
  readonly #waiting = new WaitingRoom();
  readonly #decorators = new Set<(presence: Element) => void>();
  #own: OwnPresence | undefined;

  constructor(session: Session, roster: Roster) {
    this.#session = session;
    this.#roster = roster;
    this.events = new Emitter(session.log);
    session.router.add({
      name: 'presence',
      stanza: 'presence',
      types: ['', 'unavailable', 'error'],
      from: ['own-bare', 'own-full', 'own-other', 'server', 'subscriber', 'other'],
      handle: (stanza, { from }) => this.#receive(from, stanza),
    });
    session.router.add({
      name: 'presence-subscription',
      stanza: 'presence',
      types: subscriptionTypes,
      from: ['server', 'subscriber', 'other'],
      handle: (stanza, context) => this.#receiveSubscription(stanza, context),
    });
    roster.events.on('changed', (items) => {
      for (const { jid } of items) this.#reconsider(jid);
    });
    roster.events.on('fetched', () => this.#waiting.shrink());
  }

  /** The resources of a contact that are there; '' is the contact as a whole. Only of those we may see, and our own. */
  of(contact: BareJid): ReadonlyMap<string, Presence> {
    return this.#contacts.get(contact)?.resources ?? new Map<string, Presence>();
  }

  /** The resource to show: highest priority, then the most open, then the one heard of last; the last word of a contact who is not there. */
  best(contact: BareJid): Presence | undefined {
    const known = this.#contacts.get(contact);
    if (known === undefined) return undefined;
    let best: Presence | undefined;
    for (const presence of known.resources.values()) {
      if (best === undefined || presence.priority > best.priority) best = presence;
      else if (presence.priority === best.priority && shows.indexOf(presence.show) <= shows.indexOf(best.show)) best = presence;
    }
    return best ?? known.last;
  }

  /** Our own presence as it was last sent; undefined while we are not available. */
  get own(): OwnPresence | undefined {
    return this.#own;
  }

  /** Adds something to every available presence of ours from now on. Returns a function that ends it. */
  decorate(decorator: (presence: Element) => void): () => void {
    this.#decorators.add(decorator);
    return () => {
      this.#decorators.delete(decorator);
    };
  }

  /** Tells everyone who may see us that we are here. */
  send(own: OwnPresence): void {
    this.#session.send(this.#build(own));
    this.#own = own;
  }

  /** Sends our presence once more when something in it has changed; nothing while we are not available, or once the stream is over. */
  refresh(): void {
    if (this.#own === undefined) return;
    try {
      this.send(this.#own);
    } catch (error) {
      // An answer that came just before the end is still being dealt with.
      if (!(error instanceof HushError) || error.condition !== 'disconnected') throw error;
      this.#own = undefined;
    }
  }

  /** Tells everyone that we are gone, though connected. */
  sendUnavailable(status = ''): void {
    this.#own = undefined;
    this.#session.send(xml('presence', { type: 'unavailable' }, status === '' ? undefined : xml('status', {}, status)));
  }

  /** Shows our presence to someone who could not see it. It ends with our session, or with `sendDirectedUnavailable`. §4.6 */
  sendDirected(to: Jid, own: OwnPresence = this.#own ?? {}): void {
    this.#session.send(this.#build(own, to));
  }

  sendDirectedUnavailable(to: Jid): void {
    this.#session.send(xml('presence', { to, type: 'unavailable' }));
  }

  /** Asks to see a contact. `extensions` go along: our nickname. §3.1 */
  subscribe(contact: BareJid, message = '', ...extensions: Element[]): void {
    const status = message === '' ? undefined : xml('status', {}, message);
    this.#session.send(xml('presence', { to: contact, type: 'subscribe' }, status, ...extensions));
  }

  /** Ends our seeing a contact. §3.3 */
  unsubscribe(contact: BareJid): void {
    this.#sendSubscription(contact, 'unsubscribe');
  }

  /** Lets a contact see us. Before the request it is only remembered where `canPreApprove`. §3.1.5, §3.4 */
  approve(contact: BareJid): void {
    this.#sendSubscription(contact, 'subscribed');
  }

  /** Refuses a request, or ends a contact's seeing us. §3.2 */
  cancel(contact: BareJid): void {
    this.#sendSubscription(contact, 'unsubscribed');
  }

  /** Whether the server keeps an approval for a request that is still to come. */
  get canPreApprove(): boolean {
    const features = this.#session.serverFeatures();
    return features !== undefined && elements(features).some((feature) => feature.name === 'sub' && namespaceOf(feature) === PRE_APPROVAL);
  }

  #sendSubscription(contact: BareJid, type: SubscriptionType): void {
    this.#session.send(xml('presence', { to: contact, type }));
  }

  #build({ show = '', status = '', priority = 0 }: OwnPresence, to?: Jid): Element {
    const presence = xml(
      'presence',
      { to },
      show === '' ? undefined : xml('show', {}, show),
      status === '' ? undefined : xml('status', {}, status),
      priority === 0 ? undefined : xml('priority', {}, String(priority)),
    );
    for (const decorator of this.#decorators) decorator(presence);
    return presence;
  }

  /** An error also tells of a contact who is only in the list: the one asked who does not exist. */
  #maySee(contact: BareJid, isError: boolean): boolean {
    return contact === this.#session.account || this.#roster.isSubscribedTo(contact) || (isError && this.#roster.items.has(contact));
  }

  #receive(from: Jid, stanza: Element): void {
    if (this.#maySee(bareOf(from), stanza.attrs.type === 'error')) this.#track(readPresence(from, stanza));
    else this.#waiting.hold(from, '', stanza);
  }

  #track(presence: Presence): void {
    const { jid, available } = presence;
    const key = bareOf(jid);
    const contact: Contact = this.#contacts.get(key) ?? { resources: new Map() };
    this.#contacts.set(key, contact);
    if (isFull(jid) || available) contact.resources.delete(resourceOf(jid));
    else contact.resources.clear();
    if (available) contact.resources.set(resourceOf(jid), presence);
    // That one resource could not be reached says nothing of the contact.
    if (presence.error === undefined || !isFull(jid)) contact.last = presence;
    this.events.emit('changed', jid, presence);
    const [oldest] = contact.resources.values();
    if (oldest !== undefined && contact.resources.size > limits.resources) this.#forget(oldest);
  }

  /** The roster has changed its mind about a contact. */
  #reconsider(contact: BareJid): void {
    if (this.#maySee(contact, false)) {
      for (const { from, stanza } of this.#waiting.take(contact)) this.#receive(from, stanza);
      return;
    }
    for (const presence of [...this.of(contact).values()]) this.#forget(presence);
    if (!this.#roster.items.has(contact)) this.#contacts.delete(contact);
  }

  /** As if the resource had said that it goes. */
  #forget({ jid }: Presence): void {
    this.#track(readPresence(jid, xml('presence', { from: jid, type: 'unavailable' })));
  }

  #receiveSubscription(stanza: Element, { from }: Context): void {
    const type = subscriptionTypes.find((known) => known === stanza.attrs.type);
    if (type !== undefined) this.events.emit('subscription', bareOf(from), type, readStatus(stanza), stanza);
  }
}
