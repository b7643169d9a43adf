/** Text channels to contacts: conversations of the security core behind Channel.Type.Text. RFC 6121 §5 */
import { asHushError, HushError } from '../../errors.ts';
import type { Conversation } from '../../security/conversation.ts';
import { SecurityState } from '../../security/conversation.ts';
import type { Opened } from '../../security/gate.ts';
import { offSwitchRefusal } from '../../security/policy.ts';
import type { MessageParts } from '../../telepathy/message-parts.ts';
import type { ChannelAnswer, ChannelManager, ChannelRequest } from '../../telepathy/requests.ts';
import { child, xml } from '../../xmpp/element.ts';
import type { Element } from '../../xmpp/element.ts';
import { bareOf, isFull, tryJid } from '../../xmpp/jid.ts';
import type { BareJid, Jid } from '../../xmpp/jid.ts';
import { errorElement, errorOf, stanzaError, StanzaErrorReply } from '../../xmpp/stanza-error.ts';
import { CHAT_STATES } from '../../xmpp/xep0085-chat-states.ts';
import { receipt, readReceipt, RECEIPTS, wantsReceipt } from '../../xmpp/xep0184-receipts.ts';
import { readDelay } from '../../xmpp/xep0203-delay.ts';
import { Carbons } from '../../xmpp/xep0280-carbons.ts';
import type { Account, Feature } from '../feature.ts';
import { anyText, securedText } from '../text-classes.ts';
import { readSecurityRequest } from './securable.ts';
import type { SecurityRequest } from './securable.ts';
import { SentMessages } from './sent-messages.ts';
import type { SentMessage } from './sent-messages.ts';
import { readText } from './stanza.ts';
import { Strangers } from './strangers.ts';
import { TextChannel } from './text-channel.ts';

const classes = [anyText, securedText];

/** Marks what a chat room sends on behalf of someone in it: its addresses are no contacts. XEP-0045 §7.5 */
const ROOM_USER = 'http://jabber.org/protocol/muc#user';

export const text: Feature = {
  interfaces: [],
  classes,
  attach(account) {
    new TextChannels(account).attach();
  },
};

class TextChannels implements ChannelManager {
  readonly classes = classes;
  readonly #account: Account;
  readonly #carbons: Carbons;
  readonly #channels = new Map<Conversation, TextChannel>();
  readonly #sent = new SentMessages();
  /** Conversations that are listened to. */
  readonly #followed = new WeakSet<Conversation>();
  readonly #strangers: Strangers;
  /** Contacts of whom the user was told that they are no longer secured. */
  readonly #warned = new Set<BareJid>();
  #count = 0;

  constructor(account: Account) {
    this.#account = account;
    this.#carbons = new Carbons(account.client);
    this.#strangers = new Strangers(account);
  }

