/** Text channels to contacts: RFC 6121 §5 messages behind Channel.Type.Text. */
import { HushError } from '../../errors.ts';
import { Conversation } from '../../security/conversation.ts';
import type { Opened } from '../../security/gate.ts';
import { contactChannelClass } from '../../telepathy/channel-request.ts';
import { TEXT } from '../../telepathy/constants.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { MessageParts } from '../../telepathy/message-parts.ts';
import type { ChannelAnswer, ChannelManager, ChannelRequest } from '../../telepathy/requests.ts';
import { child, xml } from '../../xmpp/element.ts';
import type { Element } from '../../xmpp/element.ts';
import { bareOf, isFull } from '../../xmpp/jid.ts';
import type { BareJid, Jid } from '../../xmpp/jid.ts';
import { errorOf, StanzaErrorReply } from '../../xmpp/stanza-error.ts';
import { CHAT_STATES } from '../../xmpp/xep0085-chat-states.ts';
import { receipt, readReceipt, RECEIPTS, wantsReceipt } from '../../xmpp/xep0184-receipts.ts';
import { readDelay } from '../../xmpp/xep0203-delay.ts';
import { Carbons } from '../../xmpp/xep0280-carbons.ts';
import type { Account, Feature } from '../feature.ts';
import { SentMessages } from './sent-messages.ts';
import { readText } from './stanza.ts';
import { TextChannel } from './text-channel.ts';

const classes = [contactChannelClass(TEXT)];

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
  readonly #channelByPeer = new Map<BareJid, TextChannel>();
  readonly #sent = new SentMessages();
  #count = 0;

  constructor(account: Account) {
    this.#account = account;
    this.#carbons = new Carbons(account.client);
  }

  attach(): void {
    const { client, connection, disco, gate, presence, settings } = this.#account;
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
    presence.events.on('changed', (jid) => this.#channelByPeer.get(bareOf(jid))?.presenceChanged());
    if (settings.carbons) connection.events.on('beforeConnected', () => connection.tasks.run('carbons', () => this.#carbons.enable()));
  }

  request(request: ChannelRequest): Promise<ChannelAnswer> {
    const peer = this.#account.jidOf(request.target);
    const existing = this.#channelByPeer.get(peer);
    if (existing === undefined) {
      const opened = this.#open(peer, { requested: true, initiator: this.#account.connection.selfHandle });
      return Promise.resolve({ channel: opened.channel, isNew: true });
    }
    if (request.kind === 'create') return Promise.reject(new HushError('not-available', `there is a text channel to ${peer} already`));
    return Promise.resolve({ channel: existing.channel, isNew: false });
  }

  #open(peer: BareJid, options: { requested: boolean; initiator: Handle; rescued?: readonly MessageParts[] }): TextChannel {
    this.#count += 1;
    const channel: TextChannel = new TextChannel({
      ...options,
      account: this.#account,
      conversation: new Conversation(peer),
      name: `Text${this.#count}`,
      sent: this.#sent,
      onUnread: (rescued) => this.#incoming(peer, rescued),
      onClosed: () => {
        if (this.#channelByPeer.get(peer) === channel) this.#channelByPeer.delete(peer);
      },
      onFull: () => this.#account.log.warn({ peer }, 'a message was lost: nobody reads this channel'),
    });
    this.#channelByPeer.set(peer, channel);
    return channel;
  }

  /** The contact's channel; a new one, which the contact opens by what came, is announced. */
  #incoming(peer: BareJid, rescued?: readonly MessageParts[]): TextChannel {
    const existing = this.#channelByPeer.get(peer);
    if (existing !== undefined) return existing;
    const opened = this.#open(peer, { requested: false, initiator: this.#account.handleOf(peer), ...(rescued && { rescued }) });
    this.#account.connection.requests.announce([opened.channel]);
    return opened;
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

  #opened(opened: Opened): void {
    const { message, from, origin } = opened;
    if (child(message, 'x', ROOM_USER) !== undefined) {
      this.#account.log.info({ from }, 'a message from a chat room was dropped');
    } else if (message.attrs.type === 'error') {
      if (origin === 'direct') this.#failed(message, from);
    } else if (message.attrs.type === 'groupchat') {
      this.#account.log.debug({ from }, 'a group chat message was dropped');
    } else if (origin === 'carbon-sent') {
      this.#sentElsewhere(opened);
    } else {
      this.#received(opened);
    }
  }

  #received(opened: Opened): void {
    const { message, from, origin } = opened;
    const peer = bareOf(from);
    const acknowledged = readReceipt(message);
    const sent = acknowledged === undefined ? undefined : this.#sent.take(peer, acknowledged);
    if (sent !== undefined) this.#incoming(peer).report({ status: 'delivered', token: sent.id });
    const hasText = readText(message) !== undefined;
    const channel = hasText ? this.#incoming(peer) : this.#channelByPeer.get(peer);
    if (channel === undefined) return;
    // The contact has answered from this device: what follows goes there.
    if (origin === 'direct' && isFull(from)) channel.conversation.address = from;
    const isTaken = channel.received(opened);
    if (origin === 'direct' && isTaken) this.#acknowledge(channel, message, from);
  }

  /** Only who may see our presence learns that a message has reached this device. XEP-0184 §8 */
  #acknowledge({ conversation }: TextChannel, message: Element, from: Jid): void {
    const { gate, presence, roster } = this.#account;
    const id = wantsReceipt(message);
    if (id === undefined || presence.own === undefined || conversation.address !== from || !roster.isSubscriber(conversation.peer)) return;
    gate.seal(conversation, xml('message', { type: message.attrs.type }, receipt(id)));
  }

  #sentElsewhere(opened: Opened): void {
    const to = this.#carbonTarget(opened.message);
    // Without a channel there is nobody to show it to; opening a window for what the user wrote elsewhere would only be in the way.
    if (to !== undefined) this.#channelByPeer.get(to)?.sentElsewhere(opened);
  }

  #carbonTarget(message: Element): BareJid | undefined {
    const { to } = message.attrs;
    return to === undefined ? undefined : this.#account.jidOf(this.#account.connection.handles.ensure(to));
  }

  /** An error came back. One that names no message of ours is nobody's business. */
  #failed(message: Element, from: Jid): void {
    const peer = bareOf(from);
    const sent = this.#sent.take(peer, message.attrs.id ?? '');
    const channel = this.#channelByPeer.get(peer);
    if (channel !== undefined) channel.conversation.address = peer;
    if (sent === undefined) return;
    const stanzaError = errorOf(message);
    const status = stanzaError.type === 'wait' ? 'temporarily-failed' : 'permanently-failed';
    this.#incoming(peer).report({ status, token: sent.id, echo: sent.parts, error: new StanzaErrorReply(stanzaError) });
  }

  /** The stream has ended before the server had taken this. */
  #undelivered(stanza: Element): void {
    const { to, id } = stanza.attrs;
    if (stanza.name !== 'message' || to === undefined || id === undefined) return;
    const peer = this.#carbonTarget(stanza);
    const sent = peer && this.#sent.take(peer, id);
    if (peer === undefined || sent === undefined) return;
    const error = new HushError('connection-lost', 'the connection was lost before the server had the message');
    this.#incoming(peer).report({ status: 'temporarily-failed', token: sent.id, echo: sent.parts, error });
  }
}
