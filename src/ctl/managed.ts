/** Accounts of hush as Mission Control keeps them, online or not. Telepathy specification, AccountManager, Account. */
import type { Bus } from '../bus/connection.ts';
import type { Variant, VariantMap } from '../bus/types.ts';
import { managerName, protocolName } from '../names.ts';
import { isOnBus } from './accounts.ts';
import type { LoginFailure } from './failure.ts';
import { isAbsence, loginFailure } from './failure.ts';
import { ACCOUNT, ACCOUNT_MANAGER, textOf } from './interfaces.ts';

const PROPERTIES = 'org.freedesktop.DBus.Properties';
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

/** Every account of hush that Mission Control could bring online. Rejects with BusError where it may be started and cannot. */
export async function managedAccounts(bus: Bus, { mayStart = false }: ManagedOptions = {}): Promise<ManagedAccount[]> {
  if (!mayStart && !(await isOnBus(bus, ACCOUNT_MANAGER))) return [];
  const manager = await readProperties(bus, accountManagerPath, ACCOUNT_MANAGER, { mayStart }).catch((error: unknown) => {
    if (mayStart || !isAbsence(error)) throw error;
    return undefined;
  });
  const paths = (manager?.get('ValidAccounts')?.value ?? []) as readonly string[];
  const found = await Promise.all(paths.filter((path) => path.startsWith(accountsPath)).map((path) => readManaged(bus, path)));
  return found.filter((account) => account !== undefined);
}

/** What mc-tool calls an account: manager/protocol/name. */
export function toolName(path: string): string {
  return path.slice(allAccounts.length);
}

/** All properties of one interface of an object of Mission Control. */
export async function readProperties(bus: Bus, path: string, name: string, { mayStart = false }: ManagedOptions = {}): Promise<VariantMap> {
  const [values] = (await bus.call({ destination: ACCOUNT_MANAGER, path, interface: PROPERTIES, member: 'GetAll', signature: 's', body: [name], autoStart: mayStart })) as [VariantMap];
  return values;
}

/** What Mission Control says of the last failure of an account; null for none. */
export function failureIn(account: VariantMap): LoginFailure | null {
  const errorName = textOf(account, 'ConnectionError');
  if (errorName === '') return null;
  return loginFailure(errorName, mapIn(account, 'ConnectionErrorDetails'), { isAsked: !mapIn(account, 'Parameters').has('password') });
}

/** undefined for one that has gone meanwhile. */
async function readManaged(bus: Bus, path: string): Promise<ManagedAccount | undefined> {
  try {
    const account = await readProperties(bus, path, ACCOUNT);
    return {
      path,
      jid: textOf(mapIn(account, 'Parameters'), 'account'),
      isEnabled: account.get('Enabled')?.value === true,
      isConnecting: account.get('ConnectionStatus')?.value === ConnectionStatus.connecting,
      connection: textOf(account, 'Connection'),
      failure: failureIn(account),
    };
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

function mapIn(account: VariantMap, name: string): VariantMap {
  return (account.get(name)?.value ?? new Map<string, Variant>()) as VariantMap;
}
