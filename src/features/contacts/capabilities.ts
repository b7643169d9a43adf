/** ContactCapabilities and ClientTypes: what contacts can be asked for, and on what they are. Connection.Interface.ContactCapabilities, .ClientTypes; XEP-0115 */
import { strv, Variant } from '../../bus/types.ts';
import type { VariantMap } from '../../bus/types.ts';
import type { ChannelClass } from '../../telepathy/channel-request.ts';
import { bareOf, isFull } from '../../xmpp/jid.ts';
import type { BareJid, FullJid, Jid } from '../../xmpp/jid.ts';
import type { Account } from '../feature.ts';
import { anyText, securedText } from '../text-classes.ts';
import { Coalescer } from './coalescer.ts';
import { contactOf, contactsOf } from './targets.ts';

const CAPABILITIES = 'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities';
const CLIENT_TYPES = 'org.freedesktop.Telepathy.Connection.Interface.ClientTypes';

type Class = [fixed: VariantMap, allowed: string[]];

const toClass = ({ fixed, allowed }: ChannelClass): Class => [fixed, [...allowed]];
const always: Class[] = [toClass(anyText)];
const withSecured: Class[] = [toClass(anyText), toClass(securedText)];

export function attachCapabilities(account: Account): void {
  const { caps, connection, conversations, presence } = account;
  const classesOf = (contact: BareJid): Class[] => (conversations.available(contact).length > 0 ? withSecured : always);
  const told = new Map<BareJid, Class[]>();
  const changes = new Coalescer<BareJid>((contacts) => {
    const changed = contacts.filter((contact) => (told.get(contact) ?? always) !== classesOf(contact));
    for (const contact of changed) told.set(contact, classesOf(contact));
    if (changed.length > 0) connection.object.emit(CAPABILITIES, 'ContactCapabilitiesChanged', new Map(changed.map((contact) => [account.handleOf(contact), classesOf(contact)])));
  });
  const changed = (jid: Jid): void => changes.add(bareOf(jid));
  caps.events.on('changed', changed);
  presence.events.on('changed', changed);
  connection.contacts.provide(CAPABILITIES, { capabilities: (handle) => new Variant('a(a{sv}as)', classesOf(account.jidOf(handle))) });
  connection.addInterface(CAPABILITIES, {
    methods: {
      // What our own clients can do adds nothing to what every text client can: there is no other kind of channel.
      UpdateCapabilities: () => undefined,
      GetContactCapabilities: (_call, handles) => new Map(contactsOf(account, handles).map((jid) => [account.handleOf(jid), classesOf(jid)])),
    },
  });
}

export function attachClientTypes(account: Account): void {
  const { caps, connection, presence } = account;
  /** The resource that is shown; undefined while none is there. */
  const shownOf = (contact: BareJid): FullJid | undefined => {
    const best = presence.best(contact);
    return best?.available === true && isFull(best.jid) ? best.jid : undefined;
  };
  /** The kinds of device, as its identities of category "client" say; undefined while it has not said what it is. */
  const typesOf = (contact: BareJid): string[] | undefined => {
    const shown = shownOf(contact);
    const info = shown && caps.of(shown);
    return info && [...new Set(info.identities.filter(({ category }) => category === 'client').map(({ type }) => type))];
  };
  const told = new Map<BareJid, string>();
  const changes = new Coalescer<BareJid>((contacts) => {
    for (const contact of contacts) {
      const types = typesOf(contact) ?? [];
      if ((told.get(contact) ?? '') === types.join(' ')) continue;
      told.set(contact, types.join(' '));
      connection.object.emit(CLIENT_TYPES, 'ClientTypesUpdated', account.handleOf(contact), types);
    }
  });
  const changed = (jid: Jid): void => changes.add(bareOf(jid));
  caps.events.on('changed', changed);
  presence.events.on('changed', changed);
  connection.contacts.provide(CLIENT_TYPES, {
    'client-types': (handle) => {
      const types = typesOf(account.jidOf(handle));
      return types && strv(types);
    },
  });
  connection.addInterface(CLIENT_TYPES, {
    methods: {
      // Contacts who may know of us are asked as they come; the others only by RequestClientTypes: the question tells them that we are here.
      GetClientTypes: (_call, handles) =>
        new Map(contactsOf(account, handles).flatMap((jid) => {
          const types = typesOf(jid);
          return types === undefined ? [] : [[account.handleOf(jid), types] as const];
        })),
      RequestClientTypes: async (_call, handle) => {
        const contact = contactOf(account, handle);
        const shown = shownOf(contact);
        if (shown !== undefined) await caps.discover(shown);
        return typesOf(contact) ?? [];
      },
    },
  });
}
