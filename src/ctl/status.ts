/** hushctl status: accounts, online and not, their conversations, and what each conversation proves; once, or at every change. */
import type { Bus } from '../bus/connection.ts';
import type { SignalRule } from '../bus/signals.ts';
import { calledSo, concernsAccounts, connectionsPath, findAccounts, unknownAccount } from './accounts.ts';
import type { Account } from './accounts.ts';
import { claimNames, conversationsOf } from './conversations.ts';
import type { Conversation } from './conversations.ts';
import type { Ctl } from './ctl.ts';
import { Failure, notRunning } from './failure.ts';
import type { LoginFailure } from './failure.ts';
import { clean, json, shortened, table } from './print.ts';
import type { Paint, Style } from './print.ts';
import { ACCOUNT, ACCOUNT_MANAGER, CONNECTION, PEER_AUTHENTICATION, REQUESTS, SECURABLE, SECURITY } from './interfaces.ts';
import { accountManagerPath, accountsPath, lastElement, managedAccounts, toolName } from './managed.ts';
import type { ManagedAccount } from './managed.ts';
import { interruption } from './terminal.ts';

/** As it is printed with --json; hushctl(1) documents every member. */
export interface Status {
  readonly running: boolean;
  readonly accounts: readonly AccountStatus[];
}

export interface AccountStatus extends Omit<Account, 'connection' | 'jid' | 'status'> {
  readonly account: string;
  /** Of the connection; '' while there is none. */
  readonly path: string;
  /** Of Mission Control's object; '' where that does not know the account. */
  readonly accountPath: string;
  /** The last two only without a connection. */
  readonly status: Account['status'] | 'offline' | 'off';
  /** Why it is offline; null where that is no failure. */
  readonly failure: LoginFailure | null;
  readonly conversations: readonly Conversation[];
}

export async function status(ctl: Ctl, { isWatching }: { isWatching: boolean }): Promise<void> {
  if (isWatching) {
    await watch(ctl);
    return;
  }
  const { now, unwanted, silence } = await readStatus(ctl);
  if (ctl.isJson) ctl.terminal.say(json(now, 2));
  if (now.accounts.length === 0) {
    if (silence !== undefined) throw silence;
    if (ctl.wanted !== undefined && unwanted.length > 0) throw unknownAccount(ctl.wanted, unwanted);
    if (!now.running) throw notRunning();
    // It knows better why there is no such account.
    if (ctl.wanted !== undefined) await ctl.account();
  }
  if (!ctl.isJson) ctl.terminal.say(statusText(now, ctl.terminal.paint, ctl.terminal.width));
  if (silence !== undefined) ctl.terminal.note(`${silence.message}: only accounts that are online are shown.`);
}

interface Reading {
  /** Of the account that --account names, else of all. */
  readonly now: Status;
  /** What the others are called. */
  readonly unwanted: readonly string[];
  /** Why Mission Control says nothing, when it is there. */
  readonly silence: Failure | undefined;
}

async function readStatus({ bus, wanted }: Ctl): Promise<Reading> {
  let silence: Failure | undefined;
  const managing = managedAccounts(bus).catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error;
    silence = error;
    return [];
  });
  const [{ isRunning, accounts }, managed] = await Promise.all([findAccounts(bus), managing]);
  const offline = managed.filter(({ connection }) => !accounts.some((account) => account.connection.path === connection)).map(withoutConnection);
  const connected = wanted === undefined ? accounts : await calledSo(accounts, wanted, () => managing);
  const others = offline.filter(({ account, name, accountPath }) => wanted === undefined || [account, name, accountPath].includes(wanted));
  const shown = [...(await Promise.all(connected.map((account) => readAccount(account, managed)))), ...others];
  return {
    now: { running: isRunning, accounts: shown.sort((one, other) => (one.account < other.account ? -1 : Number(one.account > other.account))) },
    unwanted: [...accounts.filter((account) => !connected.includes(account)).map(({ jid, name }) => `${jid} (${name})`), ...offline.filter((account) => !others.includes(account)).map(({ account, name }) => `${account} (${name})`)].map(clean).sort(),
    silence,
  };
}

