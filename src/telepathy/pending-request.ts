/** A request for a channel while its manager works on it, and the clients that wait: more than one when they ensure the same at the same time. */
import type { Call } from '../bus/object.ts';
import { asHushError, HushError } from '../errors.ts';
import type { BaseChannel } from './base-channel.ts';
import type { ChannelAnswer, ChannelRequest } from './requests.ts';

export class PendingRequest {
  readonly request: ChannelRequest;
  readonly #controller = new AbortController();
  readonly #answer: Promise<ChannelAnswer>;
  readonly #answered: (channel: BaseChannel) => void;
  /** In order of arrival. One leaves when its reply is out, or when it is gone. */
  readonly #callers = new Set<Call>();
  #channel: BaseChannel | undefined;

  /** `answered` is called when the channel is there and everybody who waited for it has the reply. */
  constructor(requested: Omit<ChannelRequest, 'signal'>, offer: (request: ChannelRequest) => Promise<ChannelAnswer>, answered: (channel: BaseChannel) => void) {
    const { signal } = this.#controller;
    this.request = { ...requested, signal };
    this.#answered = answered;
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(asHushError(signal.reason)), { once: true });
    });
    this.#answer = Promise.race([this.#offer(offer), aborted]);
  }

  /** True while a client waits; a request nobody waits for any more is cancelled, and cannot be joined. */
  get isWanted(): boolean {
    return this.#callers.size > 0;
  }

  /** Waits on behalf of one client. Of those who wait for a new channel the first is responsible for it: a CreateChannel always is, for it joins nobody. */
  async wait(call: Call): Promise<{ channel: BaseChannel; isYours: boolean }> {
    const leave = (): void => this.#leave(call);
    this.#callers.add(call);
    call.signal.addEventListener('abort', leave, { once: true });
    try {
      const { channel, isNew } = await this.#answer;
      const [first] = this.#callers;
      call.afterReply(leave);
      return { channel, isYours: isNew && first === call };
    } finally {
      call.signal.removeEventListener('abort', leave);
    }
  }

  /** Ends it with this error for all who wait. */
  abort(error: HushError): void {
    this.#controller.abort(error);
  }

  async #offer(offer: (request: ChannelRequest) => Promise<ChannelAnswer>): Promise<ChannelAnswer> {
    const answer = await offer(this.request);
    this.#channel = answer.channel;
    if (!this.isWanted) this.#answered(answer.channel);
    return answer;
  }

  #leave(call: Call): void {
    if (!this.#callers.delete(call) || this.isWanted) return;
    if (this.#channel === undefined) this.abort(new HushError('cancelled', 'nobody waits for this channel any more'));
    else this.#answered(this.#channel);
  }
}
