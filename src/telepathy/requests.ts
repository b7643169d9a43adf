/** Channels: who asks for them, which there are, and how they are announced. Telepathy specification, Connection.Interface.Requests. */
import { isDeepStrictEqual } from 'node:util';
import type { Call, Implementation } from '../bus/object.ts';
import { str, u32 } from '../bus/types.ts';
import type { ObjectPath, Variant, VariantMap } from '../bus/types.ts';
import { HushError, InvariantError } from '../errors.ts';
import type { BaseChannel } from './base-channel.ts';
import type { BaseConnection } from './base-connection.ts';
import { isOfClass, parseRequest } from './channel-request.ts';
import type { ChannelClass, RequestedChannel } from './channel-request.ts';
import { CHANNEL, CONNECTION, HandleType, REQUESTS } from './constants.ts';
import { PendingRequest } from './pending-request.ts';

export interface ChannelRequest extends RequestedChannel {
  readonly kind: 'create' | 'ensure';
  /** Aborted when every client that waits for the answer is gone, and when the connection ends. */
  readonly signal: AbortSignal;
}

/** Makes and keeps the channels of one kind. */
export interface ChannelManager {
  readonly classes: readonly ChannelClass[];
  /**
   * Answers a request of one of its classes with an exported channel that it did not announce itself, or with one that lives already. May take as long as it needs.
   * `isNew` only if this very request made the channel. HushErrors reach the client; a `create` for a channel of which there can be only one: 'not-available'.
   * undefined: not mine after all.
   */
  request(request: ChannelRequest): Promise<ChannelAnswer> | undefined;
}

export interface ChannelAnswer {
  readonly channel: BaseChannel;
  readonly isNew: boolean;
}

export class Requests {
  readonly #connection: BaseConnection;
  readonly #managers: ChannelManager[] = [];
  readonly #pending = new Set<PendingRequest>();
  /** Exported and not closed. */
  readonly #open = new Set<BaseChannel>();
  readonly #announced = new Set<BaseChannel>();

  constructor(connection: BaseConnection) {
    this.#connection = connection;
  }

  add(manager: ChannelManager): void {
    this.#managers.push(manager);
  }

  /** The channels that clients know of. */
  get channels(): Iterable<BaseChannel> {
    return this.#announced.values();
  }

  get classes(): readonly ChannelClass[] {
    return this.#managers.flatMap((manager) => manager.classes);
  }

  /** Tells clients of channels that nobody asked for; several in one call belong together. Those that answer a request are announced by the request, after its reply. */
  announce(channels: readonly BaseChannel[]): void {
    for (const channel of channels) {
      if (!this.#open.has(channel) || this.#announced.has(channel)) throw new InvariantError(`${channel.path} cannot be announced`);
      this.#announced.add(channel);
    }
    const { object } = this.#connection;
    object.emit(REQUESTS, 'NewChannels', channels.map((channel) => [channel.path, channel.immutableProperties()]));
    for (const { path, type, targetHandleType, target, requested } of channels) object.emit(CONNECTION, 'NewChannel', path, type, targetHandleType, target, requested);
  }

  /** For BaseChannel: it is on the bus. */
  opened(channel: BaseChannel): void {
    this.#open.add(channel);
  }

  /** For BaseChannel: it has just said Closed. */
  closed(channel: BaseChannel): void {
    this.#open.delete(channel);
    if (this.#announced.delete(channel)) this.#connection.object.emit(REQUESTS, 'ChannelClosed', channel.path);
  }

  /** For BaseConnection, when it ends: closes every channel, and fails every request. */
  end(): void {
    for (const channel of [...this.#open]) channel.close();
    for (const pending of this.#pending) pending.abort(new HushError('disconnected', 'the connection has ended'));
  }

  /** Connection.RequestChannel of the old API, as an EnsureChannel. */
  async requestOld(call: Call, type: string, handleType: number, handle: number): Promise<ObjectPath> {
    const properties: VariantMap = new Map<string, Variant>([[`${CHANNEL}.ChannelType`, str(type)], [`${CHANNEL}.TargetHandleType`, u32(handleType)]]);
    if (handleType !== HandleType.none || handle !== 0) properties.set(`${CHANNEL}.TargetHandle`, u32(handle));
    const { channel } = await this.#serve(call, 'ensure', properties);
    return channel.path;
  }

  get implementation(): Implementation<typeof REQUESTS> {
    return {
      methods: {
        CreateChannel: async (call, properties) => {
          const { channel } = await this.#serve(call, 'create', properties);
          return [channel.path, channel.immutableProperties()];
        },
        EnsureChannel: async (call, properties) => {
          const { channel, isYours } = await this.#serve(call, 'ensure', properties);
          return [isYours, channel.path, channel.immutableProperties()];
        },
      },
      properties: {
        Channels: () => [...this.#announced].map((channel) => [channel.path, channel.immutableProperties()]),
        RequestableChannelClasses: () => this.classes.map(({ fixed, allowed }) => [fixed, allowed]),
      },
    };
  }

  async #serve(call: Call, kind: 'create' | 'ensure', properties: VariantMap): Promise<{ channel: BaseChannel; isYours: boolean }> {
    this.#connection.requireConnected();
    const requested = parseRequest(properties, this.classes, this.#connection.handles);
    const similar = [...this.#pending].find(({ request, isWanted }) => isWanted && isDeepStrictEqual(request.properties, requested.properties));
    if (kind === 'ensure' && similar !== undefined) return similar.wait(call);
    const pending = new PendingRequest({ ...requested, kind }, (request) => this.#offer(request), (channel) => this.#answered(channel));
    this.#pending.add(pending);
    try {
      return await pending.wait(call);
    } finally {
      this.#pending.delete(pending);
    }
  }

  async #offer(request: ChannelRequest): Promise<ChannelAnswer> {
    for (const manager of this.#managers) {
      const isItsClass = manager.classes.some((candidate) => isOfClass(candidate, request));
      const answer = isItsClass ? manager.request(request) : undefined;
      if (answer !== undefined) return answer;
    }
    throw new HushError('not-implemented', 'no channel can be made for this request');
  }

  #answered(channel: BaseChannel): void {
    if (this.#open.has(channel) && !this.#announced.has(channel)) this.announce([channel]);
  }
}
