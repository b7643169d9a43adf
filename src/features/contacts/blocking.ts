/** ContactBlocking. Connection.Interface.ContactBlocking; XEP-0191 */
import type { Implementation } from '../../bus/object.ts';
import { bool } from '../../bus/types.ts';
import { HushError } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import { isFull } from '../../xmpp/jid.ts';
import type { Jid } from '../../xmpp/jid.ts';
import type { Blocking } from '../../xmpp/xep0191-blocking.ts';
import type { Account } from '../feature.ts';
import { contactsOf, othersOf } from './targets.ts';

const CONTACT_BLOCKING = 'org.freedesktop.Telepathy.Connection.Interface.ContactBlocking';

export function attachBlocking(account: Account, blocking: Blocking): void {
  const { connection } = account;
  /** The list, asked for once; where the server has none every call fails with its reason. */
  let fetched: Promise<void> | undefined;
  const list = async (): Promise<void> => {
    fetched ??= blocking.fetch();
    try {
      await fetched;
    } catch (error) {
      fetched = undefined;
      throw error instanceof HushError && error.condition === 'not-available' ? new HushError('not-implemented', 'the server cannot block contacts', { cause: error }) : error;
    }
  };
  const byHandle = (jids: Iterable<Jid>): Map<Handle, string> => new Map([...jids].filter((jid) => !isFull(jid)).map((jid) => [account.handleOf(jid), jid]));

  connection.addInterface(CONTACT_BLOCKING, {
    methods: {
      RequestBlockedContacts: async () => {
        connection.requireConnected();
        await list();
        return byHandle(blocking.blocked);
      },
      // Nobody can be reported: ContactBlockingCapabilities says so, and the spec lets the wish pass.
      BlockContacts: async (_call, handles) => {
        const jids = othersOf(account, handles);
        await list();
        await blocking.block(jids);
      },
      UnblockContacts: async (_call, handles) => {
        const jids = contactsOf(account, handles);
        await list();
        await blocking.unblock(jids);
      },
    },
    properties: { ContactBlockingCapabilities: () => 0 },
  } satisfies Implementation<typeof CONTACT_BLOCKING>);
  connection.contacts.provide(CONTACT_BLOCKING, { blocked: (handle) => bool(blocking.blocked.has(account.jidOf(handle))) });
  blocking.events.on('changed', (blocked, unblocked) => {
    connection.object.emit(CONTACT_BLOCKING, 'BlockedContactsChanged', byHandle(blocked), byHandle(unblocked));
  });
  // In the background: a server that does not answer keeps nobody waiting.
  connection.events.on('connected', () => connection.tasks.run('blocked contacts', list));
}
