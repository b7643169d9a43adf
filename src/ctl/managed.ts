/** Accounts of hush as Mission Control keeps them, online or not. Telepathy specification, AccountManager, Account. */
import type { Bus } from '../bus/connection.ts';
import type { RemoteOptions } from '../bus/remote.ts';
import type { Variant, VariantMap } from '../bus/types.ts';
import { HushError } from '../errors.ts';
import { managerName, protocolName } from '../names.ts';
import type { LoginFailure } from './failure.ts';
import { Failure, isAbsence, isCondition, loginFailure } from './failure.ts';
import { ACCOUNT, ACCOUNT_MANAGER, textOf } from './interfaces.ts';

const PROPERTIES = 'org.freedesktop.DBus.Properties';
/** Milliseconds for Mission Control to say what it has in its memory. */
const answerTime = 5_000;

const daemon = 'org.freedesktop.DBus';
const allAccounts = '/org/freedesktop/Telepathy/Account/';

export const accountManagerPath = `/${ACCOUNT_MANAGER.replaceAll('.', '/')}`;
/** Below it are the objects of hush's accounts. */
export const accountsPath = `${allAccounts}${managerName}/${protocolName}/`;

/** Connection_Status, as Mission Control has it of an account. */
export const ConnectionStatus = { connected: 0, connecting: 1, disconnected: 2 } as const;

export interface ManagedAccount {
  readonly path: string;
  readonly jid: string;
  readonly isEnabled: boolean;
  readonly isConnecting: boolean;
  /** The path of its connection, '/' for none. */
  readonly connection: string;
  /** Why the last connection failed; null where it did not. */
  readonly failure: LoginFailure | null;
}

export interface ManagedOptions {
  /** Start Mission Control where it does not run. Without, nobody is there then. */
  readonly mayStart?: boolean;
}

/** For a Mission Control that does not answer, where what it knows is not needed. */
export function nobody(error: unknown): readonly ManagedAccount[] {
  if (error instanceof Failure) return [];
  throw error;
}

/** Every account of hush that Mission Control could bring online. Rejects with BusError where it may be started and cannot, with Failure where it does not answer. */
export async function managedAccounts(bus: Bus, { mayStart = false }: ManagedOptions = {}): Promise<ManagedAccount[]> {
  if (!mayStart && !(await isOnBus(bus))) return [];
  const asked = mayStart ? readProperties(bus, accountManagerPath, ACCOUNT_MANAGER, { mayStart }) : ifThere(readProperties(bus, accountManagerPath, ACCOUNT_MANAGER, { timeoutMs: answerTime }));
  const paths = ((await asked)?.get('ValidAccounts')?.value ?? []) as readonly string[];
  const found = await Promise.all(paths.filter((path) => path.startsWith(accountsPath)).map((path) => readManaged(bus, path)));
  return found.filter((account) => account !== undefined);
}

/** What mc-tool calls an account: manager/protocol/name. */
export function toolName(path: string): string {
  return path.slice(allAccounts.length);
}

export function lastElement(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** All properties of one interface of an object of Mission Control. Rejects with Failure when it does not answer in time. */
export async function readProperties(bus: Bus, path: string, name: string, { mayStart = false, ...limit }: ManagedOptions & RemoteOptions = {}): Promise<VariantMap> {
  try {
    const [values] = (await bus.call({ destination: ACCOUNT_MANAGER, path, interface: PROPERTIES, member: 'GetAll', signature: 's', body: [name], autoStart: mayStart, ...limit })) as [VariantMap];
    return values;
  } catch (error) {
    if (!(error instanceof HushError) || error.condition !== 'bus-timeout') throw error;
    throw new Failure('Mission Control, which keeps accounts, does not answer', { errorName: error.dbusName, next: ['Log out and in again; what hush itself knows does not need it.'] });
  }
}

/** What Mission Control says of the last failure of an account; null for none. */
export function failureIn(account: VariantMap): LoginFailure | null {
  const errorName = textOf(account, 'ConnectionError');
  if (errorName === '') return null;
  return loginFailure(errorName, mapIn(account, 'ConnectionErrorDetails'), { isAsked: !mapIn(account, 'Parameters').has('password') });
}

/** undefined for one that has gone meanwhile. */
async function readManaged(bus: Bus, path: string): Promise<ManagedAccount | undefined> {
  const account = await ifThere(readProperties(bus, path, ACCOUNT, { timeoutMs: answerTime }));
  return account && {
    path,
    jid: textOf(mapIn(account, 'Parameters'), 'account'),
    isEnabled: account.get('Enabled')?.value === true,
    isConnecting: account.get('ConnectionStatus')?.value === ConnectionStatus.connecting,
    connection: textOf(account, 'Connection'),
    failure: failureIn(account),
  };
}

/** undefined where nobody is there to answer, or not any more: of who goes while he is asked, the bus says NoReply. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isAbsence(error) || isCondition(error, 'bus-timeout')) return undefined;
    throw error;
  }
}

async function isOnBus(bus: Bus): Promise<boolean> {
  const [isOwned] = await bus.call({ destination: daemon, path: '/org/freedesktop/DBus', interface: daemon, member: 'NameHasOwner', signature: 's', body: [ACCOUNT_MANAGER] });
  return isOwned === true;
}

function mapIn(account: VariantMap, name: string): VariantMap {
  return (account.get(name)?.value ?? new Map<string, Variant>()) as VariantMap;
}
