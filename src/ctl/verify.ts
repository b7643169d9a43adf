/** hushctl verify: who is at the other end of a secured conversation, by comparing numbers or by a secret. Channel.Interface.PeerAuthentication */
import type { Account } from './accounts.ts';
import { channelAt, conversationsWith } from './conversations.ts';
import type { Conversation } from './conversations.ts';
import type { Ctl } from './ctl.ts';
import { Failure, isCondition, remoteFailure } from './failure.ts';
import { clean, json, numberLines, qrCode } from './print.ts';
import type { Remote } from '../bus/remote.ts';
import { CHANNEL, PEER_AUTHENTICATION } from './interfaces.ts';
import { trustText } from './status.ts';
import { interruption } from './terminal.ts';

export interface VerifyOptions {
  readonly confirm?: string;
  readonly distrust?: true;
  readonly secret?: true;
  readonly question?: string;
  readonly abort?: true;
  readonly channel?: string;
}

export async function verify(ctl: Ctl, contact: string, options: VerifyOptions): Promise<void> {
  const account = await ctl.account();
  const conversation = await securedConversation(account, contact, options.channel);
  const channel = channelAt(account.connection, conversation.path);
  const who = clean(conversation.contact);
  if (options.abort) {
    await channel.call(PEER_AUTHENTICATION, 'AbortSharedSecret');
    ctl.result({ contact: conversation.contact, verified: conversation.trust === 'verified' }, () => [`the comparison with ${who} was given up`]);
  } else if (options.distrust) {
    await distrust(ctl, channel, conversation);
  } else if (options.confirm !== undefined) {
    await confirm(ctl, channel, conversation, options.confirm);
  } else if (options.secret) {
    await compareSecret(ctl, channel, conversation, options.question);
  } else {
    await compareNumber(ctl, channel, conversation);
  }
}

/** Throws Failure for options that do not go together. */
export function checkOptions({ confirm: digits, distrust: isDistrust, secret, question, abort }: VerifyOptions): void {
  const ways = [digits, isDistrust, secret, abort].filter((way) => way !== undefined);
  if (ways.length > 1) throw new Failure('--confirm, --distrust, --secret and --abort exclude each other', { exitCode: 2 });
  if (question !== undefined && !secret) throw new Failure('--question goes with --secret', { exitCode: 2 });
}

/** The one secured conversation with a contact. Throws Failure where there is none or several. */
async function securedConversation(account: Account, contact: string, channel: string | undefined): Promise<Conversation> {
  const secured = (await conversationsWith(account, contact, channel)).filter(({ state }) => state === 'secure');
  const [only] = secured;
  if (only === undefined) throw new Failure(`the conversation with ${clean(contact)} is not secured`, { next: [`Secure it first: hushctl secure ${clean(contact)}.`] });
  if (secured.length > 1) {
    throw new Failure(`several conversations with ${clean(contact)} are secured, one a device of theirs`, { exitCode: 2, next: [`Say which with --channel: ${secured.map((one) => one.channel).join(', ')}.`] });
  }
  return only;
}

/** Shows the number; asks whether it is the contact's, where somebody can answer. */
async function compareNumber(ctl: Ctl, channel: Remote, conversation: Conversation): Promise<void> {
  const { terminal } = ctl;
  const { contact, localFingerprint, remoteFingerprint, trust } = conversation;
  const who = clean(contact);
  const safetyNumber = await channel.get(PEER_AUTHENTICATION, 'SafetyNumber');
  if (ctl.isJson) {
    terminal.say(json({ ...conversation, safetyNumber }, 2));
    return;
  }
  if (safetyNumber === '') {
    throw new Failure('this conversation uses keys made for it alone, which have no safety number', { next: [`Compare a secret that only the two of you know: hushctl verify ${who} --secret.`] });
  }
  terminal.say(
    `${who}  ${trustText(trust, terminal.paint)}`,
    `their key  ${remoteFingerprint}`,
    `your key   ${localFingerprint}`,
    '',
    ...numberLines(safetyNumber).map((line) => `    ${terminal.paint('bold', line)}`),
    '',
    qrCode(safetyNumber.replaceAll(' ', ''), terminal.isColored),
    '',
  );
  if (trust === 'verified') return;
  terminal.say(`Compare these digits with what ${who} sees, on the phone or side by side, not in this conversation.`);
  if (!terminal.isInteractive) {
    terminal.note(`If they are the same: hushctl verify ${who} --confirm "${safetyNumber}"`, `If they are not:     hushctl verify ${who} --distrust`);
    return;
  }
  const answer = await terminal.choose('Are they the same?', ['yes', 'no', 'later']);
  if (answer === 'yes') await confirm(ctl, channel, conversation, safetyNumber);
  else if (answer === 'no') await distrust(ctl, channel, conversation);
  else terminal.say('Nothing has changed.');
}

