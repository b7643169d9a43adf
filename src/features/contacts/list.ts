/** ContactList: the roster and its subscriptions. Connection.Interface.ContactList; RFC 6121 §2, §3 */
import type { Implementation } from '../../bus/object.ts';
import { str, u32 } from '../../bus/types.ts';
import { asHushError, demand, HushError } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import { domainOf } from '../../xmpp/jid.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import type { SubscriptionType } from '../../xmpp/presence.ts';
import type { Blocking } from '../../xmpp/xep0191-blocking.ts';
import type { Account } from '../feature.ts';
import { contactsOf, demandRoster, othersOf, wordsOf } from './targets.ts';

const CONTACT_LIST = 'org.freedesktop.Telepathy.Connection.Interface.ContactList';

/** Contact_List_State (u). */
const ListState = { none: 0, waiting: 1, failure: 2, success: 3 } as const;

/** Subscription_State (u). */
const Subscription = { unknown: 0, no: 1, removedRemotely: 2, ask: 3, yes: 4 } as const;

type Subscriptions = [subscribe: number, publish: number, publishRequest: string];

/** Contacts of one ContactsChanged signal. */
const maxAtOnce = 500;
/** Requests that wait for the user; a stranger can make as many as there are addresses. */
const maxRequests = 1000;
/** UTF-16 units of what goes with a request. */
const maxMessage = 1024;

export function attachList(account: Account, blocking: Blocking): void {
  new ContactListInterface(account, blocking).attach();
}

class ContactListInterface {
  readonly #account: Account;
  readonly #blocking: Blocking;
  #state: (typeof ListState)[keyof typeof ListState] = ListState.none;
  #failure: HushError | undefined;
  /** Who asks to see us, with what they say. */
  readonly #requests = new Map<BareJid, string>();
  /** Whose request the user has granted before it came, where the server cannot remember that. */
  readonly #granted = new Set<BareJid>();
  /** Who has taken away what we had: our seeing them, their seeing us. */
  readonly #refused = new Set<BareJid>();
  readonly #left = new Set<BareJid>();
  /** Whom clients know to be on the list, and how they were told that it stands with them. */
  readonly #told = new Map<BareJid, string>();

  constructor(account: Account, blocking: Blocking) {
    this.#account = account;
    this.#blocking = blocking;
  }

  attach(): void {
    const { connection, presence, roster, settings } = this.#account;
    connection.addInterface(CONTACT_LIST, this.#implementation());
    connection.contacts.provide(CONTACT_LIST, {
      subscribe: (handle) => u32(this.#subscribeOf(this.#account.jidOf(handle))),
      publish: (handle) => u32(this.#publishOf(this.#account.jidOf(handle))),
      'publish-request': (handle) => {
        const jid = this.#account.jidOf(handle);
        return this.#publishOf(jid) === Subscription.ask ? str(this.#requests.get(jid) ?? '') : undefined;
      },
    });
    roster.events.on('changed', (items) => {
      for (const item of items) {
        if (item.subscription === 'to' || item.subscription === 'both' || item.ask) this.#refused.delete(item.jid);
        if (item.subscription === 'from' || item.subscription === 'both') {
          this.#requests.delete(item.jid);
          this.#left.delete(item.jid);
        }
      }
      this.#changed(items.map(({ jid }) => jid));
    });
    presence.events.on('subscription', (contact, type, message) => this.#subscription(contact, type, message));
    this.#blocking.events.on('changed', () => this.#ignoreBlocked());
    if (settings.downloadsRoster) connection.events.on('connected', () => this.#download());
  }

  #download(): void {
    if (this.#state === ListState.waiting || this.#state === ListState.success) return;
    this.#enter(ListState.waiting);
    this.#account.connection.tasks.run('contact list', async (signal) => {
      try {
        await this.#account.roster.fetch(signal);
        this.#enter(ListState.success);
      } catch (error) {
        if (signal.aborted) return;
        this.#failure = asHushError(error);
        this.#account.log.warn({ err: error }, 'the contact list did not come');
        this.#enter(ListState.failure);
      }
    });
  }

  #enter(state: (typeof ListState)[keyof typeof ListState]): void {
    const { connection } = this.#account;
    if (connection.tasks.signal.aborted) return;
    this.#state = state;
    connection.object.emit(CONTACT_LIST, 'ContactListStateChanged', state);
  }

  /** Whom the list shows: the roster, and whoever waits for the user's answer. */
  #isListed(jid: BareJid): boolean {
    return this.#account.roster.items.has(jid) || this.#requests.has(jid);
  }

  #subscribeOf(jid: BareJid): number {
    const { roster } = this.#account;
    if (roster.isSubscribedTo(jid)) return Subscription.yes;
    if (roster.items.get(jid)?.ask === true) return Subscription.ask;
    return this.#refused.has(jid) ? Subscription.removedRemotely : Subscription.no;
  }

