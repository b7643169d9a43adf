/** The lock of one channel of hush: its claims and its peer's key, kept level, and what can be done about them. Channel.Interface.Securable, Channel.Interface.PeerAuthentication */
import type { Remote, Values } from '../bus/remote.ts';
import { BusError } from '../bus/connection.ts';
import { conditionOf, HushError } from '../errors.ts';
import type { Condition } from '../errors.ts';
import { encryptionError, passedOn, translated } from './failure.ts';
import { PEER_AUTHENTICATION, SECURABLE } from './names.ts';
import { TrustLevel, trustLevel } from './trust-level.ts';

/** What Secure says of a channel for which there is no way back. */
const deadly: ReadonlySet<Condition> = new Set(['terminated', 'cancelled', 'encryption-error']);

/** How comparing a secret ends. */
export type Conclusion = 'same' | 'different' | 'aborted' | 'cheated' | 'failed';

export interface LockListener {
  levelChanged(level: TrustLevel): void;
  secretRequested(question: string): void;
  secretConcluded(conclusion: Conclusion): void;
}

type Facts = Partial<Values<typeof SECURABLE> & Values<typeof PEER_AUTHENTICATION>>;

export class Lock {
  readonly #channel: Remote;
  readonly #listener: LockListener;
  readonly #stops: readonly (() => void)[];
  #facts: Facts = {};
  #told: TrustLevel = TrustLevel.notPrivate;
  /** An object, so that it is not mixed up with a later one in the same words. */
  #question: { readonly text: string } | undefined;
  /** The one that is being answered: nobody else is to be asked it. */
  #answering: { readonly text: string } | undefined;

  constructor(channel: Remote, listener: LockListener) {
    this.#channel = channel;
    this.#listener = listener;
    const learn = (changed: Facts): void => this.#learn({ ...this.#facts, ...changed });
    this.#stops = [
      channel.onChange(SECURABLE, learn),
      channel.onChange(PEER_AUTHENTICATION, (changed) => {
        if (changed.Question === '') this.#question = undefined;
        learn(changed);
      }),
      channel.on(PEER_AUTHENTICATION, 'SharedSecretRequested', (question) => {
        this.#question = { text: question };
        listener.secretRequested(question);
      }),
      channel.on(PEER_AUTHENTICATION, 'SharedSecretConcluded', (isVerified, error) => {
        this.#question = undefined;
        listener.secretConcluded(isVerified ? 'same' : conclusionOf(error));
      }),
    ];
  }

  get level(): TrustLevel {
    return this.#told;
  }

  get localFingerprint(): string {
    return this.#facts.LocalFingerprint ?? '';
  }

  get remoteFingerprint(): string {
    return this.#facts.RemoteFingerprint ?? '';
  }

  /** What the contact asks and waits for an answer to; may be '', which is a question too. undefined for nothing. */
  get question(): string | undefined {
    return this.#question === this.#answering ? undefined : this.#question?.text;
  }

  /** Whether this is the fingerprint of the contact's key in the session that lives. */
  isKey(fingerprint: string): boolean {
    return this.remoteFingerprint !== '' && spelling(this.remoteFingerprint) === spelling(fingerprint);
  }

  /** Fetches what holds now. Every change is signalled: what was signalled meanwhile is at least as new as what the answers say. */
  async load(channel: Remote): Promise<void> {
    const [claims, peer] = await Promise.all([channel.getAll(SECURABLE), channel.getAll(PEER_AUTHENTICATION)]);
    this.#learn({ ...claims, ...peer, ...this.#facts });
    const { Question: question = '' } = this.#facts;
    // One without words is only ever signalled.
    if (question !== '') this.#question ??= { text: question };
  }

  /** Secures the channel; false when it is over for good. Rejects with HushError 'proxy-encryption-error'. */
  async secure(): Promise<boolean> {
    const isFinished = this.level === TrustLevel.finished;
    try {
      await this.#channel.call(SECURABLE, 'Secure', []);
      return true;
    } catch (error) {
      const condition = error instanceof BusError ? conditionOf(error.name) : undefined;
      if (isFinished && condition !== undefined && deadly.has(condition)) return false;
      throw encryptionError(error);
    }
  }

  async end(): Promise<void> {
    await translated(this.#channel.call(SECURABLE, 'End'));
  }

  /** The user has compared this fingerprint, or says that it is not the contact's. Rejects with HushError 'invalid-argument' unless it is that of the live session. */
  async trust(fingerprint: string, isTrusted: boolean): Promise<void> {
    // The number before the fingerprint: whatever happens in between, only the key that both belong to is confirmed.
    const number = await translated(this.#channel.get(PEER_AUTHENTICATION, 'SafetyNumber'));
    const live = await translated(this.#channel.get(PEER_AUTHENTICATION, 'RemoteFingerprint'));
    if (live === '' || spelling(live) !== spelling(fingerprint)) throw new HushError('invalid-argument', 'this is not the fingerprint of the session');
    if (isTrusted) await translated(this.#channel.call(PEER_AUTHENTICATION, 'ConfirmSafetyNumber', number));
    // "I have not compared it" is no accusation where nothing was trusted.
    else if (this.level === TrustLevel.verified) await translated(this.#channel.call(PEER_AUTHENTICATION, 'Distrust'));
  }

  async startSecret(question: string, secret: string): Promise<void> {
    await translated(this.#channel.call(PEER_AUTHENTICATION, 'StartSharedSecret', question, secret));
  }

  async answerSecret(secret: string): Promise<void> {
    const question = this.#question;
    this.#answering = question;
    try {
      await translated(this.#channel.call(PEER_AUTHENTICATION, 'AnswerSharedSecret', secret));
      // That one without words is answered, no property tells.
      if (this.#question === question) this.#question = undefined;
    } finally {
      this.#answering = undefined;
    }
  }

  async abortSecret(): Promise<void> {
    try {
      await this.#channel.call(PEER_AUTHENTICATION, 'AbortSharedSecret');
    } catch (error) {
      // The window gives up on everything that its wizard leaves, begun or not.
      if (!(error instanceof BusError) || conditionOf(error.name) !== 'not-available') throw passedOn(error);
    }
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #learn(facts: Facts): void {
    this.#facts = facts;
    const level = trustLevel(facts);
    if (level === this.#told) return;
    this.#told = level;
    this.#listener.levelChanged(level);
  }
}

/** `error`: a D-Bus error name of SharedSecretConcluded. */
function conclusionOf(error: string): Conclusion {
  switch (conditionOf(error)) {
    case 'authentication-failed':
      return 'different';
    case 'cancelled':
    case 'rejected':
    case 'terminated':
      return 'aborted';
    // What an honest client never sends.
    case 'encryption-error':
      return 'cheated';
    default:
      return 'failed';
  }
}

/** Hexadecimal digits alone, in lower case. */
function spelling(fingerprint: string): string {
  return fingerprint.toLowerCase().replaceAll(/[^0-9a-f]/g, '');
}
