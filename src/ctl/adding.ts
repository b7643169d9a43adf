/** hushctl add: a new account, made by Mission Control and brought online. Telepathy specification, AccountManager, Account. */
import type { Bus } from '../bus/connection.ts';
import { bool, str, Variant } from '../bus/types.ts';
import type { VariantMap } from '../bus/types.ts';
import { managerName, protocolName } from '../names.ts';
import type { Ctl } from './ctl.ts';
import { Failure, isAbsence } from './failure.ts';
import { clean } from './print.ts';
import { ACCOUNT, ACCOUNT_MANAGER } from './interfaces.ts';
import { accountManagerPath, ConnectionStatus, failureIn, managedAccounts, readProperties, toolName } from './managed.ts';
import type { ManagedAccount } from './managed.ts';

/** Milliseconds for a login: DNS, several servers, a certificate that somebody has to look at. */
const loginTime = 90_000;
/** Connection_Presence_Type_Available */
const available = new Variant('(uss)', [2, 'available', '']);

export interface AddOptions {
  /** Host, or host:port, where that is not what DNS says of the JID's domain. */
  readonly server?: string;
  /** Keeps no password: whoever shows the account asks for it at every login. */
  readonly ask?: true;
}

/** Settles when the account is online. One that does not get there is taken away again. Rejects with Failure or BusError. */
export async function add(ctl: Ctl, jid: string, { server, ask }: AddOptions): Promise<void> {
  if (!/^[^@/\s]+@[^@/\s]+$/.test(jid)) throw new Failure(`${clean(jid)} is no JID`, { exitCode: 2, next: ['Give it as name@server.'] });
  const parameters: VariantMap = new Map<string, Variant>([...serverParameters(server), ['account', str(jid)]]);
  await refuseKnown(ctl.bus, jid);
  if (ask !== true) parameters.set('password', str(await ctl.terminal.secret(`Password of ${clean(jid)}, which Mission Control keeps in clear text`)));
  const properties: VariantMap = new Map<string, Variant>([
    [`${ACCOUNT}.Enabled`, bool(true)],
    [`${ACCOUNT}.ConnectAutomatically`, bool(true)],
    [`${ACCOUNT}.AutomaticPresence`, available],
    [`${ACCOUNT}.RequestedPresence`, available],
  ]);
  const [path] = (await ctl.bus.call({ destination: ACCOUNT_MANAGER, path: accountManagerPath, interface: ACCOUNT_MANAGER, member: 'CreateAccount', signature: 'sssa{sv}a{sv}', body: [managerName, protocolName, jid, parameters, properties] })) as [string];
  try {
    await online(ctl.bus, path);
  } catch (error) {
    await ctl.bus.call({ destination: ACCOUNT_MANAGER, path, interface: ACCOUNT, member: 'Remove' });
    throw error;
  }
  ctl.result({ account: jid, path }, () => [`${clean(jid)} is online, and will be whenever you log in. Conversations with people who use hush, too, are secured by themselves.`]);
}

function serverParameters(server: string | undefined): (readonly [string, Variant])[] {
  if (server === undefined) return [];
  const [, bracketed, name, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(server) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) throw new Failure(`--server: ${clean(server)} is neither a host nor host:port`, { exitCode: 2 });
  return [['server', str(host)], ...(port === undefined ? [] : [['port', new Variant('q', Number(port))] as const])];
}

/** The same account twice would throw each other out. */
async function refuseKnown(bus: Bus, jid: string): Promise<void> {
  let known: readonly ManagedAccount[];
  try {
    known = await managedAccounts(bus, { mayStart: true });
  } catch (error) {
    if (!isAbsence(error)) throw error;
    throw new Failure('there is no Mission Control, which keeps accounts', { next: ['Install it (in Debian: apt install telepathy-mission-control-5), then try again.'] });
  }
  const same = known.find((account) => account.jid.toLowerCase() === jid.toLowerCase());
  if (same === undefined) return;
  const name = toolName(same.path);
  throw new Failure(`the account ${clean(jid)} is there already`, { next: [`Bring it online: mc-tool request ${name} available. Or take it away first: mc-tool remove ${name}.`] });
}

async function online(bus: Bus, path: string): Promise<void> {
  const stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        readProperties(bus, path, ACCOUNT).then((account) => {
          const status = account.get('ConnectionStatus')?.value;
          const failure = failureIn(account);
          if (status === ConnectionStatus.connected) resolve();
          else if (status === ConnectionStatus.disconnected && failure !== null) reject(new Failure(`the account cannot get online: ${failure.reason}`, { errorName: failure.error, next: failure.next }));
        }, reject);
      };
      stops.push(bus.subscribe({ sender: ACCOUNT_MANAGER, path, interface: ACCOUNT, member: 'AccountPropertyChanged' }, look));
      const timer = setTimeout(() => reject(new Failure('the account did not get online in time', { next: ['Try again; the log of hush says more (journalctl --user -u hush).'] })), loginTime);
      stops.push(() => clearTimeout(timer));
      look();
    });
  } finally {
    for (const stop of stops) stop();
  }
}
