/** Messages that have left and may still be spoken of: by an error, a receipt, or the end of what carried them. */
import type { Conversation } from '../../security/conversation.ts';
import type { MessageParts } from '../../telepathy/message-parts.ts';

export interface SentMessage {
  readonly conversation: Conversation;
  /** Whether it left inside the session of the conversation; else in plaintext. */
  readonly isSealed: boolean;
  readonly id: string;
  readonly parts: MessageParts;
  readonly wantsReceipt: boolean;
}

/** The oldest are forgotten beyond this; what is said of them later is dropped. */
const maxRemembered = 16_384;

export class SentMessages {
  readonly #byKey = new Map<string, SentMessage>();

  add(message: SentMessage): void {
    this.#byKey.set(keyOf(message), message);
    if (this.#byKey.size <= maxRemembered) return;
    const [oldest] = this.#byKey.keys();
    if (oldest !== undefined) this.#byKey.delete(oldest);
  }

  /** The plaintext message with this id to this contact; it can be taken once. */
  takePlain(peer: string, id: string): SentMessage | undefined {
    return this.#take(plainKey(peer, id));
  }

  /** The message with this id that left inside the session of this conversation; it can be taken once. */
  takeSealed(conversation: Conversation, id: string): SentMessage | undefined {
    return this.#take(sealedKey(conversation, id));
  }

  /** All that left inside the session of this conversation and was not taken, oldest first. */
  takeAllSealed(conversation: Conversation): SentMessage[] {
    const all = [...this.#byKey.values()].filter((message) => message.isSealed && message.conversation === conversation);
    for (const message of all) this.#byKey.delete(keyOf(message));
    return all;
  }

  #take(key: string): SentMessage | undefined {
    const message = this.#byKey.get(key);
    this.#byKey.delete(key);
    return message;
  }
}

/** A space is in no bare JID and in no conversation's id, and no JID begins with a slash. */
const plainKey = (peer: string, id: string): string => `${peer} ${id}`;
const sealedKey = ({ id: conversation }: Conversation, id: string): string => `/${conversation} ${id}`;
const keyOf = ({ isSealed, conversation, id }: SentMessage): string => (isSealed ? sealedKey(conversation, id) : plainKey(conversation.peer, id));
