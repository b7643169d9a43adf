/** The messages of a text channel, under the present and the old API. Telepathy specification, Channel.Interface.Messages and Channel.Type.Text. */
import type { Call, Implementation } from '../bus/object.ts';
import { bool, i64, str, u32 } from '../bus/types.ts';
import { demand } from '../errors.ts';
import type { BaseChannel } from './base-channel.ts';
import { MESSAGES, TEXT } from './constants.ts';
import { isFailure, reportParts, sendErrorOf } from './delivery-report.ts';
import type { DeliveryReport } from './delivery-report.ts';
import type { Handle } from './handles.ts';
import { asText, checkOutgoing, header } from './message-parts.ts';
import type { MessagePart, MessageParts, OutgoingMessage, SendingLimits } from './message-parts.ts';
import { PendingMessages } from './pending-messages.ts';

/** A message of a client on its way. */
export interface Submission extends OutgoingMessage {
  /** Sum of those `SendingFlag`s that the channel supports. */
  readonly flags: number;
  readonly token: string;
}

export interface TextOptions extends SendingLimits {
  /** Who we are in this channel. */
  readonly self: Handle;
  /** Sum of `ReportSupport` */
  readonly reportSupport: number;
  /** Unread messages of the channel that this one takes the place of, from its `takePending`. */
  readonly rescued?: readonly MessageParts[];
  /** A token for the next message; unique. */
  token(): string;
  /**
   * Takes a message. Rejecting fails the client's call. Once it settles the client has the token: call `sent` when the message has left, then or later;
   * if it cannot leave any more, `deliveryReport`.
   */
  send(message: Submission): Promise<void>;
  /** There was no place for this received message, so no client will ever see it: tell its sender. */
  onFull(parts: MessageParts): void;
}

export class TextMessages {
  readonly #channel: BaseChannel;
  readonly #options: TextOptions;
  readonly #pending = new PendingMessages();
  /** By token: what must wait for the reply that tells the client this token. */
  readonly #heldBack = new Map<string, (() => void)[]>();