async function readAccount(account: Account, managed: readonly ManagedAccount[]): Promise<AccountStatus> {
  const { connection: { path }, jid, name, status: online, policy, identity } = account;
  const accountPath = managed.find(({ connection }) => connection === path)?.path ?? '';
  return { account: jid, name, path, accountPath, status: online, failure: null, policy, identity, conversations: await conversationsOf(account) };
}

/** What only a connection tells is empty. */
function withoutConnection({ path, jid, isEnabled, isConnecting, failure }: ManagedAccount): AccountStatus {
  return {
    account: jid,
    name: lastElement(path),
    path: '',
    accountPath: path,
    status: !isEnabled ? 'off' : isConnecting ? 'connecting' : 'offline',
    failure: isEnabled && !isConnecting ? failure : null,
    policy: '',
    identity: '',
    conversations: [],
  };
}

/** Every state of things, as it comes, until the person has had enough. Waits for hush where it does not run. */
async function watch(ctl: Ctl): Promise<void> {
  const { bus, terminal } = ctl;
  let shown = '';
  const show = async (): Promise<void> => {
    const { now } = await readStatus(ctl);
    const line = json(now);
    if (line === shown) return;
    const isFirst = shown === '';
    shown = line;
    if (ctl.isJson) terminal.say(line);
    else {
      if (terminal.isScreen) terminal.clear();
      else if (!isFirst) terminal.say('');
      terminal.say(statusText(now, terminal.paint, terminal.width));
    }
  };
  const changes = new Changes(bus);
  const interrupted = interruption();
  try {
    const isOver = Promise.race([interrupted.happened, bus.closed.then(() => Promise.reject(new Failure('the session bus is gone')))]).then(() => true);
    do await show();
    while (!(await Promise.race([isOver, changes.next().then(() => false)])));
  } finally {
    interrupted.stop();
    changes.stop();
  }
}

/** How the paths begin whose signals tell of something that status shows. */
const watched = [connectionsPath, accountsPath, accountManagerPath];

/** Whatever may have changed what status shows. */
class Changes {
  readonly #stops: readonly (() => void)[];
  #hasCome = false;
  #tell: () => void = () => undefined;

