/** ContactGroups: the groups of the roster. Connection.Interface.ContactGroups; RFC 6121 §2.1.2.6 */
import type { Implementation } from '../../bus/object.ts';
import { strv } from '../../bus/types.ts';
import { demand, HushError } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import type { RosterItem } from '../../xmpp/roster.ts';
import type { Account } from '../feature.ts';
import { contactsOf, demandRoster, lineOf } from './targets.ts';

const CONTACT_GROUPS = 'org.freedesktop.Telepathy.Connection.Interface.ContactGroups';

/** Contact_Metadata_Storage_Type (u): whoever is put into a group comes onto the roster. */
const anyone = 3;

export function attachGroups(account: Account): void {
  new ContactGroupsInterface(account).attach();
}

class ContactGroupsInterface {
  readonly #account: Account;
  /** The groups of each contact as clients know them. */
  readonly #groupsByContact = new Map<BareJid, ReadonlySet<string>>();
  /** Members of each group. */
  readonly #sizes = new Map<string, number>();

  constructor(account: Account) {
    this.#account = account;
  }

  attach(): void {
    const { connection, roster } = this.#account;
    connection.addInterface(CONTACT_GROUPS, this.#implementation());
    connection.contacts.provide(CONTACT_GROUPS, { groups: (handle) => strv([...(roster.items.get(this.#account.jidOf(handle))?.groups ?? [])]) });
    roster.events.on('changed', (items) => this.#changed(items));
  }

  /** Created, then who is where, then removed: no signal names a group that is not there. */
  #changed(items: readonly RosterItem[]): void {
    const { object } = this.#account.connection;
    const created = new Set<string>();
    const moves = new Map<string, { handles: Handle[]; added: string[]; removed: string[] }>();
    const emptied = new Set<string>();
    for (const item of items) {
      const before = this.#groupsByContact.get(item.jid) ?? new Set<string>();
      const after = item.subscription === 'remove' ? new Set<string>() : item.groups;
      const added = [...after].filter((group) => !before.has(group)).sort();
      const removed = [...before].filter((group) => !after.has(group)).sort();
      if (added.length + removed.length === 0) continue;
      for (const group of added) if (this.#resize(group, 1) === 1) created.add(group);
      for (const group of removed) if (this.#resize(group, -1) === 0) emptied.add(group);
      if (after.size === 0) this.#groupsByContact.delete(item.jid);
      else this.#groupsByContact.set(item.jid, after);
      // Contacts that move alike are told together.
      const key = JSON.stringify([added, removed]);
      const move = moves.get(key) ?? { handles: [], added, removed };
      move.handles.push(this.#account.handleOf(item.jid));
      moves.set(key, move);
    }
    const gone = [...emptied].filter((group) => !this.#sizes.has(group) && !created.has(group));
    const fresh = [...created].filter((group) => this.#sizes.has(group) && !emptied.has(group));
    if (fresh.length > 0) object.emit(CONTACT_GROUPS, 'GroupsCreated', fresh);
    for (const { handles, added, removed } of moves.values()) object.emit(CONTACT_GROUPS, 'GroupsChanged', handles, added, removed);
    if (gone.length > 0) object.emit(CONTACT_GROUPS, 'GroupsRemoved', gone);
  }

  #resize(group: string, by: number): number {
    const size = (this.#sizes.get(group) ?? 0) + by;
    if (size === 0) this.#sizes.delete(group);
    else this.#sizes.set(group, size);
    return size;
  }

  #members(group: string): BareJid[] {
    return [...this.#account.roster.items.values()].filter(({ groups }) => groups.has(group)).map(({ jid }) => jid);
  }

  /** Gives contacts other groups, one after the other; the first failure ends it. */
  async #edit(contacts: Iterable<BareJid>, change: (groups: ReadonlySet<string>) => Iterable<string>): Promise<void> {
    const { roster } = this.#account;
    for (const jid of contacts) {
      const before = roster.items.get(jid)?.groups ?? new Set<string>();
      const after = new Set(change(before));
      if (after.size !== before.size || [...after].some((group) => !before.has(group))) await roster.set(jid, { groups: after });
    }
  }

  /** The contacts behind handles, once they can be put into groups. */
  #contacts(handles: readonly Handle[]): BareJid[] {
    const contacts = contactsOf(this.#account, handles);
    demandRoster(this.#account);
    return contacts;
  }

  #implementation(): Implementation<typeof CONTACT_GROUPS> {
    const demandGroup = (group: string): void => {
      demandRoster(this.#account);
      if (!this.#sizes.has(group)) throw new HushError('does-not-exist', 'there is no such group');
    };
    return {
      methods: {
        SetContactGroups: async (_call, handle, groups) => {
          const names = groups.map(nameOf);
          await this.#edit(this.#contacts([handle]), () => names);
        },
        SetGroupMembers: async (_call, group, handles) => {
          const name = nameOf(group);
          const members = new Set(this.#contacts(handles));
          await this.#edit(members, (groups) => [...groups, name]);
          await this.#edit(this.#members(name).filter((jid) => !members.has(jid)), (groups) => without(groups, name));
        },
        AddToGroup: async (_call, group, handles) => {
          const name = nameOf(group);
          await this.#edit(this.#contacts(handles), (groups) => [...groups, name]);
        },
        RemoveFromGroup: async (_call, group, handles) => {
          const contacts = this.#contacts(handles);
          demandGroup(group);
          await this.#edit(contacts, (groups) => without(groups, group));
        },
        RemoveGroup: async (_call, group) => {
          demandGroup(group);
          await this.#edit(this.#members(group), (groups) => without(groups, group));
        },
        RenameGroup: async (_call, oldName, newName) => {
          demandGroup(oldName);
          const name = nameOf(newName);
          if (this.#sizes.has(name)) throw new HushError('not-available', 'there is a group of that name already');
          // XMPP has no renaming: members move one by one, and clients see just that.
          await this.#edit(this.#members(oldName), (groups) => [...without(groups, oldName), name]);
        },
      },
      properties: {
        DisjointGroups: () => false,
        GroupStorage: () => anyone,
        Groups: () => [...this.#sizes.keys()],
      },
    };
  }
}

function nameOf(group: string): string {
  const name = lineOf(group, 'a name for a group');
  demand(name !== '', 'invalid-argument', 'a group must have a name');
  return name;
}

function without(groups: ReadonlySet<string>, group: string): string[] {
  return [...groups].filter((other) => other !== group);
}
