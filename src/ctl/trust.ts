/** hushctl peers, trust, forget, policy: what is remembered of contacts, and how much security they must have. Connection.Interface.Security */
import { str } from '../bus/types.ts';
import type { Account } from './accounts.ts';
import { spelled, trustLevels } from './conversations.ts';
import type { Ctl } from './ctl.ts';
import { Failure, isCondition } from './failure.ts';
import { managedAccount, updateParameter } from './opening.ts';
import { clean, table } from './print.ts';
import { SECURITY } from './interfaces.ts';
import { trustText } from './status.ts';

/** As it is printed with --json; hushctl(1) documents every member. */
interface Peer {
  readonly contact: string;
  readonly mechanism: string;
  readonly fingerprint: string;
  readonly trust: (typeof trustLevels)[number];
  /** ISO 8601, to the hour. */
  readonly lastSeen: string;
}

export const policies = ['off', 'opportunistic', 'required'] as const;

export async function peers(ctl: Ctl, contact: string | undefined): Promise<void> {
  const account = await ctl.account();
  const known = await peersOf(account, contact);
  if (known.length === 0 && contact !== undefined && !ctl.isJson) {
    ctl.terminal.say(`nothing is remembered of ${clean(contact)}`);
    return;
  }
  show(ctl, known);
}

export async function trust(ctl: Ctl, contact: string, words: readonly string[]): Promise<void> {
  const account = await ctl.account();
  const who = clean(contact);
  const fingerprint = words.length > 0 ? words.join(' ') : await changedKey(ctl, account, contact);
  if (fingerprint === undefined) return;
  await account.connection.call(SECURITY, 'AcceptKey', contact, fingerprint);
  ctl.result(await peersOf(account, contact), () => [`The key of ${who} is taken as theirs, and counts as seen, not verified: hushctl verify ${who} when you talk again.`]);
}

/** The only key of a contact that waits for a decision, if the person wants it. */
async function changedKey(ctl: Ctl, account: Account, contact: string): Promise<string | undefined> {
  const { terminal } = ctl;
  const who = clean(contact);
  const changed = (await peersOf(account, contact)).filter((peer) => peer.trust === 'changed');
  const [only] = changed;
  if (only === undefined) throw new Failure(`no key of ${who} waits for a decision`, { next: [`See which keys are known: hushctl peers ${who}.`] });
  if (changed.length > 1 || !terminal.isInteractive) {
    throw new Failure('which key?', { exitCode: 2, next: changed.map((peer) => `If this one is theirs: hushctl trust ${who} ${peer.fingerprint}`) });
  }
  terminal.say(`${who} has come with another key than the one you knew:`, `    ${only.fingerprint}`, 'Ask them over another way whether it is theirs.');
  if ((await terminal.choose('Is it theirs?', ['yes', 'no'])) === 'yes') return only.fingerprint;
  terminal.say('Nothing has changed.');
  return undefined;
}

/** Without a contact: the damaged memory. */
export async function forget(ctl: Ctl, contact: string | undefined): Promise<void> {
  const account = await ctl.account();
  try {
    await account.connection.call(SECURITY, 'ForgetPeer', contact ?? '');
  } catch (error) {
    if (contact !== undefined || !isCondition(error, 'invalid-argument')) throw error;
    throw new Failure('the memory is in order', { next: ['To forget one contact: hushctl forget CONTACT.'] });
  }
  ctl.result(await peersOf(account, contact), () => [contact === undefined ? 'The damaged memory was put aside: nothing is remembered of any contact now.' : `Nothing is remembered of the keys of ${clean(contact)} any more.`]);
}

export interface PolicyRequest {
  /** Without: the account itself. */
  readonly contact?: string;
  /** Without: it is only shown. */
  readonly wanted?: string;
}

export async function policy(ctl: Ctl, { contact, wanted }: PolicyRequest): Promise<void> {
  const account = await ctl.account();
  if (contact === undefined) await accountPolicy(ctl, account, wanted);
  else await contactPolicy(ctl, account, contact, wanted);
}

/** Two words that may be left out: contact and policy. Throws Failure for what is no policy. */
export function readPolicy(first: string | undefined, second: string | undefined): PolicyRequest {
  const isPolicy = (word: string): boolean => word === 'default' || policies.some((one) => one === word);
  if (first === undefined) return {};
  if (first === 'default' && second === undefined) throw new Failure('an account has no default policy to return to', { exitCode: 2, next: [`It is one of ${policies.join(', ')}.`] });
  if (second === undefined) return isPolicy(first) ? { wanted: first } : { contact: first };
  if (!isPolicy(second)) throw new Failure(`${clean(second)} is no policy`, { exitCode: 2, next: [`It is one of ${policies.join(', ')}, default.`] });
  return { contact: first, wanted: second };
}

async function accountPolicy(ctl: Ctl, account: Account, wanted: string | undefined): Promise<void> {
  const { connection, jid } = account;
  let isKept = true;
  if (wanted !== undefined) {
    await connection.set(SECURITY, 'Policy', str(wanted));
    const managed = await managedAccount(account);
    isKept = managed !== undefined;
    if (managed !== undefined) await updateParameter(ctl.bus, managed, `${SECURITY}.Policy`, str(wanted));
  }
  const now = await connection.get(SECURITY, 'Policy');
  ctl.result({ account: jid, contact: null, policy: now }, () => [`${clean(jid)}  ${now}`]);
  if (!isKept) ctl.terminal.note('It holds until the account goes offline: Mission Control, which would keep it, does not know this account.');
}

async function contactPolicy(ctl: Ctl, { connection, jid, policy: general }: Account, contact: string, wanted: string | undefined): Promise<void> {
  if (wanted !== undefined) await connection.call(SECURITY, 'SetPeerPolicy', contact, wanted === 'default' ? '' : wanted);
  const [own] = await connection.call(SECURITY, 'GetPeerPolicy', contact);
  ctl.result({ account: jid, contact, policy: own === '' ? 'default' : own }, () => [`${clean(contact)}  ${own === '' ? `default (of the account: ${general})` : own}`]);
}

/** Every key that is remembered, or those of one contact. */
async function peersOf(account: Account, contact?: string): Promise<Peer[]> {
  const wanted = contact === undefined ? undefined : await spelled(account, contact);
  const [all] = await account.connection.call(SECURITY, 'ListPeers');
  const known = all.map(([jid, mechanism, fingerprint, level, seen]) => ({
    contact: jid,
    mechanism,
    fingerprint,
    trust: trustLevels[level] ?? ('unknown' as const),
    lastSeen: new Date(Number(seen) * 1000).toISOString(),
  }));
  return wanted === undefined ? known : known.filter((peer) => peer.contact === wanted);
}

function show(ctl: Ctl, known: readonly Peer[]): void {
  const { paint } = ctl.terminal;
  const rows = known.map((peer) => [clean(peer.contact), peer.mechanism, trustText(peer.trust, paint), peer.lastSeen.slice(0, 16).replace('T', ' '), twoLines(peer.fingerprint)]);
  ctl.result(known, () => [known.length === 0 ? 'no key of any contact is remembered' : table([['Contact', 'By', 'Key', 'Last seen (UTC)', 'Fingerprint'], ...rows])]);
}

/** A fingerprint of eight groups, so that the table is not too wide. */
function twoLines(fingerprint: string): string {
  const groups = fingerprint.split(' ');
  return `${groups.slice(0, 4).join(' ')}\n${groups.slice(4).join(' ')}`;
}
