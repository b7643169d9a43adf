/** Mission Control as a service of a test's session, and accounts handled with mc-tool as a person would. */
import { run } from './process.ts';
import type { Service, Session } from './session.ts';
import { RemoteObject } from './telepathy-client.ts';

const managerName = 'org.freedesktop.Telepathy.AccountManager';
const missionControl = 'org.freedesktop.Telepathy.MissionControl5';
const accountPaths = '/org/freedesktop/Telepathy/Account/';
const accountInterface = 'org.freedesktop.Telepathy.Account';

export function missionControlService(): Service {
  return {
    name: 'mission-control',
    busNames: [managerName, missionControl],
    command: ['/usr/lib/telepathy/mission-control-5'],
    environment: { MC_DEBUG: 'all' },
  };
}

/** mc-tool's notation: `string:`, `uint:`, `bool:` … from the JavaScript type. */
export type AccountParameters = Readonly<Record<string, string | number | boolean>>;

export class MissionControl {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** mc-tool's output. */
  tool(...args: string[]): Promise<string> {
    return run('mc-tool', args, { environment: this.#session.environment });
  }

  /** Adds an account, enabled, not connecting by itself. */
  async add(protocol: string, displayName: string, parameters: AccountParameters): Promise<Account> {
    const kinds = { string: 'string', number: 'uint', boolean: 'bool' } as const;
    const list = Object.entries(parameters).map(([name, value]) => `${kinds[typeof value as 'string' | 'number' | 'boolean']}:${name}=${value}`);
    const output = await this.tool('add', protocol, displayName, ...list);
    const id = output.trim().split('\n').at(-1)!;
    await this.tool('enable', id);
    return new Account(this, this.#session, id);
  }
}

export class Account extends RemoteObject {
  /** As mc-tool names it: manager/protocol/account. */
  readonly id: string;
  readonly #control: MissionControl;

  constructor(control: MissionControl, session: Session, id: string) {
    super(session.bus, managerName, accountPaths + id);
    this.id = id;
    this.#control = control;
  }

  /** Asks for a presence: `available`, `away`, `offline` … */
  async request(presence: string, message = ''): Promise<void> {
    await this.#control.tool('request', this.id, presence, ...(message === '' ? [] : [message]));
  }

  /** Settles when Mission Control says Connected, with the connection's object path. */
  async online(timeoutMs = 20_000): Promise<string> {
    const properties = await this.until((now) => now.ConnectionStatus === 0 && now.Connection !== '/', timeoutMs);
    return properties.Connection as string;
  }

  /** Settles when Mission Control says Disconnected. */
  async offline(timeoutMs = 20_000): Promise<void> {
    await this.until((now) => now.ConnectionStatus === 2, timeoutMs);
  }

  /** Settles when the account's properties are as wanted; they are looked at now and at every change. */
  async until(isWanted: (now: Record<string, unknown>) => boolean, timeoutMs: number): Promise<Record<string, unknown>> {
    let off: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    let last: Record<string, unknown> = {};
    try {
      return await new Promise((resolve, reject) => {
        const look = (): void => {
          this.getAll(accountInterface).then((now) => {
            last = now;
            if (isWanted(now)) resolve(now);
          }, reject);
        };
        off = this.bus.subscribe({ sender: managerName, path: this.path, interface: accountInterface, member: 'AccountPropertyChanged' }, look);
        timer = setTimeout(() => reject(new Error(`account ${this.id} did not get there within ${timeoutMs} ms: ${JSON.stringify(last)}`)), timeoutMs);
        look();
      });
    } finally {
      off?.();
      clearTimeout(timer);
    }
  }
}
