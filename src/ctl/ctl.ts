/** What every command is given. */
import type { Bus } from '../bus/connection.ts';
import type { Account } from './accounts.ts';
import { chooseAccount } from './accounts.ts';
import { json } from './print.ts';
import type { Terminal } from './terminal.ts';

export class Ctl {
  readonly bus: Bus;
  readonly terminal: Terminal;
  /** Results as JSON. */
  readonly isJson: boolean;
  /** What --account names. */
  readonly wanted: string | undefined;

  constructor(options: { readonly bus: Bus; readonly terminal: Terminal; readonly isJson: boolean; readonly account: string | undefined }) {
    this.bus = options.bus;
    this.terminal = options.terminal;
    this.isJson = options.isJson;
    this.wanted = options.account;
  }

  /** The account that --account names, or the only one. Rejects with Failure. */
  account(): Promise<Account> {
    return chooseAccount(this.bus, this.wanted);
  }

  /** The result of a command: as JSON, or in words. */
  result(value: unknown, words: () => readonly string[]): void {
    this.terminal.say(...(this.isJson ? [json(value, 2)] : words()));
  }
}
