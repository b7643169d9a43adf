/** What things are called on the bus, between KDE Telepathy's window, this program and the channels. */
import { objectPath } from '../bus/types.ts';
import type { ObjectPath } from '../bus/types.ts';

export const busName = 'org.freedesktop.Telepathy.Client.KTp.Proxy';
export const clientPath = objectPath(`/${busName.replaceAll('.', '/')}`);
export const servicePath = objectPath('/org/freedesktop/TelepathyProxy/ProxyService');

export const OTR = 'org.kde.TelepathyProxy.ChannelProxy.Interface.OTR';
export const SERVICE = 'org.kde.TelepathyProxy.ProxyService';
export const CLIENT = 'org.freedesktop.Telepathy.Client';
export const OBSERVER = 'org.freedesktop.Telepathy.Client.Observer';
export const CHANNEL = 'org.freedesktop.Telepathy.Channel';
export const TEXT = 'org.freedesktop.Telepathy.Channel.Type.Text';
export const MESSAGES = 'org.freedesktop.Telepathy.Channel.Interface.Messages';
export const SECURABLE = 'org.freedesktop.Telepathy.Channel.Interface.Securable';
export const PEER_AUTHENTICATION = 'org.freedesktop.Telepathy.Channel.Interface.PeerAuthentication';
export const SECURITY = 'org.freedesktop.Telepathy.Connection.Interface.Security';

/** Where the window looks for what stands before a channel. */
export function proxyPath(connection: string, channel: string): ObjectPath {
  const last = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
  return objectPath(`/org/freedesktop/TelepathyProxy/OtrChannelProxy/${last(connection)}/${last(channel)}`);
}

/** The bus name of a connection, which follows from its path. Telepathy specification, Connection. */
export function busNameOf(connection: string): string {
  return connection.slice(1).replaceAll('/', '.');
}
