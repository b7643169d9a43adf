/** ContactCapabilities and ClientTypes: what contacts can be asked for, and on what they are. Connection.Interface.ContactCapabilities, .ClientTypes; XEP-0115 */
import { strv, Variant } from '../../bus/types.ts';
import type { VariantMap } from '../../bus/types.ts';
import { contactChannelClass } from '../../telepathy/channel-request.ts';
import { TEXT } from '../../telepathy/constants.ts';
import type { Handle } from '../../telepathy/handles.ts';
import { isFull } from '../../xmpp/jid.ts';
import type { FullJid, Jid } from '../../xmpp/jid.ts';
import type { Account } from '../feature.ts';
import { Coalescer } from './coalescer.ts';

const CAPABILITIES = 'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities';
const CLIENT_TYPES = 'org.freedesktop.Telepathy.Connection.Interface.ClientTypes';

type Class = [fixed: VariantMap, allowed: string[]];

/** Everyone can be written to, now or when they are back. */
const text = contactChannelClass(TEXT);
const textClasses: Class[] = [[text.fixed, [...text.allowed]]];

export function attachCapabilities({ connection }: Account): void {
  const classesOf = (handle: Handle): Class[] => {
    connection.handles.id(handle);
    return textClasses;
  };
  connection.contacts.provide(CAPABILITIES, (handle) => [[`${CAPABILITIES}/capabilities`, new Variant('a(a{sv}as)', classesOf(handle))]]);
  connection.addInterface(CAPABILITIES, {
    methods: {
      // What our own clients can do adds nothing to what every text client can: there is no other kind of channel.
      UpdateCapabilities: () => undefined,
      GetContactCapabilities: (_call, handles) => {
        connection.requireConnected();
        return new Map(handles.map((handle) => [handle, classesOf(handle)]));
      },
    },
  });
}

export function attachClientTypes(account: Account): void {
  const { caps, connection, presence } = account;
  /** The kinds of device, as the identities of category "client" say, of the resource that is shown. */
  const typesIn = (resource: FullJid): string[] => [...new Set((caps.of(resource)?.identities ?? []).filter(({ category }) => category === 'client').map(({ type }) => type))];
  const typesOf = (handle: Handle): string[] => {
    const best = presence.best(account.jidOf(handle))?.jid;
    return best !== undefined && isFull(best) ? typesIn(best) : [];
  };
  const told = new Map<Handle, string>();
  const changes = new Coalescer<Handle>((handles) => {
    for (const handle of handles) {
      const types = typesOf(handle);
      if ((told.get(handle) ?? '') === types.join(' ') || connection.status === 2) continue;
      told.set(handle, types.join(' '));
      connection.object.emit(CLIENT_TYPES, 'ClientTypesUpdated', handle, types);
    }
  });
  const changed = (jid: Jid): void => changes.add(account.handleOf(jid));
  caps.events.on('changed', changed);
  presence.events.on('changed', changed);
  connection.contacts.provide(CLIENT_TYPES, (handle) => [[`${CLIENT_TYPES}/client-types`, strv(typesOf(handle))]]);
  connection.addInterface(CLIENT_TYPES, {
    methods: {
      GetClientTypes: (_call, handles) => {
        connection.requireConnected();
        return new Map(handles.map((handle) => [handle, typesOf(handle)]));
      },
      RequestClientTypes: async (_call, handle) => {
        connection.requireConnected();
        const best = presence.best(account.jidOf(handle))?.jid;
        if (best !== undefined && isFull(best)) await caps.discover(best);
        return typesOf(handle);
      },
    },
  });
}
