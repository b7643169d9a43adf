/** What clients name and say, checked before anything is done with it: all of it is good, or nothing happens. */
import { demand } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import { isXmlText } from '../../xmpp/element.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import { cleanLine } from '../../xmpp/text.ts';
import type { Account } from '../feature.ts';

/** Bytes of a name and of a group. RFC 6121 §2.1.2.4, §2.1.2.6 */
const maxLine = 1023;

/** The contacts behind handles, in their order. Throws 'disconnected', or 'invalid-handle' for any that is none. */
export function contactsOf(account: Account, handles: readonly Handle[]): BareJid[] {
  account.connection.requireConnected();
  return handles.map((handle) => account.jidOf(handle));
}

/** As `contactsOf`, of one. */
export function contactOf(account: Account, handle: Handle): BareJid {
  account.connection.requireConnected();
  return account.jidOf(handle);
}

/** As `contactsOf`, for what cannot be done to oneself: 'invalid-argument'. */
export function othersOf(account: Account, handles: readonly Handle[]): BareJid[] {
  const contacts = contactsOf(account, handles);
  demand(!handles.includes(account.connection.selfHandle), 'invalid-argument', 'this can only be done to others');
  return contacts;
}

/** Throws 'not-yet' while the list has not come: an edit would take away what the server has. */
export function demandRoster({ connection, roster }: Account): void {
  connection.requireConnected();
  demand(roster.isFetched, 'not-yet', 'the contact list has not come yet');
}

/** A name for a contact or a group as the list can hold it, without white space around. `what` it is, for the error: 'invalid-argument'. */
export function lineOf(text: string, what: string): string {
  const line = text.trim();
  demand(isXmlText(line) && Buffer.byteLength(line) <= maxLine && cleanLine(line, maxLine) === line, 'invalid-argument', `not ${what}`);
  return line;
}

/** Words for other people, cut to `max` UTF-16 units where they are longer. Throws 'invalid-argument' for control characters. */
export function wordsOf(text: string, max: number): string {
  demand(isXmlText(text), 'invalid-argument', 'the message holds a character that cannot be sent');
  return text.length <= max ? text : text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '');
}
