/** What is asked of Mission Control: new channels, and which connection an account has. Telepathy specification, ChannelDispatcher, ChannelRequest, Account. */
import type { Bus } from '../bus/connection.ts';
import { bool, str, u32 } from '../bus/types.ts';
import type { Variant, VariantMap } from '../bus/types.ts';
import { encryptionError, translated } from './failure.ts';
import { CHANNEL, SECURABLE, TEXT } from './names.ts';

const MANAGER = 'org.freedesktop.Telepathy.AccountManager';
const ACCOUNT = 'org.freedesktop.Telepathy.Account';
const DISPATCHER = 'org.freedesktop.Telepathy.ChannelDispatcher';
const REQUEST = 'org.freedesktop.Telepathy.ChannelRequest';

/** Has a secured channel with a contact made and given to the window. What becomes of it is seen there. Rejects with HushError 'proxy-encryption-error'. */
export async function requestSecured(bus: Bus, account: string, contact: string): Promise<void> {
  const properties: VariantMap = new Map<string, Variant>([
    [`${CHANNEL}.ChannelType`, str(TEXT)],
    [`${CHANNEL}.TargetHandleType`, u32(1)],
    [`${CHANNEL}.TargetID`, str(contact)],
    [`${SECURABLE}.Encrypted`, bool(true)],
  ]);
  const work = async (): Promise<void> => {
    const request = { destination: DISPATCHER, path: `/${DISPATCHER.replaceAll('.', '/')}`, interface: DISPATCHER, member: 'EnsureChannel', signature: 'oa{sv}xs' };
    const [path] = (await bus.call({ ...request, body: [account, properties, 0, ''], autoStart: false })) as [string];
    await bus.call({ destination: DISPATCHER, path, interface: REQUEST, member: 'Proceed', autoStart: false });
  };
  await translated(work(), encryptionError);
}

/** The path of the connection that an account has, '/' for none. */
export async function connectionOf(bus: Bus, account: string): Promise<string> {
  const [connection] = (await bus.call({
    destination: MANAGER,
    path: account,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'Get',
    signature: 'ss',
    body: [ACCOUNT, 'Connection'],
    autoStart: false,
  })) as [Variant];
  return String(connection.value);
}