async function confirm(ctl: Ctl, channel: Remote, { contact }: Conversation, digits: string): Promise<void> {
  const who = clean(contact);
  try {
    await channel.call(PEER_AUTHENTICATION, 'ConfirmSafetyNumber', digits.replaceAll(/\D/g, '').slice(0, 100));
  } catch (error) {
    if (!isCondition(error, 'invalid-argument')) throw error;
    throw new Failure(`this is not the safety number of the conversation with ${who}`, {
      next: [`Look at it once more: hushctl verify ${who}.`, `If ${who} really sees other digits, somebody is in between: hushctl verify ${who} --distrust.`],
    });
  }
  sayVerified(ctl, contact);
}

async function distrust(ctl: Ctl, channel: Remote, { contact }: Conversation): Promise<void> {
  const who = clean(contact);
  await channel.call(PEER_AUTHENTICATION, 'Distrust');
  ctl.result({ contact, verified: false }, () => [`The conversation is over, and its key is not trusted. Once you know more: hushctl peers ${who}, hushctl trust ${who}, hushctl forget ${who}.`]);
}

function sayVerified(ctl: Ctl, contact: string): void {
  ctl.result({ contact, verified: true }, () => [ctl.terminal.paint('green', `✓ ${clean(contact)} is verified`)]);
}

/** Answers what the contact asks, or else asks; then waits for what comes of it. */
async function compareSecret(ctl: Ctl, channel: Remote, { contact, question: asked }: Conversation, question: string | undefined): Promise<void> {
  const { terminal } = ctl;
  const who = clean(contact);
  if (asked !== '' && question !== undefined) {
    throw new Failure(`${who} asks already: ${clean(asked)}`, { next: [`Answer: hushctl verify ${who} --secret. To ask yourself, end that first: hushctl verify ${who} --abort.`] });
  }
  if (asked !== '') terminal.note(`${who} asks: ${clean(asked)}`);
  const secret = await terminal.secret(asked === '' ? `The secret that only you and ${who} know` : 'Your answer');
  const conclusion = new Conclusion(channel);
  const interrupted = interruption();
  try {
    await (asked === '' ? begin(channel, question, secret) : channel.call(PEER_AUTHENTICATION, 'AnswerSharedSecret', secret));
    terminal.note(asked === '' ? `Waiting until ${who} has answered (Ctrl-C gives up) …` : 'Waiting for the result …');
    const error = await Promise.race([conclusion.error, interrupted.happened.then(() => undefined)]);
    if (error === undefined) {
      await channel.call(PEER_AUTHENTICATION, 'AbortSharedSecret');
      throw new Failure('given up');
    }
    if (error !== '') throw secretFailure(error, who);
  } finally {
    conclusion.stop();
    interrupted.stop();
  }
  sayVerified(ctl, contact);
}

/** The contact may have asked without a question, which cannot be seen: then the same secret is the answer. */
async function begin(channel: Remote, question: string | undefined, secret: string): Promise<void> {
  try {
    await channel.call(PEER_AUTHENTICATION, 'StartSharedSecret', question ?? '', secret);
  } catch (error) {
    if (question !== undefined || !isCondition(error, 'not-available')) throw error;
    await channel.call(PEER_AUTHENTICATION, 'AnswerSharedSecret', secret);
  }
}

function secretFailure(errorName: string, who: string): Failure {
  const { next, message } = remoteFailure(errorName, '', who);
  const text = message === 'AuthenticationFailed' ? 'the two secrets are not the same: nothing is verified' : `nothing is verified: ${message}`;
  return new Failure(text, { errorName, next });
}

/** What comes of a comparison: '' or the name of an error. Fails when the channel goes before. */
class Conclusion {
  readonly error: Promise<string>;
  readonly #stops: readonly (() => void)[];

  constructor(channel: Remote) {
    let conclude: (error: string) => void = () => undefined;
    let fail: (failure: Failure) => void = () => undefined;
    this.error = new Promise((resolve, reject) => {
      conclude = resolve;
      fail = reject;
    });
    // Nobody waits when the comparison does not even begin.
    this.error.catch(() => undefined);
    const gone = (): void => fail(new Failure('the conversation was closed before there was a result', { next: ['See what came of it: hushctl peers.'] }));
    this.#stops = [
      channel.on(PEER_AUTHENTICATION, 'SharedSecretConcluded', (isVerified, error) => conclude(isVerified ? '' : error)),
      channel.on(CHANNEL, 'Closed', gone),
      channel.bus.watchName(channel.busName, (owner) => {
        if (owner === '') gone();
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
