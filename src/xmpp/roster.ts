/** The contact list on the server. Source: RFC 6121 §2; versioning §2.6; pre-approval §3.4. */
import { HushError } from '../errors.ts';
import { child, children, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { isFull, tryJid } from './jid.ts';
import type { BareJid } from './jid.ts';
import type { Session } from './session.ts';
import { cleanLine } from './text.ts';

const ROSTER = 'jabber:iq:roster';
const VERSIONING = 'urn:xmpp:features:rosterver';

/** RFC 6121 §2.1.2.6 and §2.1.2.2 bound both at 1023 bytes; a contact in more groups than this keeps the first. */
const limits = { name: 1023, groups: 128, ver: 1023 };

export type Subscription = 'none' | 'to' | 'from' | 'both' | 'remove';

export interface RosterItem {
  readonly jid: BareJid;
  /** The name the user gave; '' without. */
  readonly name: string;
  readonly groups: ReadonlySet<string>;
  /** 'remove' = gone from the list. 'to' and 'both': we see them. 'from' and 'both': they see us. */
  readonly subscription: Subscription;
  /** Our request to see them is unanswered. */
  readonly ask: boolean;
  /** Their request to see us is granted beforehand. */
  readonly approved: boolean;
}

/** The list as it was last seen, kept by the caller from one connection to the next. */
export interface RosterCache {
  load(): { ver: string; items: readonly RosterItem[] } | undefined;
  save(ver: string, items: readonly RosterItem[]): void;
}

export interface RosterChange {
  readonly name?: string;
  readonly groups?: Iterable<string>;
}

interface RosterEvents {
  /** What is new, different or gone, each contact once. */
  changed: [items: RosterItem[]];
  /** The whole list is here; after the `changed` that goes with it. */
  fetched: [];
}

const subscriptions: ReadonlySet<string> = new Set<Subscription>(['none', 'to', 'from', 'both', 'remove']);

function isSubscription(value: string | undefined): value is Subscription {
  return value !== undefined && subscriptions.has(value);
}

/** An item as the server has it; undefined when its address is not that of a contact. */
function readItem(element: Element): RosterItem | undefined {
  const jid = tryJid(element.attrs.jid);
  if (jid === undefined || isFull(jid)) return undefined;
  const { subscription, ask, approved, name } = element.attrs;
  const groups = children(element, 'group', ROSTER).slice(0, limits.groups).map((group) => cleanLine(text(group), limits.name));
  return {
    jid,
    name: cleanLine(name ?? '', limits.name),
    groups: new Set(groups.filter((group) => group !== '')),
    subscription: isSubscription(subscription) ? subscription : 'none',
    ask: ask === 'subscribe',
    approved: approved === 'true' || approved === '1',
  };
}

function writeItem(jid: BareJid, name: string, groups: Iterable<string>): Element {
  const item = xml('item', { jid, name: name === '' ? undefined : name }, ...[...groups].map((group) => xml('group', {}, group)));
  return xml('query', { xmlns: ROSTER }, item);
}

function isSame(a: RosterItem | undefined, b: RosterItem): boolean {
  return (
    a !== undefined && a.name === b.name && a.subscription === b.subscription && a.ask === b.ask && a.approved === b.approved &&
    a.groups.size === b.groups.size && [...a.groups].every((group) => b.groups.has(group))
  );
}

export class Roster {
  readonly events: Emitter<RosterEvents>;
  readonly #session: Session;
  readonly #cache: RosterCache | undefined;
  #items = new Map<BareJid, RosterItem>();
  #isFetched = false;
  /** The last edit of each contact that is under way, to put the next one behind it. */
  readonly #edits = new Map<BareJid, Promise<void>>();

  constructor(session: Session, cache?: RosterCache) {
    this.#session = session;
    this.#cache = cache;
    this.events = new Emitter(session.log);
    session.router.subscriptionOf = (jid) => this.isSubscriber(jid);
    session.router.add({
      name: 'roster',
      stanza: 'iq-set',
      child: { name: 'query', ns: ROSTER },
      from: ['missing', 'own-bare'],
      handle: (iq) => this.#push(iq),
    });
  }

  /** The contacts, without those that are gone. */
  get items(): ReadonlyMap<BareJid, RosterItem> {
    return this.#items;
  }

  /** Whether the list has come once on this connection. */
  get isFetched(): boolean {
    return this.#isFetched;
  }

  /** Whether this contact may see our presence. */
  isSubscriber(jid: BareJid): boolean {
    const subscription = this.#items.get(jid)?.subscription;
    return subscription === 'from' || subscription === 'both';
  }

  /** Whether we may see this contact's presence. */
  isSubscribedTo(jid: BareJid): boolean {
    const subscription = this.#items.get(jid)?.subscription;
    return subscription === 'to' || subscription === 'both';
  }

  /** Asks for the list; from now on the server tells of changes. One `changed` for all that differs, then `fetched`. */
  async fetch(signal?: AbortSignal): Promise<void> {
    const features = this.#session.serverFeatures();
    const isVersioned = features !== undefined && child(features, 'ver', VERSIONING) !== undefined;
    const cached = isVersioned ? this.#cache?.load() : undefined;
    const answer = await this.#session.iq.get(undefined, xml('query', { xmlns: ROSTER, ver: isVersioned ? (cached?.ver ?? '') : undefined }), signal && { signal });
    const query = child(answer, 'query', ROSTER);
    // Without a list the one we have is right, and what differs comes as pushes. §2.6.3
    const items = query === undefined ? (cached?.items ?? []) : this.#readAll(query);
    this.#replace(items);
    if (query !== undefined) this.#save(query.attrs.ver);
    this.#isFetched = true;
    this.events.emit('fetched');
  }

  /**
   * Adds a contact or changes one; what is left out of `change` stays. Resolves when the server has it and `items` shows it.
   * Edits of one contact follow each other.
   */
  async set(jid: BareJid, change: RosterChange): Promise<void> {
    await this.#edit(jid, async () => {
      const before = this.#items.get(jid);
      const name = change.name ?? before?.name ?? '';
      const groups = new Set(change.groups ?? before?.groups);
      await this.#session.iq.set(undefined, writeItem(jid, name, groups));
      // Some servers answer before they push. When the push has come it knows more than we do.
      const now = this.#items.get(jid);
      if (now === before) this.#apply({ subscription: 'none', ask: false, approved: false, ...now, jid, name, groups });
    });
  }

  /** Takes a contact off the list, which ends the subscriptions of both sides. */
  async remove(jid: BareJid): Promise<void> {
    await this.#edit(jid, async () => {
      await this.#session.iq.set(undefined, xml('query', { xmlns: ROSTER }, xml('item', { jid, subscription: 'remove' })));
      const item = this.#items.get(jid);
      if (item !== undefined) this.#apply({ ...item, subscription: 'remove' });
    });
  }

  async #edit(jid: BareJid, work: () => Promise<void>): Promise<void> {
    const before = this.#edits.get(jid);
    // The edit before may fail: its own caller is told.
    const edit = before === undefined ? work() : before.then(work, work);
    this.#edits.set(jid, edit);
    try {
      await edit;
    } finally {
      if (this.#edits.get(jid) === edit) this.#edits.delete(jid);
    }
  }

  /** §2.1.6: a push has exactly one item. */
  #push(iq: Element): void {
    const query = child(iq, 'query', ROSTER);
    const elements = query === undefined ? [] : children(query, 'item', ROSTER);
    const [element] = elements;
    if (query === undefined || element === undefined || elements.length > 1) throw new HushError('invalid-data', 'a roster push has one item');
    const item = this.#read(element);
    if (item !== undefined) this.#apply(item);
    this.#save(query.attrs.ver);
  }

  #readAll(query: Element): RosterItem[] {
    return children(query, 'item', ROSTER).flatMap((element) => {
      const item = this.#read(element);
      return item === undefined || item.subscription === 'remove' ? [] : [item];
    });
  }

  #read(element: Element): RosterItem | undefined {
    const item = readItem(element);
    if (item === undefined) this.#session.log.info({ jid: element.attrs.jid?.slice(0, 100) }, 'roster item skipped: its address is not that of a contact');
    return item;
  }

  #apply(item: RosterItem): void {
    if (item.subscription === 'remove' ? !this.#items.has(item.jid) : isSame(this.#items.get(item.jid), item)) return;
    if (item.subscription === 'remove') this.#items.delete(item.jid);
    else this.#items.set(item.jid, item);
    this.events.emit('changed', [item]);
  }

  #replace(items: readonly RosterItem[]): void {
    const before = this.#items;
    this.#items = new Map(items.map((item) => [item.jid, item]));
    const gone = [...before.values()].filter(({ jid }) => !this.#items.has(jid)).map((item): RosterItem => ({ ...item, subscription: 'remove' }));
    const changed = [...this.#items.values()].filter((item) => !isSame(before.get(item.jid), item));
    if (gone.length + changed.length > 0) this.events.emit('changed', [...gone, ...changed]);
  }

  #save(ver: string | undefined): void {
    if (ver !== undefined && ver.length <= limits.ver) this.#cache?.save(ver, [...this.#items.values()]);
  }
}
