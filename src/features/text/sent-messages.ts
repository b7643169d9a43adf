/** Messages that have left and may still be spoken of: by an error, a receipt, or the end of the stream. */
import type { MessageParts } from '../../telepathy/message-parts.ts';
import type { BareJid } from '../../xmpp/jid.ts';

export interface SentMessage {
  readonly peer: BareJid;
  readonly id: string;
  readonly parts: MessageParts;
}

/** The oldest are forgotten beyond this; what is said of them later is dropped. */
const maxRemembered = 4096;

export class SentMessages {
  readonly #byKey = new Map<string, SentMessage>();

  add(message: SentMessage): void {
    this.#byKey.set(key(message.peer, message.id), message);
    if (this.#byKey.size <= maxRemembered) return;
    const [oldest] = this.#byKey.keys();
    if (oldest !== undefined) this.#byKey.delete(oldest);
  }

  /** The message with this id to this contact; it can be taken once. */
  take(peer: BareJid, id: string): SentMessage | undefined {
    const message = this.#byKey.get(key(peer, id));
    this.#byKey.delete(key(peer, id));
    return message;
  }
}

/** A space is in no JID's domain, and a bare JID ends with it. */
function key(peer: BareJid, id: string): string {
  return `${peer} ${id}`;
}
