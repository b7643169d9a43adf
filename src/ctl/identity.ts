/** hushctl identity: the account's own key. Connection.Interface.Security */
import { resolve } from 'node:path';
import type { Account } from './accounts.ts';
import type { Ctl } from './ctl.ts';
import { Failure, isCondition } from './failure.ts';
import { clean } from './print.ts';
import { SECURITY } from './interfaces.ts';

export async function showIdentity(ctl: Ctl): Promise<void> {
  await show(ctl, await ctl.account());
}

/** Asks for the passphrase only where the file needs one. */
export async function importIdentity(ctl: Ctl, file: string): Promise<void> {
  const account = await ctl.account();
  const { connection } = account;
  const path = resolve(file);
  try {
    await connection.call(SECURITY, 'ImportIdentity', path, '');
  } catch (error) {
    if (isCondition(error, 'does-not-exist')) throw new Failure(`there is no file ${clean(path)}`, { next: ['Check the path.'] });
    if (!isCondition(error, 'authentication-failed')) throw error;
    const passphrase = await ctl.terminal.secret(`The passphrase of ${clean(file)}`);
    await connection.call(SECURITY, 'ImportIdentity', path, passphrase).catch((second: unknown) => {
      throw isCondition(second, 'authentication-failed') ? new Failure('this is not the passphrase of the file', { next: ['Try again.'] }) : second;
    });
  }
  await show(ctl, account);
}

export async function renewIdentity(ctl: Ctl): Promise<void> {
  const account = await ctl.account();
  await account.connection.call(SECURITY, 'RenewIdentity');
  await show(ctl, account);
}

export async function replaceIdentity(ctl: Ctl, { yes }: { yes?: true }): Promise<void> {
  const account = await ctl.account();
  if (yes !== true) {
    if (!ctl.terminal.isInteractive) throw new Failure('a new key is a changed key to every contact: who verified you must do so again', { exitCode: 2, next: ['If you want that: hushctl identity replace --yes.'] });
    ctl.terminal.say('A new key is a changed key to every contact: who verified you must do so again.');
    if ((await ctl.terminal.choose('Make a new key?', ['yes', 'no'])) === 'no') return;
  }
  await account.connection.call(SECURITY, 'ReplaceIdentity');
  await show(ctl, account);
}

async function show(ctl: Ctl, { connection, jid }: Account): Promise<void> {
  const fingerprint = await connection.get(SECURITY, 'IdentityFingerprint');
  ctl.result({ account: jid, fingerprint }, () => [fingerprint === '' ? `${clean(jid)} has no key yet: it is made at the first login` : `${clean(jid)}  ${fingerprint}`]);
}