  /** Adds both interfaces to a channel that is not exported yet. */
  constructor(channel: BaseChannel, options: TextOptions) {
    this.#channel = channel;
    this.#options = options;
    for (const parts of options.rescued ?? []) this.#store(parts);
    channel.addInterface(TEXT, this.#text());
    channel.addInterface(MESSAGES, this.#messages());
  }

  /** The messages nobody has acknowledged, oldest first, as clients see them. */
  get pending(): readonly MessageParts[] {
    return this.#pending.entries.map(([, parts]) => parts);
  }

  /** How many they are, and their bytes together. */
  get pendingSize(): { readonly messages: number; readonly bytes: number } {
    return this.#pending.size;
  }

  /**
   * A message came: it is pending until a client acknowledges it. The header needs `message-sender` (u) where there is one; the time and the identifiers are added.
   * Returns its identifier, or 0 if `maxPending` or `maxPendingBytes` are reached: then `onFull` is called and clients get LostMessage.
   */
  received(parts: MessageParts): number {
    const { object } = this.#channel;
    if (this.#pending.isFullFor(parts)) {
      object.emit(TEXT, 'LostMessage');
      this.#options.onFull(parts);
      return 0;
    }
    const [id, message] = this.#store(parts);
    object.emit(TEXT, 'Received', ...asPendingText(id, message));
    object.emit(MESSAGES, 'MessageReceived', message);
    return id;
  }

  /** A message has left: of this client, with the token it was given, or of another client of the same account. Clients learn of it after they know the token. */
  sent(parts: MessageParts, flags: number, token: string): void {
    const [head, ...body] = parts;
    const { self } = this.#options;
    const message: MessagePart[] = [
      new Map([['message-sent', i64(now())], ...(head ?? []), ['message-token', str(token)], ['message-sender', u32(self)], ['message-sender-id', str(this.#id(self))]]),
      ...body,
    ];
    const emit = (): void => {
      const { type, text } = asText(message);
      this.#channel.object.emit(MESSAGES, 'MessageSent', message, flags, token);
      this.#channel.object.emit(TEXT, 'Sent', timestamp(message, 'message-sent'), type, text);
    };
    const heldBack = this.#heldBack.get(token);
    if (heldBack === undefined) emit();
    else heldBack.push(emit);
  }

  /** Tells clients what became of a message, as a received message; a failure by SendError too. Returns its identifier like `received`. */
  deliveryReport(report: DeliveryReport): number {
    const id = this.received(reportParts(report));
    if (isFailure(report)) {
      const echo = report.echo ?? [];
      const { type, text } = asText(echo);
      this.#channel.object.emit(TEXT, 'SendError', sendErrorOf(report), timestamp(echo, 'message-sent'), type, text);
    }
    return id;
  }

  /** Marks messages as dealt with. Throws HushError('invalid-argument') if one of them is not pending, and then none is. */
  acknowledge(ids: readonly number[]): void {
    this.#pending.remove(ids);
    if (ids.length > 0) this.#channel.object.emit(MESSAGES, 'PendingMessagesRemoved', [...new Set(ids)]);
  }

  /** Takes all pending messages out of this channel, which is about to close, for the channel that follows it. */
  takePending(): MessageParts[] {
    const entries = this.#pending.entries;
    this.#pending.remove(entries.map(([id]) => id));
    return entries.map(([, [head, ...body]]) => {
      const rescued = new Map(head).set('rescued', bool(true));
      rescued.delete('pending-message-id');
      return [rescued, ...body];
    });
  }

  #store(parts: MessageParts): [id: number, message: MessageParts] {
    const [head, ...body] = parts;
    const id = this.#pending.nextId();
    const sender = header(parts, 'message-sender', 'u') ?? 0;
    const complete: MessagePart = new Map([['message-received', i64(now())], ...(sender === 0 ? [] : [['message-sender-id', str(this.#id(sender))] as const]), ...(head ?? []), ['pending-message-id', u32(id)]]);
    const message = [complete, ...body];
    this.#pending.add(id, message);
    return [id, message];
  }

  #id(handle: Handle): string {
    return this.#channel.connection.handles.id(handle);
  }

  async #send(call: Call, given: MessageParts, flags: number): Promise<string> {
    const message = checkOutgoing(given, this.#options);
    const token = this.#options.token();
    const heldBack: (() => void)[] = [];
    this.#heldBack.set(token, heldBack);
    try {
      // Each flag of sending is half the flag that says the channel supports it.
      await this.#options.send({ ...message, flags: flags & (this.#options.reportSupport >> 1), token });
    } catch (error) {
      this.#heldBack.delete(token);
      throw error;
    }
    call.afterReply(() => {
      this.#heldBack.delete(token);
      for (const emit of heldBack) emit();
    });
    return token;
  }

  #text(): Implementation<typeof TEXT> {
    return {
      methods: {
        AcknowledgePendingMessages: (_call, ids) => this.acknowledge(ids),
        GetMessageTypes: () => this.#options.messageTypes,
        ListPendingMessages: (_call, clear) => {
          const { entries } = this.#pending;
          if (clear) this.acknowledge(entries.map(([id]) => id));
          return entries.map(([id, parts]) => asPendingText(id, parts));
        },
        Send: async (call, type, text) => {
          const body: MessagePart = new Map([['content-type', str('text/plain')], ['content', str(text)]]);
          await this.#send(call, [new Map([['message-type', u32(type)]]), body], 0);
        },
      },
    };
  }

  #messages(): Implementation<typeof MESSAGES> {
    const { contentTypes, messageTypes, partSupport, reportSupport } = this.#options;
    return {
      methods: {
        SendMessage: (call, parts, flags) => this.#send(call, parts, flags),
        GetPendingMessageContent: (_call, id, indices) => {
          const parts = this.#pending.get(id);
          demand(parts !== undefined, 'invalid-argument', `there is no pending message ${id}`);
          for (const index of indices) demand(index > 0 && index < parts.length, 'invalid-argument', `message ${id} has no part ${index}`);
          return new Map(indices.flatMap((index) => {
            const content = parts[index]?.get('content');
            return content === undefined ? [] : [[index, content] as const];
          }));
        },
      },
      properties: {
        SupportedContentTypes: () => contentTypes,
        MessageTypes: () => messageTypes,
        MessagePartSupportFlags: () => partSupport,
        DeliveryReportingSupport: () => reportSupport,
        PendingMessages: () => this.pending,
      },
    };
  }
}

/** Seconds since 1970. */
function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** A time of a header as the old API has it: 32 bits, 0 for unknown. */
function timestamp(parts: MessageParts, name: 'message-sent' | 'message-received'): number {
  return Math.min(Math.max(Number(header(parts, name, 'x') ?? 0), 0), 0xffff_ffff);
}

/** Pending_Text_Message, (uuuuus). */
function asPendingText(id: number, parts: MessageParts): [id: number, timestamp: number, sender: number, type: number, flags: number, text: string] {
  const { type, flags, text } = asText(parts);
  return [id, timestamp(parts, 'message-received'), header(parts, 'message-sender', 'u') ?? 0, type, flags, text];
}
