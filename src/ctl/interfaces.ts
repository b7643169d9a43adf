/** What hushctl talks to, by its names on the bus. */
import type { VariantMap } from '../bus/types.ts';

export const CONNECTION = 'org.freedesktop.Telepathy.Connection';
export const REQUESTS = 'org.freedesktop.Telepathy.Connection.Interface.Requests';
export const CONTACTS = 'org.freedesktop.Telepathy.Connection.Interface.Contacts';
export const CONTACT_LIST = 'org.freedesktop.Telepathy.Connection.Interface.ContactList';
export const SECURITY = 'org.freedesktop.Telepathy.Connection.Interface.Security';
export const CHANNEL = 'org.freedesktop.Telepathy.Channel';
export const TEXT = 'org.freedesktop.Telepathy.Channel.Type.Text';
export const SECURABLE = 'org.freedesktop.Telepathy.Channel.Interface.Securable';
export const PEER_AUTHENTICATION = 'org.freedesktop.Telepathy.Channel.Interface.PeerAuthentication';
/** Of Mission Control; also its bus name. */
export const ACCOUNT_MANAGER = 'org.freedesktop.Telepathy.AccountManager';
export const ACCOUNT = 'org.freedesktop.Telepathy.Account';

/** A string in a map of variants, '' where there is none. */
export function textOf(values: VariantMap, name: string): string {
  const value = values.get(name)?.value;
  return typeof value === 'string' ? value : '';
}
