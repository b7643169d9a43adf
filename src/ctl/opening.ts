/**
 * Opening a conversation: through Mission Control where it has the account, so that the chat window gets it, else asked of hush itself.
 * Telepathy specification, ChannelDispatcher, ChannelRequest, Account.
 */
import type { Bus } from '../bus/connection.ts';
import { bool, str, u32, Variant } from '../bus/types.ts';
import type { VariantMap } from '../bus/types.ts';
import { conditionOf } from '../errors.ts';
import type { Account } from './accounts.ts';
import { Failure, remoteFailure } from './failure.ts';
import { ACCOUNT, ACCOUNT_MANAGER, CHANNEL, REQUESTS, SECURABLE, TEXT } from './interfaces.ts';
import { managedAccounts, nobody } from './managed.ts';
import type { ManagedAccount } from './managed.ts';

const DISPATCHER = 'org.freedesktop.Telepathy.ChannelDispatcher';
const REQUEST = 'org.freedesktop.Telepathy.ChannelRequest';

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
  // With a Mission Control that is not there, or hangs, hush can be asked itself; no window shows it then.
  const managed = pathIn(await managedAccounts(bus).catch(nobody), account);
  if (managed === undefined) await account.connection.call(REQUESTS, 'EnsureChannel', request);
  else await dispatch(bus, managed, request, contact);
}

/** The path of the account whose connection this is in Mission Control, if that runs and knows it. */
export async function managedAccount(account: Account): Promise<string | undefined> {
  return pathIn(await managedAccounts(account.connection.bus), account);
}

function pathIn(managed: readonly ManagedAccount[], { connection }: Account): string | undefined {
  return managed.find((one) => one.connection === connection.path)?.path;
}

/** Changes a parameter of an account for as long as it exists. */
export async function updateParameter(bus: Bus, accountPath: string, name: string, value: Variant): Promise<void> {
  await bus.call({ destination: ACCOUNT_MANAGER, path: accountPath, interface: ACCOUNT, member: 'UpdateParameters', signature: 'a{sv}as', body: [new Map([[name, value]]), []], autoStart: false });
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
