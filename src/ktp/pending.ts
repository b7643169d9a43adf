/** The messages of a channel that nobody has acknowledged, kept level with the channel. Channel.Interface.Messages */
import type { Remote } from '../bus/remote.ts';
import type { VariantMap } from '../bus/types.ts';
import { MESSAGES } from './names.ts';

/** Parts of one message, as on the bus. */
export type Parts = VariantMap[];

export interface PendingListener {
  received(message: Parts): void;
  removed(ids: readonly number[]): void;
}

export class PendingMessages {
  /** By number; the oldest first. */
  readonly #messages = new Map<number, Parts>();
  /** Acknowledged while the list was asked for; undefined when it is here. */
  #removedEarly: Set<number> | undefined = new Set();
  readonly #stops: readonly (() => void)[];

  constructor(channel: Pick<Remote, 'on'>, listener: PendingListener) {
    this.#stops = [
      channel.on(MESSAGES, 'MessageReceived', (message) => {
        const id = idOf(message);
        if (id !== undefined) this.#messages.set(id, message);
        listener.received(message);
      }),
      channel.on(MESSAGES, 'PendingMessagesRemoved', (ids) => {
        for (const id of ids) {
          this.#messages.delete(id);
          this.#removedEarly?.add(id);
        }
        listener.removed(ids);
      }),
    ];
  }

  get all(): Parts[] {
    return [...this.#messages.values()];
  }

  /** Fetches what was there before. Signals are listened to already, so nothing falls between; what comes twice counts once. */
  async load(channel: Pick<Remote, 'get'>): Promise<void> {
    const snapshot = await channel.get(MESSAGES, 'PendingMessages');
    const later = [...this.#messages];
    this.#messages.clear();
    for (const message of snapshot) {
      const id = idOf(message);
      if (id !== undefined && this.#removedEarly?.has(id) !== true) this.#messages.set(id, message);
    }
    for (const [id, message] of later) this.#messages.set(id, message);
    this.#removedEarly = undefined;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}

function idOf([header]: Parts): number | undefined {
  const id = header?.get('pending-message-id')?.value;
  return typeof id === 'number' ? id : undefined;
}