  constructor(bus: Bus) {
    const rules: readonly SignalRule[] = [
      ...[SECURABLE, PEER_AUTHENTICATION, SECURITY].map((arg0) => ({ interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0 })),
      ...['NewChannels', 'ChannelClosed'].map((member) => ({ interface: REQUESTS, member })),
      { interface: CONNECTION, member: 'StatusChanged' },
      { interface: ACCOUNT, member: 'AccountPropertyChanged' },
      { interface: ACCOUNT, member: 'Removed' },
      { interface: ACCOUNT_MANAGER, member: 'AccountValidityChanged' },
    ];
    const owners: SignalRule = { sender: 'org.freedesktop.DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged' };
    this.#stops = [
      ...rules.map((rule) => bus.subscribe(rule, ({ path }) => this.#come(watched.some((beginning) => path.startsWith(beginning))))),
      bus.subscribe(owners, ({ body }) => this.#come(concernsAccounts(body[0]))),
    ];
  }

  /** Settles when something has come since it settled last. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#tell = resolve;
      if (this.#hasCome) resolve();
    });
    this.#hasCome = false;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #come(isOurs: boolean): void {
    if (!isOurs) return;
    this.#hasCome = true;
    this.#tell();
  }
}

export function statusText({ running, accounts }: Status, paint: Paint, width: number): string {
  if (accounts.length === 0) return running ? 'hush runs; no account is online' : 'hush is not running';
  return accounts.map((account) => accountText(account, paint, width)).join('\n\n');
}

function accountText(account: AccountStatus, paint: Paint, width: number): string {
  return account.path === '' ? offlineText(account, paint) : onlineText(account, paint, width);
}

/** As a command that failed would say it. */
function offlineText({ account, accountPath, status: now, failure }: AccountStatus, paint: Paint): string {
  const name = clean(toolName(accountPath));
  const shown = paint(failure !== null ? 'red' : now === 'connecting' ? 'yellow' : 'dim', now);
  const lines = [`${paint('bold', clean(account))}  ${shown}${failure === null ? '' : `, ${clean(failure.reason)}`}`];
  if (now === 'off') lines.push(`  next: Switch it on: mc-tool enable ${name}, or in your chat program.`);
  if (now === 'offline') lines.push(...(failure?.next ?? []).map((line) => `  next: ${line}`), `  next: Go online: mc-tool request ${name} available, or in your chat program.`);
  if (failure !== null) lines.push(`  error: ${clean(failure.error)}`);
  return lines.join('\n');
}

function onlineText({ account, status: online, policy, identity, conversations }: AccountStatus, paint: Paint, width: number): string {
  const shown = paint(online === 'connected' ? 'green' : 'yellow', online);
  const lines = [`${paint('bold', clean(account))}  ${shown}, policy ${policy}`, `key ${identity === '' ? 'none yet' : identity}`];
  if (conversations.length === 0) lines.push('no conversation');
  for (const group of inWidth(conversations, width)) lines.push(conversationTable(group, paint));
  for (const { contact, question } of conversations) {
    if (question !== '') lines.push(`${clean(contact)} asks: ${clean(shortened(question, 200))}  (answer: hushctl verify ${clean(contact)} --secret)`);
  }
  return lines.join('\n');
}

/** Columns of the labels and of a conversation at least, with their frames. */
const columns = { label: 24, least: 24, frame: 3 } as const;

/** As many conversations side by side as have place; one at least. */
function inWidth(conversations: readonly Conversation[], width: number): Conversation[][] {
  const groups: Conversation[][] = [];
  let left = 0;
  for (const conversation of conversations) {
    const needed = Math.max(columns.least, clean(conversation.contact).length) + columns.frame;
    if (groups.length === 0 || needed > left) {
      groups.push([]);
      left = width - columns.label;
    }
    groups.at(-1)?.push(conversation);
    left -= needed;
  }
  return groups;
}

function conversationTable(conversations: readonly Conversation[], paint: Paint): string {
  const row = (label: string, cell: (conversation: Conversation) => string): string[] => [label, ...conversations.map(cell)];
  return table([
    row('', ({ contact }) => paint('bold', clean(contact))),
    row('Channel', ({ channel }) => channel),
    row('State', (conversation) => stateText(conversation, paint)),
    row('Key', ({ trust }) => trustText(trust, paint)),
    ...claimNames.map((claim) => row(claim, (conversation) => claimText(claim, conversation, paint))),
  ]);
}

const symbols: Readonly<Record<Conversation['state'], readonly [symbol: string, style: Style]>> = {
  insecure: ['○', 'yellow'],
  negotiating: ['◌', 'yellow'],
  secure: ['●', 'green'],
  ended: ['■', 'red'],
};

export function stateText({ state, mechanism, endReason, neverSecured }: Conversation, paint: Paint): string {
  const [symbol, style] = symbols[state];
  const more = neverSecured ? 'switched off' : state === 'ended' ? endReason : mechanism;
  return paint(style, `${symbol} ${state}${more === '' ? '' : ` (${clean(more)})`}`);
}

export function trustText(trust: Conversation['trust'], paint: Paint): string {
  if (trust === 'verified') return paint('green', '✓ verified');
  if (trust === 'changed') return paint('red', '✗ changed');
  return trust === 'seen' ? paint('yellow', 'seen') : paint('dim', 'unknown');
}

function claimText(claim: string, { claims, required, deniability }: Conversation, paint: Paint): string {
  const isRequired = required.includes(claim);
  const scope = claim === 'Deniable' && deniability !== 'none' ? ` (${clean(deniability)})` : '';
  if (claims[claim] === true) return paint('green', `✓${isRequired ? ' required' : ''}${scope}`);
  return isRequired ? paint('red', '✗ required') : paint('dim', '·');
}