  attach(): void {
    const { caps, client, connection, conversations, disco, gate, presence, settings, trust } = this.#account;
    connection.requests.add(this);
    disco.feature(CHAT_STATES);
    disco.feature(RECEIPTS);
    client.router.add({
      name: 'text',
      stanza: 'message',
      types: ['chat', 'normal', 'headline', 'error'],
      from: ['own-bare', 'own-full', 'own-other', 'server', 'subscriber', 'other'],
      handle: (message, { from }) => this.#arrived(message, from),
    });
    gate.onOpened((opened) => this.#opened(opened));
    client.events.on('undelivered', (stanzas) => {
      for (const stanza of stanzas) this.#undelivered(stanza);
    });
    connection.events.on('leaving', () => {
      for (const stanza of client.stranded) this.#undelivered(stanza);
    });
    presence.events.on('changed', (jid) => {
      const peer = bareOf(jid);
      for (const channel of this.#channelsOf(peer)) channel.presenceChanged();
      this.#abilitiesChanged(peer);
    });
    caps.events.on('changed', (jid) => this.#abilitiesChanged(bareOf(jid)));
    trust.events.on('trustChanged', (peer) => this.#abilitiesChanged(peer));
    conversations.listen({ fellBack: (conversation) => this.#warn(conversation) });
    if (settings.carbons) connection.events.on('beforeConnected', () => connection.tasks.run('carbons', () => this.#carbons.enable()));
  }

  request(request: ChannelRequest): Promise<ChannelAnswer> {
    return this.#request(this.#account.jidOf(request.target), request, readSecurityRequest(request.properties));
  }

  async #request(peer: BareJid, { kind, signal }: ChannelRequest, { demands, isOff }: SecurityRequest): Promise<ChannelAnswer> {
    const { conversations, connection, trust } = this.#account;
    if (isOff) {
      const refusal = offSwitchRefusal({ policy: trust.policyOf(peer), isStrict: trust.isStrict(peer) });
      if (refusal !== undefined) throw refusal;
    }
    const conversation = this.#find(peer, { demands, isOff });
    const existing = this.#channels.get(conversation);
    if (existing !== undefined && kind === 'create') throw new HushError('not-available', `there is such a text channel to ${peer} already`);
    if (demands.size > 0) {
      try {
        await conversations.secure(conversation, { demands, signal });
      } catch (error) {
        if (!this.#channels.has(conversation)) conversations.hidden(conversation);
        throw error;
      }
    }
    const shown = this.#channels.get(conversation);
    if (shown !== undefined) {
      conversations.shown(conversation, true);
      return { channel: shown.channel, isNew: false };
    }
    // A client replaces the channel of its window only when the old one is gone.
    const ended = [...conversations.of(peer)].filter(({ state }) => state === SecurityState.ended);
    const rescued = ended.flatMap((one) => this.#closeEnded(one));
    const opened = this.#open(conversation, { requested: true, initiator: connection.selfHandle, rescued });
    return { channel: opened.channel, isNew: true };
  }

  #find(peer: BareJid, { demands, isOff }: SecurityRequest): Conversation {
    const { conversations } = this.#account;
    if (isOff) return conversations.unsecured(peer) ?? conversations.create(peer, 'plain');
    if (demands.size === 0) return conversations.living(peer) ?? conversations.create(peer, 'securable');
    conversations.checkDemands(peer, demands);
    return conversations.securable(peer) ?? conversations.create(peer, 'securable');
  }

  /** Closes the channel of an ended conversation without a successor. Returns what was unread in it. */
  #closeEnded(conversation: Conversation): readonly MessageParts[] {
    const channel = this.#channels.get(conversation);
    if (channel === undefined) return [];
    this.#channels.delete(conversation);
    channel.close();
    this.#account.conversations.hidden(conversation);
    return channel.unread;
  }

  #open(conversation: Conversation, options: { requested: boolean; initiator: number; rescued: readonly MessageParts[] }): TextChannel {
    const { conversations, log } = this.#account;
    const { peer } = conversation;
    this.#count += 1;
    const channel: TextChannel = new TextChannel({
      ...options,
      account: this.#account,
      conversation,
      name: `Text${this.#count}`,
      sent: this.#sent,
      onClosed: (unread) => this.#closed(channel, unread),
      onFailed: (message, error) => this.#report(message, { status: 'permanently-failed', error }),
      onFull: () => log.warn({ peer }, 'a message found no place: nobody reads this channel'),
    });
    this.#channels.set(conversation, channel);
    this.#follow(conversation);
    conversations.shown(conversation, options.requested);
    return channel;
  }

  /** What becomes of messages is told as long as the conversation lives, which may be longer than the channel that sent them. */
  #follow(conversation: Conversation): void {
    if (this.#followed.has(conversation)) return;
    this.#followed.add(conversation);
    conversation.listen({
      delivered: (id) => this.#delivered(this.#sent.takeSealed(conversation, id)),
      ended: () => this.#lost(conversation),
    });
  }

  #closed(channel: TextChannel, unread: readonly MessageParts[]): void {
    const { conversation } = channel;
    const { conversations, connection } = this.#account;
    if (this.#channels.get(conversation) !== channel) return;
    this.#channels.delete(conversation);
    if (unread.length > 0 && connection.status !== 2) {
      this.#incoming(conversation, unread);
      return;
    }
    conversations.hidden(conversation);
    // Windows show one channel a contact: what waits unread in another, plaintext or what followed a session that was over for good, comes again now.
    if (connection.status === 2) return;
    for (const other of this.#channelsOf(conversation.peer)) if (other.hasUnread) other.close();
  }

  /** The channel of a conversation; a new one, which the contact opens by what came, is announced. */
  #incoming(conversation: Conversation, rescued: readonly MessageParts[] = []): TextChannel {
    const existing = this.#channels.get(conversation);
    if (existing !== undefined) return existing;
    const opened = this.#open(conversation, { requested: false, initiator: this.#account.handleOf(conversation.peer), rescued });
    this.#account.connection.requests.announce([opened.channel]);
    return opened;
  }

  #channelsOf(peer: BareJid): TextChannel[] {
    return [...this.#account.conversations.of(peer)].flatMap((conversation) => this.#channels.get(conversation) ?? []);
  }

  #abilitiesChanged(peer: BareJid): void {
    this.#account.conversations.consider(peer);
    for (const channel of this.#channelsOf(peer)) channel.securityChanged();
  }

  /** A message over the account's stream, on its way to the gate. */
  #arrived(message: Element, from: Jid): true {
    const { client, gate } = this.#account;
    const carbon = this.#carbons.unwrap(message);
    if (carbon === 'refused') this.#account.log.info({ from }, 'a copied message was refused');
    else if (carbon === undefined) gate.openPlain(message, from, 'direct', readDelay(message, [client.account, client.domain])?.stamp);
    else gate.openPlain(carbon.message, carbon.from, carbon.direction === 'sent' ? 'carbon-sent' : 'carbon-received', carbon.delay?.stamp);
    return true;
  }

  /** False: there was no place for it. */
  #opened(opened: Opened): boolean {
    // What had come and waited for its turn when the user left: there is no channel any more to show it in.
    if (this.#account.connection.hasEnded) return false;
    const { message, from, origin, conversation } = opened;
    if (conversation !== undefined) return this.#receivedIn(conversation, opened);
    if (child(message, 'x', ROOM_USER) !== undefined || message.attrs.type === 'groupchat') {
      this.#account.log.info({ from }, 'a message from a chat room was dropped');
    } else if (message.attrs.type === 'error') {
      if (origin === 'direct') this.#failed(message, from);
    } else if (origin === 'carbon-sent') {
      this.#sentElsewhere(opened);
    } else {
      this.#receivedPlain(opened);
    }
    return true;
  }

  #receivedIn(conversation: Conversation, opened: Opened): boolean {
    const hasText = readText(opened.message) !== undefined;
    const channel = hasText ? this.#incoming(conversation) : this.#channels.get(conversation);
    const isTaken = channel?.received(opened) ?? false;
    if (isFull(opened.from)) this.#account.conversations.used(conversation, opened.from);
    // Only what has a text can be lost.
    return isTaken || !hasText;
  }

  #receivedPlain(opened: Opened): void {
    const { conversations } = this.#account;
    const { message, from, origin } = opened;
    const peer = bareOf(from);
    const acknowledged = readReceipt(message);
    if (acknowledged !== undefined) this.#delivered(this.#sent.takePlain(peer, acknowledged));
    const hasText = readText(message) !== undefined;
    if (!hasText && this.#channelsOf(peer).length === 0) return;
    if (hasText && !this.#strangers.hasRoomFor(peer, this.#channels.values())) {
      this.#refuse(opened);
      return;
    }
    const conversation = conversations.forPlaintext(peer);
    const isNew = !this.#channels.has(conversation);
    if (!hasText && isNew) return;
    const channel = this.#incoming(conversation);
    // The contact has answered from this device: what follows goes there.
    if (origin === 'direct' && isFull(from)) {
      conversation.address = from;
      conversations.used(conversation, from);
      conversations.consider(peer);
    }
    const isTaken = channel.received(opened);
    if (hasText && !isTaken) this.#refuse(opened);
    if (hasText && isNew && conversation.kind === 'companion') this.#announcePlaintext(peer);
    else if (hasText) this.#warn(conversation);
    if (origin === 'direct' && isTaken) this.#acknowledge(channel, message, from);
  }

  /** There is no place for a message: its sender is told, so that it is not lost unnoticed, and may try again later. */
  #refuse(opened: Opened): void {
    const { client, gate, log } = this.#account;
    log.info({ from: opened.from }, 'a message was refused: there is no place for it');
    // Whoever wants to be seen by nobody is not given away by that.
    if (client.router.isHidden) return;
    gate.refuse(opened, xml('message', { type: 'error', id: opened.message.attrs.id }, errorElement(stanzaError('resource-constraint'))));
  }

  /** Windows show one channel a contact: that there is an unprotected message beside it has to be said. */
  #announcePlaintext(peer: BareJid): void {
    this.#account.notices.show('unprotected', peer);
  }

  /** Once: a contact who was secured before is talked to in plaintext. */
  #warn({ peer, state }: Conversation): void {
    const { trust } = this.#account;
    if (state !== SecurityState.insecure || !trust.wasSecured(peer) || this.#warned.has(peer)) return;
    this.#warned.add(peer);
    this.#account.notices.show('not-secured', peer);
  }

  /** Only who may see our presence learns that a message has reached this device. XEP-0184 §8 */
  #acknowledge({ conversation }: TextChannel, message: Element, from: Jid): void {
    const { client, gate, presence } = this.#account;
    const id = wantsReceipt(message);
    if (id === undefined || presence.own === undefined || conversation.address !== from || !client.router.isSeenBy(conversation.peer)) return;
    gate.sealPassing(conversation, xml('message', { type: message.attrs.type }, receipt(id)));
  }

  #sentElsewhere(opened: Opened): void {
    const to = tryJid(opened.message.attrs.to);
    if (to === undefined) return;
    // Without a channel there is nobody to show it to; opening a window for what the user wrote elsewhere would only be in the way.
    const plain = this.#channelsOf(bareOf(to)).find(({ conversation }) => conversation.claims.size === 0);
    plain?.sentElsewhere(opened);
  }

