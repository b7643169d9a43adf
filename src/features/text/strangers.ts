/** Room for those whom the user neither has on the list nor has answered: enough to be noticed, too little to bury everybody else. */
import type { BareJid } from '../../xmpp/jid.ts';
import type { Account } from '../feature.ts';
import type { TextChannel } from './text-channel.ts';

/** Channels of all strangers together, and what may wait unread in one of them. */
export const limits = { channels: 64, messages: 256, bytes: 256 * 1024 } as const;

export class Strangers {
  readonly #account: Account;

  constructor(account: Account) {
    this.#account = account;
  }

  /** Whether a message of this contact can be taken, `channels` being all there are. Of somebody who is no stranger: always. */
  hasRoomFor(peer: BareJid, channels: Iterable<TextChannel>): boolean {
    if (!this.#isStranger(peer)) return true;
    let count = 0;
    for (const { conversation, unreadSize } of channels) {
      if (conversation.peer === peer) return unreadSize.messages < limits.messages && unreadSize.bytes < limits.bytes;
      if (this.#isStranger(conversation.peer)) count += 1;
    }
    return count < limits.channels;
  }

  #isStranger(peer: BareJid): boolean {
    const { client, conversations, roster } = this.#account;
    return peer !== client.account && peer !== client.domain && !roster.items.has(peer) && !conversations.isWanted(peer);
  }
}
