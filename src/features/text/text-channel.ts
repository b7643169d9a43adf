/** One text channel: a conversation with one contact, as Telepathy shows it. */
import { randomUUID } from 'node:crypto';
import { i64, str, u32 } from '../../bus/types.ts';
import type { Variant } from '../../bus/types.ts';
import type { HushError } from '../../errors.ts';
import type { Conversation } from '../../security/conversation.ts';
import type { Opened } from '../../security/gate.ts';
import { BaseChannel } from '../../telepathy/base-channel.ts';
import { HandleType, MessageType, ReportSupport, SendingFlag, TEXT } from '../../telepathy/constants.ts';
import type { DeliveryReport } from '../../telepathy/delivery-report.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { MessageParts } from '../../telepathy/message-parts.ts';
import { TextMessages } from '../../telepathy/messages.ts';
import type { Submission } from '../../telepathy/messages.ts';
import { CHAT_STATES } from '../../xmpp/xep0085-chat-states.ts';
import { isFull } from '../../xmpp/jid.ts';
import type { Account } from '../feature.ts';
import { ChatStates } from './chat-states.ts';
import { addPeerAuthentication } from './peer-authentication.ts';
import type { PeerAuthentication } from './peer-authentication.ts';
import { addSecurable, immutableSecurity, securityHeaders } from './securable.ts';
import type { SentMessage, SentMessages } from './sent-messages.ts';
import { checkText, readState, readText, stateMessage, textMessage } from './stanza.ts';

export interface TextChannelOptions {
  readonly account: Account;
  readonly conversation: Conversation;
  /** Last element of the path. */
  readonly name: string;
  readonly requested: boolean;
  readonly initiator: Handle;
  readonly sent: SentMessages;
  /** Unread messages of the channel before it. */
  readonly rescued?: readonly MessageParts[];
  /** It is gone, by whomever. `unread`: what moves on to the channel that follows, because a client closed this one before it was read. */
  onClosed(unread: readonly MessageParts[]): void;
  /** A message that waited, in this channel or one closed meanwhile, cannot leave. */
  onFailed(message: SentMessage, error: HushError): void;
  /** A received message found no place. */
  onFull(parts: MessageParts): void;
}

export class TextChannel {
  readonly conversation: Conversation;
  readonly channel: BaseChannel;
  readonly #options: TextChannelOptions;
  readonly #messages: TextMessages;
  readonly #states: ChatStates;
  readonly #peer: PeerAuthentication;
  readonly #updateSecurity: () => void;
  #unread: readonly MessageParts[] = [];

