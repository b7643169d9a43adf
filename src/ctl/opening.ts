/**
 * Opening a conversation: through Mission Control where it has the account, so that the chat window gets it, else asked of hush itself.
 * Telepathy specification, ChannelDispatcher, ChannelRequest, AccountManager, Account.
 */
import type { Bus } from '../bus/connection.ts';
import { bool, str, u32, Variant } from '../bus/types.ts';
import type { VariantMap } from '../bus/types.ts';
import { conditionOf } from '../errors.ts';
import type { Account } from './accounts.ts';
import { isOnBus } from './accounts.ts';
import { Failure, remoteFailure } from './failure.ts';
import { CHANNEL, REQUESTS, SECURABLE, TEXT } from './interfaces.ts';

const MANAGER = 'org.freedesktop.Telepathy.AccountManager';
const ACCOUNT = 'org.freedesktop.Telepathy.Account';
const DISPATCHER = 'org.freedesktop.Telepathy.ChannelDispatcher';
const REQUEST = 'org.freedesktop.Telepathy.ChannelRequest';
const PROPERTIES = 'org.freedesktop.DBus.Properties';

/** Milliseconds for Mission Control to do all of it: hush itself answers within 20 s. */
const dispatchTime = 40_000;

/** A conversation with the contact that is encrypted and meets these demands; made if there is none. Rejects with Failure or BusError. */
export async function openConversation(account: Account, contact: string, demands: readonly string[]): Promise<void> {
  const { bus } = account.connection;
  const request: VariantMap = new Map<string, Variant>([
    [`${CHANNEL}.ChannelType`, str(TEXT)],
    [`${CHANNEL}.TargetHandleType`, u32(1)],
    [`${CHANNEL}.TargetID`, str(contact)],
    [`${SECURABLE}.Encrypted`, bool(true)],
    ...(demands.length > 0 ? [[`${SECURABLE}.RequiredProperties`, new Variant('as', demands)] as const] : []),
  ]);
  const managed = await managedAccount(account);
  if (managed === undefined) await account.connection.call(REQUESTS, 'EnsureChannel', request);
  else await dispatch(bus, managed, request, contact);
}

/** The path of the account whose connection this is in Mission Control, if that runs and knows it. */
export async function managedAccount({ connection }: Account): Promise<string | undefined> {
  const { bus } = connection;
  if (!(await isOnBus(bus, MANAGER))) return undefined;
  const accounts = (await get(bus, MANAGER, `/${MANAGER.replaceAll('.', '/')}`, MANAGER, 'ValidAccounts')) as string[];
  const connections = await Promise.all(accounts.map((path) => get(bus, MANAGER, path, ACCOUNT, 'Connection')));
  return accounts.find((_, at) => connections[at] === connection.path);
}

/** Changes a parameter of an account for as long as it exists. */
export async function updateParameter(bus: Bus, accountPath: string, name: string, value: Variant): Promise<void> {
  await bus.call({ destination: MANAGER, path: accountPath, interface: ACCOUNT, member: 'UpdateParameters', signature: 'a{sv}as', body: [new Map([[name, value]]), []], autoStart: false });
}

/** Has Mission Control ask for the channel and hand it to the person's chat program, without taking the focus. */
async function dispatch(bus: Bus, account: string, request: VariantMap, contact: string): Promise<void> {
  const [path] = (await bus.call({
    destination: DISPATCHER,
    path: `/${DISPATCHER.replaceAll('.', '/')}`,
    interface: DISPATCHER,
    member: 'EnsureChannel',
    signature: 'oa{sv}xs',
    body: [account, request, 0, ''],
    autoStart: false,
  })) as [string];
  const stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const on = (member: string, listener: (...args: unknown[]) => void): void => {
        stops.push(bus.subscribe({ sender: DISPATCHER, path, interface: REQUEST, member }, ({ body }) => listener(...body)));
      };
      on('Succeeded', () => resolve());
      on('Failed', (name, message) => reject(dispatchFailure(String(name), String(message), contact)));
      const timer = setTimeout(() => reject(new Failure('Mission Control did not open the conversation in time', { next: ['See what is there: hushctl status.'] })), dispatchTime);
      stops.push(() => clearTimeout(timer));
      bus.call({ destination: DISPATCHER, path, interface: REQUEST, member: 'Proceed', autoStart: false }).catch(reject);
    });
  } finally {
    for (const stop of stops) stop();
  }
}

/** NotAvailable is what Mission Control says when nobody takes the channel, which it then closes. */
function dispatchFailure(errorName: string, message: string, contact: string): Failure {
  const failure = remoteFailure(errorName, message, contact);
  if (conditionOf(errorName) !== 'not-available') return failure;
  return new Failure(`no chat program took the conversation (${message})`, { errorName, next: ['Start the one that is to show it, then try again.'] });
}

async function get(bus: Bus, destination: string, path: string, name: string, property: string): Promise<unknown> {
  const [value] = (await bus.call({ destination, path, interface: PROPERTIES, member: 'Get', signature: 'ss', body: [name, property], autoStart: false })) as [Variant];
  return value.value;
}
