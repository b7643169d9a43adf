/** What a feature is, and what it is given of the account it works for. */
import type { Bus } from '../bus/connection.ts';
import type { InterfaceName } from '../bus/interfaces.ts';
import type { Log } from '../log.ts';
import type { Conversations } from '../security/conversations.ts';
import type { Gate } from '../security/gate.ts';
import type { Identities } from '../security/identities.ts';
import type { Trust } from '../security/trust.ts';
import type { BaseConnection } from '../telepathy/base-connection.ts';
import type { ChannelClass } from '../telepathy/channel-request.ts';
import type { Handle } from '../telepathy/handles.ts';
import type { XmppClient } from '../xmpp/client.ts';
import type { BareJid, Jid } from '../xmpp/jid.ts';
import type { PresenceTracker } from '../xmpp/presence.ts';
import type { Roster } from '../xmpp/roster.ts';
import type { Disco } from '../xmpp/xep0030-disco.ts';
import type { VCards } from '../xmpp/xep0054-vcard.ts';
import type { Caps } from '../xmpp/xep0115-caps.ts';
import type { Pep } from '../xmpp/xep0163-pep.ts';
import type { Notices } from './notices.ts';

/** The user's settings that concern features; those of the stream are the client's. */
export interface AccountSettings {
  /** The nickname to publish; '' leaves it as it is. */
  readonly alias: string;
  /** -128..127 */
  readonly priority: number;
  readonly carbons: boolean;
  readonly downloadsRoster: boolean;
  /** Notices on the desktop. */
  readonly notices: boolean;
}

/** One account: its two halves, and the XMPP services that several features share. */
export interface Account {
  readonly connection: BaseConnection;
  readonly client: XmppClient;
  readonly bus: Bus;
  readonly gate: Gate;
  readonly conversations: Conversations;
  readonly trust: Trust;
  readonly identities: Identities;
  readonly settings: AccountSettings;
  readonly notices: Notices;
  readonly log: Log;
  readonly roster: Roster;
  readonly presence: PresenceTracker;
  readonly disco: Disco;
  readonly caps: Caps;
  readonly pep: Pep;
  readonly vcards: VCards;
  /** The handle of a contact, by any of its addresses. */
  handleOf(jid: Jid): Handle;
  /** Throws HushError('invalid-handle'). */
  jidOf(handle: Handle): BareJid;
}

export interface Feature {
  /** The interfaces it adds to a connection. */
  readonly interfaces: readonly InterfaceName[];
  /** The channels that may be requested through it. */
  readonly classes: readonly ChannelClass[];
  /** Sets it up for one account that is not on the bus yet. Everything it registers ends with the account. */
  attach(account: Account): void;
}
