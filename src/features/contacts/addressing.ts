/** Contacts by vCard field and by URI. Connection.Interface.Addressing1 and Protocol.Interface.Addressing; RFC 5122 */
import type { Implementation } from '../../bus/object.ts';
import { strv, Variant } from '../../bus/types.ts';
import { HushError } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { ProtocolAddressing } from '../../telepathy/protocol-object.ts';
import { isFull, tryJid } from '../../xmpp/jid.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import type { Account } from '../feature.ts';

const ADDRESSING = 'org.freedesktop.Telepathy.Connection.Interface.Addressing1';

const vcardField = 'x-jabber';
const scheme = 'xmpp';

export const addressing: ProtocolAddressing = {
  vcardFields: [vcardField],
  uriSchemes: [scheme],
  normalizeVCardAddress: (_field, address) => contactOf(address),
  normalizeUri: (uri) => uriOf(contactOfUri(uri)),
};

export function attachAddressing(account: Account): void {
  const { connection } = account;
  connection.contacts.provide(ADDRESSING, {
    uris: (handle) => strv([uriOf(account.jidOf(handle))]),
    addresses: (handle) => new Variant('a{ss}', new Map([[vcardField, account.jidOf(handle)]])),
  });
  connection.addInterface(ADDRESSING, implementation(account));
}

function implementation({ connection }: Account): Implementation<typeof ADDRESSING> {
  const answer = (addresses: readonly string[], interfaces: readonly string[], parse: (address: string) => BareJid): [Map<string, Handle>, ReturnType<typeof connection.contacts.attributes>] => {
    const handles = new Map<string, Handle>();
    for (const address of addresses) {
      const handle = handleOf(address, parse);
      if (handle !== undefined) handles.set(address, handle);
    }
    return [handles, connection.contacts.attributes(handles.values(), interfaces)];
  };
  /** What is no address is left out of the answer. */
  const handleOf = (address: string, parse: (address: string) => BareJid): Handle | undefined => {
    try {
      return connection.handles.ensure(parse(address));
    } catch (error) {
      if (error instanceof HushError) return undefined;
      throw error;
    }
  };
  return {
    methods: {
      GetContactsByVCardField: (_call, field, addresses, interfaces) => {
        connection.requireConnected();
        if (field.toLowerCase() !== vcardField) throw new HushError('not-implemented', 'contacts have no addresses in this vCard field');
        return answer(addresses, interfaces, contactOf);
      },
      GetContactsByURI: (_call, uris, interfaces) => {
        connection.requireConnected();
        return answer(uris, interfaces, contactOfUri);
      },
    },
  };
}

function contactOf(address: string): BareJid {
  const jid = tryJid(address);
  if (jid === undefined || isFull(jid)) throw new HushError('invalid-handle', 'not the address of a contact');
  return jid;
}

/** `xmpp:name@domain`, percent-encoded; what follows a `?` says what to do, not whom to do it with. RFC 5122 §2.2 */
function contactOfUri(uri: string): BareJid {
  const colon = uri.indexOf(':');
  const [path = ''] = uri.slice(colon + 1).split(/[?#]/, 1);
  if (uri.slice(0, colon).toLowerCase() !== scheme || path.startsWith('//')) throw new HushError('invalid-handle', 'not an xmpp URI of a contact');
  try {
    return contactOf(decodeURIComponent(path));
  } catch (error) {
    if (error instanceof HushError) throw error;
    throw new HushError('invalid-handle', 'not an xmpp URI of a contact', { cause: error });
  }
}

function uriOf(jid: BareJid): string {
  return `${scheme}:${jid.split('@').map(encodeURIComponent).join('@')}`;
}
