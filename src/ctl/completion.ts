/** hushctl words: what the shell's completion can offer, a line each; nothing where nobody can say. */
import { findAccounts } from './accounts.ts';
import type { Account } from './accounts.ts';
import { conversationsOf } from './conversations.ts';
import type { Ctl } from './ctl.ts';
import { clean } from './print.ts';
import { CONNECTION, CONTACT_LIST, SECURITY, textOf } from './interfaces.ts';

export async function words(ctl: Ctl, kind: string): Promise<void> {
  const { accounts } = await findAccounts(ctl.bus);
  const found = kind === 'accounts' ? accounts.map(({ jid }) => jid) : (await Promise.all(accounts.map((account) => ofAccount(account, kind)))).flat();
  // What a shell would split or obey is no word for it.
  ctl.terminal.say(...[...new Set(found)].filter((word) => word !== '' && clean(word) === word && !/[\s'"\\$`]/.test(word)).sort());
}

async function ofAccount(account: Account, kind: string): Promise<string[]> {
  const conversations = await conversationsOf(account);
  if (kind === 'channels') return conversations.map(({ channel }) => channel);
  const sources = [listed(account), remembered(account)];
  // An account that is not online, or whose memory is damaged, knows fewer.
  const known = await Promise.all(sources.map((source) => source.catch(() => [])));
  return [...conversations.map(({ contact }) => contact), ...known.flat()];
}

async function listed({ connection }: Account): Promise<string[]> {
  const [contacts] = await connection.call(CONTACT_LIST, 'GetContactListAttributes', [], false);
  return [...contacts.values()].map((attributes) => textOf(attributes, `${CONNECTION}/contact-id`));
}

async function remembered({ connection }: Account): Promise<string[]> {
  const [all] = await connection.call(SECURITY, 'ListPeers');
  return all.map(([jid]) => jid);
}