  #delivered(sent: SentMessage | undefined): void {
    if (sent?.wantsReceipt === true) this.#report(sent, { status: 'delivered' });
  }

  /** An error came back. One that names no plaintext message of ours is nobody's business. */
  #failed(message: Element, from: Jid): void {
    const peer = bareOf(from);
    const sent = this.#sent.takePlain(peer, message.attrs.id ?? '');
    if (sent === undefined) return;
    sent.conversation.address = peer;
    const stanzaError = errorOf(message);
    const status = stanzaError.type === 'wait' ? 'temporarily-failed' : 'permanently-failed';
    this.#report(sent, { status, error: new StanzaErrorReply(stanzaError) });
  }

  /** The stream has ended before the server had taken this. */
  #undelivered(stanza: Element): void {
    const to = tryJid(stanza.attrs.to);
    if (stanza.name !== 'message' || to === undefined) return;
    const sent = this.#sent.takePlain(bareOf(to), stanza.attrs.id ?? '');
    if (sent !== undefined) this.#report(sent, { status: 'temporarily-failed', error: new HushError('connection-lost', 'the connection was lost before the server had the message') });
  }

  /** A session is over: what was sent inside and never acknowledged may not have arrived. */
  #lost(conversation: Conversation): void {
    const error = new HushError('connection-lost', 'the secured conversation ended before the contact had acknowledged this message');
    for (const sent of this.#sent.takeAllSealed(conversation)) this.#report(sent, { status: 'temporarily-failed', error });
    const { endReason, peer, state } = conversation;
    if (!this.#channels.has(conversation)) return;
    // What the user did, and what a lost connection does to all of them, is no news.
    if (state === SecurityState.ended && (endReason === 'clean' || endReason === 'unauthenticated' || endReason === 'failed')) this.#account.notices.show('ended', peer);
  }

  /** In the channel that sent it, or in one that takes its place. */
  #report(sent: SentMessage, { status, error }: { status: 'delivered' | 'temporarily-failed' | 'permanently-failed'; error?: HushError }): void {
    const { conversations, connection } = this.#account;
    if (connection.status === 2) return;
    const { conversation, id, parts } = sent;
    const isFailure = status !== 'delivered';
    const channel = this.#channels.get(conversation) ?? (isFailure ? this.#incoming(conversations.living(conversation.peer) ?? conversations.create(conversation.peer, 'securable')) : undefined);
    channel?.report({ status, token: id, ...(isFailure && { echo: parts }), ...(error && { error: asHushError(error) }) });
  }
}