  constructor(options: TextChannelOptions) {
    const { account, conversation, rescued } = options;
    const peer = account.handleOf(conversation.peer);
    this.#options = options;
    this.conversation = conversation;
    this.channel = new BaseChannel(account.connection, {
      name: options.name,
      type: TEXT,
      targetHandleType: HandleType.contact,
      target: peer,
      targetId: conversation.peer,
      requested: options.requested,
      initiator: options.initiator,
      immutable: immutableSecurity(conversation),
      onClose: () => this.close(),
      onDestroy: () => this.#destroy(),
      onClosed: () => {
        stopListening();
        options.onClosed(this.#unread);
      },
    });
    this.#messages = new TextMessages(this.channel, {
      self: account.connection.selfHandle,
      messageTypes: [MessageType.normal, MessageType.action, MessageType.notice],
      contentTypes: ['text/plain'],
      partSupport: 0,
      reportSupport: ReportSupport.failures | ReportSupport.successes,
      ...(rescued && { rescued }),
      token: randomUUID,
      send: (message) => this.#send(message),
      onFull: (parts) => options.onFull(parts),
    });
    this.#states = new ChatStates({
      channel: this.channel,
      self: account.connection.selfHandle,
      peer,
      isAnnounced: () => this.#isAnnounced(CHAT_STATES),
      send: (state) => account.gate.sealPassing(conversation, stateMessage(state)),
    });
    this.#updateSecurity = addSecurable(this.channel, account, conversation);
    this.#peer = addPeerAuthentication(this.channel, account, conversation);
    const stopListening = conversation.listen({
      changed: () => this.securityChanged(),
      secretRequested: (question) => {
        this.#peer.requested(question);
        account.notices.show('secret-requested', conversation.peer);
      },
      secretConcluded: (error) => this.#peer.concluded(error),
    });
    this.channel.export();
  }

  /** What moves on to the channel that follows, once it is closed. */
  get unread(): readonly MessageParts[] {
    return this.#unread;
  }
  get hasUnread(): boolean {
    return this.#messages.pendingSize.messages > 0;
  }
  /** How much waits to be read. */
  get unreadSize(): { readonly messages: number; readonly bytes: number } {
    return this.#messages.pendingSize;
  }

  /** A message of the contact. Whether it had a text that is now waiting to be read. */
  received(opened: Opened): boolean {
    const text = readText(opened.message);
    this.#states.received(readState(opened.message), text !== undefined);
    if (text === undefined) return false;
    const header = new Map<string, Variant>([
      ['message-sender', u32(this.channel.target)],
      ['message-type', u32(text.type)],
      ...securityHeaders(opened.mechanism, opened.claims),
    ]);
    const { id } = opened.message.attrs;
    if (id !== undefined && id !== '') header.set('message-token', str(id));
    if (opened.sentAt !== undefined) header.set('message-sent', i64(Math.floor(opened.sentAt.getTime() / 1000)));
    if (text.subject !== '') header.set('subject', str(text.subject));
    return this.#messages.received([header, textPart(text.content)]) !== 0;
  }

  /** A message that another device of ours sent to the contact. */
  sentElsewhere(opened: Opened): void {
    const text = readText(opened.message);
    if (text === undefined) return;
    this.#messages.sent([new Map([['message-type', u32(text.type)]]), textPart(text.content)], 0, opened.message.attrs.id ?? '');
  }

  report(report: Omit<DeliveryReport, 'sender'>): void {
    this.#messages.deliveryReport({ ...report, sender: this.channel.target });
  }

  /** The contact may be talking from another device from now on. RFC 6121 §5.1 */
  presenceChanged(): void {
    this.conversation.address = this.conversation.peer;
    this.#states.forget();
  }

  /** Claims, state, what could be started, or trust may be different. */
  securityChanged(): void {
    this.#updateSecurity();
    this.#peer.update();
  }

  /** Async so that what it throws is the answer to the call. */
  // eslint-disable-next-line @typescript-eslint/require-await
  async #send(message: Submission): Promise<void> {
    const { account, sent } = this.#options;
    const { conversation } = this;
    const { parts, token, flags } = message;
    checkText(message.content);
    const wantsReceipt = (flags & SendingFlag.reportDelivery) !== 0;
    const state = message.type === MessageType.notice ? undefined : this.#states.withText();
    // First: what the user writes may be what begins to secure the conversation.
    account.conversations.used(conversation);
    account.gate.seal(conversation, textMessage(message, { id: token, wantsReceipt, state }), {
      left: ({ id, mechanism }) => {
        sent.add({ conversation, isSealed: mechanism !== '', id, parts, wantsReceipt });
        if (!this.channel.isClosed) this.#messages.sent(parts, flags, token);
      },
      failed: (error) => this.#options.onFailed({ conversation, isSealed: false, id: token, parts, wantsReceipt }, error),
    });
  }

  #isAnnounced(feature: string): boolean {
    const { address, peer } = this.conversation;
    const best = isFull(address) ? address : this.#options.account.presence.best(peer)?.jid;
    return best !== undefined && isFull(best) && this.#options.account.caps.of(best)?.features.has(feature) === true;
  }

  /** What is unread moves on to the channel that follows. */
  close(): void {
    this.#states.leave();
    this.#unread = this.#messages.takePending();
    this.channel.close();
  }

  /** Nothing moves on, and a session ends with it. */
  async #destroy(): Promise<void> {
    this.#states.leave();
    if (this.conversation.session !== undefined) await this.#options.account.conversations.end(this.conversation);
  }
}

function textPart(content: string): Map<string, Variant> {
  return new Map([
    ['content-type', str('text/plain')],
    ['content', str(content)],
  ]);
}
