/** Which accounts of hush are there: its connections on the bus, asked without starting anything. Telepathy specification, Connection. */
import type { Bus } from '../bus/connection.ts';
import { managerName, protocolName } from '../names.ts';
import { Failure, isAbsence, notRunning } from './failure.ts';
import { clean } from './print.ts';
import { Remote } from '../bus/remote.ts';
import { ACCOUNT_MANAGER, CONNECTION, SECURITY } from './interfaces.ts';
import { lastElement, managedAccounts, nobody } from './managed.ts';
import type { ManagedAccount } from './managed.ts';

const daemon = 'org.freedesktop.DBus';
const managerBusName = `org.freedesktop.Telepathy.ConnectionManager.${managerName}`;
const prefix = `${CONNECTION}.${managerName}.${protocolName}.`;

/** Below it are all objects of hush's connections. */
export const connectionsPath = `/${prefix.replaceAll('.', '/')}`;

/** Connection_Status (u), by number. */
const statuses = ['connected', 'connecting', 'disconnected'] as const;

export interface Account {
  readonly connection: Remote;
  /** The last element of the connection's path: what tells two connections of one JID apart. */
  readonly name: string;
  readonly jid: string;
  readonly status: (typeof statuses)[number];
  readonly policy: string;
  /** The fingerprint of the account's own key; '' while there is none. */
  readonly identity: string;
}

export interface Accounts {
  readonly isRunning: boolean;
  readonly accounts: readonly Account[];
}

/** Every account of hush that is on the bus, by JID. */
export async function findAccounts(bus: Bus): Promise<Accounts> {
  const names = await busNames(bus);
  const found = await Promise.all(names.filter(isConnectionName).map((name) => readAccount(new Remote(bus, name, `/${name.replaceAll('.', '/')}`))));
  const accounts = found.filter((account) => account !== undefined).sort((one, other) => (one.jid < other.jid ? -1 : Number(one.jid > other.jid)));
  return { isRunning: accounts.length > 0 || names.includes(managerBusName), accounts };
}

/** The account that is called so. Without a name: the only one. Throws Failure where that is none or several. */
export async function chooseAccount(bus: Bus, wanted: string | undefined): Promise<Account> {
  const { isRunning, accounts } = await findAccounts(bus);
  if (!isRunning) throw notRunning();
  const fitting = wanted === undefined ? accounts : await calledSo(accounts, wanted, () => managedAccounts(bus).catch(nobody));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const names = accounts.map(({ jid, name }) => `${clean(jid)} (${name})`);
  if (fitting.length > 1) {
    throw new Failure(wanted === undefined ? 'several accounts are there' : `several connections are ${clean(wanted)}`, {
      exitCode: 2,
      next: [`Say which with --account: ${names.join(', ')}.`],
    });
  }
  if (accounts.length > 0) throw unknownAccount(wanted ?? '', names);
  throw new Failure('no account of hush is online', { next: ['Go online first: mc-tool request ACCOUNT available (mc-tool list names them), or in your chat program.'] });
}

/** Those of which `wanted` is the JID, or the path of the connection, or its last element; where there are none, the path of Mission Control's object, or its last element. */
export async function calledSo(accounts: readonly Account[], wanted: string, managed: () => Promise<readonly ManagedAccount[]>): Promise<readonly Account[]> {
  const found = accounts.filter(({ jid, name, connection }) => [jid, name, connection.path].includes(wanted));
  if (found.length > 0 || accounts.length === 0) return found;
  const paths = (await managed()).filter(({ path }) => [path, lastElement(path)].includes(wanted)).map(({ connection }) => connection);
  return accounts.filter(({ connection }) => paths.includes(connection.path));
}

/** `names`: of those that are there. */
export function unknownAccount(wanted: string, names: readonly string[]): Failure {
  return new Failure(`there is no account ${clean(wanted)}`, { next: [`These are there: ${names.join(', ')}.`] });
}

/** Whether a change of owner of this name may change which accounts there are. */
export function concernsAccounts(name: unknown): boolean {
  return typeof name === 'string' && (name === managerBusName || name === ACCOUNT_MANAGER || isConnectionName(name));
}

function isConnectionName(name: string): boolean {
  return name.startsWith(prefix);
}

async function busNames(bus: Bus): Promise<string[]> {
  const [names] = await bus.call({ destination: daemon, path: '/org/freedesktop/DBus', interface: daemon, member: 'ListNames' });
  return names as string[];
}

/** undefined for one that has gone meanwhile. */
async function readAccount(connection: Remote): Promise<Account | undefined> {
  try {
    const [{ SelfID = '', Status }, { Policy = '', IdentityFingerprint = '' }] = await Promise.all([connection.getAll(CONNECTION), connection.getAll(SECURITY)]);
    const name = connection.busName.slice(prefix.length);
    return {
      connection,
      name,
      jid: SelfID === '' ? jidIn(name) : SelfID,
      status: statuses[Status ?? 2] ?? 'disconnected',
      policy: Policy,
      identity: IdentityFingerprint,
    };
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** The JID in the name of a connection, which does not say it otherwise before it was online: bytes but letters and digits as `_xx`; a resource may follow. */
function jidIn(name: string): string {
  const bytes = name.replaceAll(/_([0-9a-f]{2})|([^])/g, (_all, byte: string | undefined, letter: string) => byte ?? Buffer.from(letter).toString('hex'));
  return Buffer.from(bytes, 'hex').toString().replace(/\/.*$/s, '');
}