  #publishOf(jid: BareJid): number {
    if (this.#account.roster.isSubscriber(jid)) return Subscription.yes;
    if (this.#requests.has(jid)) return Subscription.ask;
    return this.#left.has(jid) ? Subscription.removedRemotely : Subscription.no;
  }

  #subscriptionsOf(jid: BareJid): Subscriptions {
    return [this.#subscribeOf(jid), this.#publishOf(jid), this.#requests.get(jid) ?? ''];
  }

  #changed(jids: readonly BareJid[]): void {
    const { connection } = this.#account;
    const news = jids.filter((jid) => this.#isNews(jid));
    for (let at = 0; at < news.length; at += maxAtOnce) {
      const changes = new Map<Handle, Subscriptions>();
      const identifiers = new Map<Handle, string>();
      const removals = new Map<Handle, string>();
      for (const jid of news.slice(at, at + maxAtOnce)) {
        const handle = this.#account.handleOf(jid);
        if (!this.#isListed(jid)) {
          removals.set(handle, jid);
          continue;
        }
        changes.set(handle, this.#subscriptionsOf(jid));
        identifiers.set(handle, jid);
      }
      connection.object.emit(CONTACT_LIST, 'ContactsChangedWithID', changes, identifiers, removals);
      connection.object.emit(CONTACT_LIST, 'ContactsChanged', changes, [...removals.keys()]);
    }
  }

  /** Whether clients know otherwise; from now on they count as told. */
  #isNews(jid: BareJid): boolean {
    if (!this.#isListed(jid)) return this.#told.delete(jid);
    const now = this.#subscriptionsOf(jid).join(' ');
    if (this.#told.get(jid) === now) return false;
    this.#told.set(jid, now);
    return true;
  }

  #isBlocked(jid: BareJid): boolean {
    const { blocked } = this.#blocking;
    return blocked.has(jid) || blocked.has(domainOf(jid));
  }

  /** Someone who is blocked waits for no answer. */
  #ignoreBlocked(): void {
    const ignored = [...this.#requests.keys()].filter((jid) => this.#isBlocked(jid));
    for (const jid of ignored) this.#requests.delete(jid);
    this.#changed(ignored);
  }

  #subscription(contact: BareJid, type: SubscriptionType, message: string): void {
    const { presence, roster } = this.#account;
    if (type === 'subscribe') {
      // The server keeps requests that came before the block, and hands them out again.
      if (this.#isBlocked(contact)) return;
      if (roster.isSubscriber(contact) || this.#granted.delete(contact)) {
        presence.approve(contact);
        return;
      }
      if (!this.#requests.has(contact) && this.#requests.size >= maxRequests) {
        this.#account.log.warn({ contact }, 'too many requests wait for an answer, this one was dropped');
        return;
      }
      this.#requests.set(contact, message);
    } else if (type === 'unsubscribe') {
      const hadAsked = this.#requests.delete(contact);
      if (!hadAsked && !roster.items.has(contact)) return;
      this.#left.add(contact);
    } else if (type === 'unsubscribed') {
      if (!roster.items.has(contact)) return;
      this.#refused.add(contact);
    } else {
      return;
    }
    this.#changed([contact]);
  }

  #implementation(): Implementation<typeof CONTACT_LIST> {
    const { connection, presence, roster, settings } = this.#account;
    return {
      methods: {
        GetContactListAttributes: (_call, interfaces) => {
          connection.requireConnected();
          if (this.#state === ListState.failure) throw this.#failure ?? new HushError('not-available', 'the contact list did not come');
          demand(this.#state === ListState.success, 'not-yet', 'the contact list has not come yet');
          const listed = [...roster.items.keys(), ...[...this.#requests.keys()].filter((jid) => !roster.items.has(jid))];
          return connection.contacts.attributes(listed.map((jid) => this.#account.handleOf(jid)), [...interfaces, CONTACT_LIST]);
        },
        RequestSubscription: async (_call, handles, message) => {
          const contacts = othersOf(this.#account, handles);
          const words = wordsOf(message, maxMessage);
          demandRoster(this.#account);
          for (const jid of contacts) {
            // The server knows the contact before the request goes out, so that the answer finds an item. RFC 6121 §3.1.2
            if (!roster.items.has(jid)) await roster.set(jid, {});
            if (!roster.isSubscribedTo(jid)) presence.subscribe(jid, words);
          }
        },
        AuthorizePublication: (_call, handles) => {
          const contacts = othersOf(this.#account, handles);
          demandRoster(this.#account);
          for (const jid of contacts) {
            if (roster.isSubscriber(jid)) continue;
            // Whoever has asked stays in the list as asking until the server shows them as one who may see us.
            if (this.#requests.has(jid) || presence.canPreApprove) presence.approve(jid);
            else this.#granted.add(jid);
          }
        },
        RemoveContacts: async (_call, handles) => {
          const contacts = contactsOf(this.#account, handles);
          demandRoster(this.#account);
          for (const jid of contacts) {
            this.#forget(jid);
            if (roster.items.has(jid)) await roster.remove(jid);
          }
        },
        Unsubscribe: (_call, handles) => {
          const contacts = contactsOf(this.#account, handles);
          demandRoster(this.#account);
          for (const jid of contacts) {
            if (roster.isSubscribedTo(jid) || roster.items.get(jid)?.ask === true) presence.unsubscribe(jid);
            if (this.#refused.delete(jid)) this.#changed([jid]);
          }
        },
        Unpublish: (_call, handles) => {
          const contacts = contactsOf(this.#account, handles);
          demandRoster(this.#account);
          for (const jid of contacts) {
            this.#granted.delete(jid);
            const hadAsked = this.#requests.delete(jid);
            const hadLeft = this.#left.delete(jid);
            if (hadAsked || roster.isSubscriber(jid) || roster.items.get(jid)?.approved === true) presence.cancel(jid);
            if (hadAsked || hadLeft) this.#changed([jid]);
          }
        },
        Download: () => {
          connection.requireConnected();
          this.#download();
        },
      },
      properties: {
        ContactListState: () => this.#state,
        ContactListPersists: () => true,
        CanChangeContactList: () => true,
        RequestUsesMessage: () => true,
        DownloadAtConnection: () => settings.downloadsRoster,
      },
    };
  }

  /** A contact whom the user takes off the list: an open request is refused with it. */
  #forget(jid: BareJid): void {
    this.#granted.delete(jid);
    this.#refused.delete(jid);
    this.#left.delete(jid);
    if (!this.#requests.delete(jid)) return;
    this.#account.presence.cancel(jid);
    if (!this.#account.roster.items.has(jid)) this.#changed([jid]);
  }
}
