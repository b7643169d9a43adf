/** hushctl secure, require, end: what a conversation must be, asked of it. Channel.Interface.Securable */
import type { Account } from './accounts.ts';
import { channelAt, conversationsWith } from './conversations.ts';
import type { Conversation } from './conversations.ts';
import type { Ctl } from './ctl.ts';
import { Failure, failureOf, isAbsence, isCondition } from './failure.ts';
import { openConversation } from './opening.ts';
import { clean } from './print.ts';
import type { Remote } from '../bus/remote.ts';
import { SECURABLE } from './interfaces.ts';
import { stateText } from './status.ts';

export interface ChannelOption {
  /** The name of a channel, where a contact has several. */
  readonly channel?: string;
}

export async function secure(ctl: Ctl, contact: string, { channel }: ChannelOption): Promise<void> {
  const account = await ctl.account();
  await raise(account, contact, channel, [], (living) => living.call(SECURABLE, 'Secure', []));
  await showSecured(ctl, account, contact, channel);
}

export async function require(ctl: Ctl, contact: string, demands: readonly string[], { channel }: ChannelOption): Promise<void> {
  const account = await ctl.account();
  await raise(account, contact, channel, demands, async (living) => {
    try {
      await living.call(SECURABLE, 'Require', [...demands]);
    } catch (error) {
      if (!isCondition(error, 'encryption-not-available')) throw error;
      const { message, errorName, next } = failureOf(error, clean(contact));
      const [now] = await conversationsWith(account, contact);
      if (now?.state !== 'ended') throw error;
      // What a session lacks it cannot get; a new one can be begun with it.
      throw new Failure(message, { ...(errorName && { errorName }), next: [`That ended the conversation. To begin a new one with it: the same command once more.`, ...next] });
    }
  });
  await showSecured(ctl, account, contact, channel);
}

export async function end(ctl: Ctl, contact: string, { channel }: ChannelOption): Promise<void> {
  const account = await ctl.account();
  const living = (await conversationsWith(account, contact, channel)).filter(({ state }) => state === 'secure' || state === 'negotiating');
  if (living.length === 0) throw new Failure(`no secured conversation with ${clean(contact)} is going on`, { next: ['See what is there: hushctl status.'] });
  for (const { path } of living) await channelAt(account.connection, path).call(SECURABLE, 'End');
  show(ctl, await current(account, contact, channel ?? living[0]?.channel));
}

/** Asks a conversation that lives, so that its window stays; else has one opened that is so. */
async function raise(account: Account, contact: string, channel: string | undefined, demands: readonly string[], ask: (living: Remote) => Promise<unknown>): Promise<void> {
  const living = (await conversationsWith(account, contact, channel)).find(({ state, neverSecured }) => state !== 'ended' && !neverSecured);
  if (living === undefined && channel !== undefined) throw new Failure(`${clean(channel)} is no conversation with ${clean(contact)} that can be secured`, { next: ['See what is there: hushctl status.'] });
  if (living !== undefined) {
    try {
      await ask(channelAt(account.connection, living.path));
      return;
    } catch (error) {
      // One that only receives plaintext beside a secured one, or that is gone by now.
      if (channel !== undefined || !(isAbsence(error) || isCondition(error, 'not-available'))) throw error;
    }
  }
  await openConversation(account, contact, demands);
}

/** Shows what was asked for, unless it is over already: nobody shall take it for done. */
async function showSecured(ctl: Ctl, account: Account, contact: string, channel: string | undefined): Promise<void> {
  const conversation = await current(account, contact, channel);
  if (conversation.state !== 'secure') {
    throw new Failure(`the conversation with ${clean(contact)} was secured, and is ${conversation.state} now`, { next: [`Begin anew: hushctl secure ${clean(contact)}.`] });
  }
  show(ctl, conversation);
}

/** The best conversation with a contact as it is now. */
async function current(account: Account, contact: string, channel: string | undefined): Promise<Conversation> {
  const [conversation] = await conversationsWith(account, contact, channel);
  if (conversation === undefined) throw new Failure(`the conversation with ${clean(contact)} is gone already`, { next: [`Begin anew: hushctl secure ${clean(contact)}.`] });
  return conversation;
}

function show(ctl: Ctl, conversation: Conversation): void {
  ctl.result(conversation, () => summary(ctl, conversation));
}

function summary({ terminal: { paint } }: Ctl, conversation: Conversation): string[] {
  const { contact, claims, required, trust } = conversation;
  const held = Object.keys(claims).filter((claim) => claims[claim] === true);
  const missing = required.filter((claim) => claims[claim] !== true);
  const who = clean(contact);
  const lines = [`${who}  ${stateText(conversation, paint)}`];
  if (conversation.state === 'ended') lines.push(`Nothing can be sent there any more. To go on: hushctl secure ${who}`);
  if (conversation.state !== 'secure') return lines;
  lines.push(`proved: ${held.join(', ')}`);
  if (missing.length > 0) lines.push(paint('yellow', `Nothing can be sent until it is ${missing.join(', ')}: hushctl verify ${who}`));
  else if (trust !== 'verified') lines.push(`Who is at the other end is not verified yet: hushctl verify ${who}`);
  return lines;
}
