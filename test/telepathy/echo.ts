/** A toy connection manager: protocol "echo-im", whose contacts say what is said to them. It has no network, so a test decides what the network does. */
import { Bus } from '../../src/bus/connection.ts';
import { escapeElement, str, u32 } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { BaseChannel } from '../../src/telepathy/base-channel.ts';
import { BaseConnection } from '../../src/telepathy/base-connection.ts';
import { contactChannelClass } from '../../src/telepathy/channel-request.ts';
import { ConnectionManager } from '../../src/telepathy/connection-manager.ts';
import { CHANNEL, HandleType, MessageType, ParameterFlag, ReportSupport, TEXT } from '../../src/telepathy/constants.ts';
import type { Handle } from '../../src/telepathy/handles.ts';
import type { MessageParts } from '../../src/telepathy/message-parts.ts';
import { TextMessages } from '../../src/telepathy/messages.ts';
import type { Submission } from '../../src/telepathy/messages.ts';
import type { ProtocolDefinition } from '../../src/telepathy/protocol-object.ts';
import type { ChannelAnswer, ChannelManager, ChannelRequest } from '../../src/telepathy/requests.ts';

/** What the network does; every test may put something else in. */
export interface Network {
  connect(signal: AbortSignal): Promise<void>;
  disconnect(): Promise<void>;
  /** Before a requested channel is made. */
  open(request: ChannelRequest): Promise<void>;
  /** undefined: say it was sent, and echo it. */
  send?: (message: Submission, texts: Conversation) => Promise<void>;
}

export function quietNetwork(): Network {
  return { connect: () => Promise.resolve(), disconnect: () => Promise.resolve(), open: () => Promise.resolve() };
}

export function normalize(id: string): string {
  if (!/^[a-z0-9@.]+$/i.test(id)) throw new HushError('invalid-handle', `'${id}' is no echo address`);
  return id.toLowerCase();
}

export interface Conversation {
  readonly channel: BaseChannel;
  readonly messages: TextMessages;
  /** Messages for which there was no place. */
  readonly refused: MessageParts[];
}

/** One account. */
export class EchoAccount implements ChannelManager {
  readonly classes = [contactChannelClass(TEXT, [`${CHANNEL}.Interface.Securable.Verified`])];
  readonly connection: BaseConnection;
  readonly conversations = new Map<Handle, Conversation>();
  readonly requests: ChannelRequest[] = [];
  readonly #network: Network;
  #channels = 0;

  constructor(bus: Bus, account: string, network: Network) {
    this.#network = network;
    this.connection = new BaseConnection({
      bus,
      manager: 'echo',
      protocol: 'echo-im',
      uniqueName: escapeElement(account),
      selfId: account,
      normalize,
      log: silentLog,
      lifecycle: { connect: (signal) => network.connect(signal), disconnect: () => network.disconnect() },
    });
    this.connection.requests.add(this);
  }

  async request(request: ChannelRequest): Promise<ChannelAnswer> {
    this.requests.push(request);
    await this.#network.open(request);
    const existing = this.conversations.get(request.target);
    if (existing === undefined) return { channel: this.open(request.target, true).channel, isNew: true };
    if (request.kind === 'create') throw new HushError('not-available', 'there is a channel already');
    return { channel: existing.channel, isNew: false };
  }

  open(target: Handle, requested: boolean, rescued: readonly MessageParts[] = []): Conversation {
    const { connection } = this;
    const channel: BaseChannel = new BaseChannel(connection, {
      name: `text${++this.#channels}`,
      type: TEXT,
      targetHandleType: HandleType.contact,
      target,
      targetId: connection.handles.id(target),
      requested,
      initiator: requested ? connection.selfHandle : target,
      onClose: () => {
        const unread = messages.takePending();
        channel.close();
        if (unread.length > 0) connection.requests.announce([this.open(target, false, unread).channel]);
      },
      onDestroy: () => undefined,
      onClosed: () => void this.conversations.delete(target),
    });
    const refused: MessageParts[] = [];
    const conversation: Conversation = {
      channel,
      refused,
      get messages() {
        return messages;
      },
    };
    const messages: TextMessages = new TextMessages(channel, {
      self: connection.selfHandle,
      messageTypes: [MessageType.normal, MessageType.action],
      contentTypes: ['text/plain'],
      partSupport: 0,
      reportSupport: ReportSupport.failures | ReportSupport.successes,
      rescued,
      token: () => `token-${++tokens}`,
      send: (message) => (this.#network.send ?? echo)(message, conversation),
      onFull: (parts) => void refused.push(parts),
    });
    this.conversations.set(target, conversation);
    channel.export();
    return conversation;
  }

  /** A contact says something. */
  incoming(from: string, text: string): Conversation {
    const { handles, requests } = this.connection;
    const target = handles.ensure(from);
    const existing = this.conversations.get(target);
    const conversation = existing ?? this.open(target, false);
    if (existing === undefined) requests.announce([conversation.channel]);
    conversation.messages.received([new Map([['message-type', u32(0)], ['message-sender', u32(target)]]), new Map([['content-type', str('text/plain')], ['content', str(text)]])]);
    return conversation;
  }
}

let tokens = 0;

function echo(message: Submission, { channel, messages }: Conversation): Promise<void> {
  messages.sent(message.parts, message.flags, message.token);
  messages.received([new Map([['message-sender', u32(channel.target)]]), ...message.parts.slice(1)]);
  return Promise.resolve();
}

export class EchoManager {
  readonly bus: Bus;
  readonly manager: ConnectionManager;
  readonly accounts: EchoAccount[] = [];
  /** For the accounts that are asked for from now on. */
  network = quietNetwork();
  /** Sees each of them before the connection is on the bus. */
  onAccount: (account: EchoAccount) => void = () => undefined;

  private constructor(bus: Bus, idleMs: number) {
    this.bus = bus;
    this.manager = new ConnectionManager({ bus, name: 'echo', protocols: [this.#protocol()], log: silentLog, idleMs });
  }

  static async start(address: string, idleMs = 5000): Promise<EchoManager> {
    const echo = new EchoManager(await Bus.open({ address, log: silentLog }), idleMs);
    await echo.manager.export();
    return echo;
  }

  async stop(): Promise<void> {
    await this.manager.close();
    this.bus.close();
  }

  #protocol(): ProtocolDefinition {
    return {
      name: 'echo-im',
      englishName: 'Echo',
      icon: 'im-echo',
      vcardField: 'x-echo',
      parameters: [
        { name: 'account', signature: 's', flags: ParameterFlag.required },
        { name: 'password', signature: 's', flags: ParameterFlag.secret },
        { name: 'port', signature: 'q', flags: 0, default: 7 },
      ],
      connectionInterfaces: ['org.freedesktop.Telepathy.Connection.Interface.Requests', 'org.freedesktop.Telepathy.Connection.Interface.Contacts'],
      authenticationTypes: [],
      classes: [contactChannelClass(TEXT)],
      statuses: new Map([['available', [2, true, true]], ['offline', [1, false, false]]]),
      avatars: { mimeTypes: ['image/png'], minimumWidth: 1, minimumHeight: 2, recommendedWidth: 3, recommendedHeight: 4, maximumWidth: 5, maximumHeight: 6, maximumBytes: 7 },
      addressing: {
        vcardFields: ['x-echo'],
        uriSchemes: ['echo'],
        normalizeVCardAddress: (_field, address) => normalize(address),
        normalizeUri: (uri) => `echo:${normalize(uri.slice(uri.indexOf(':') + 1))}`,
      },
      identify: (parameters) => normalize(String(parameters.get('account'))),
      normalize,
      newConnection: (parameters) => {
        const account = new EchoAccount(this.bus, normalize(String(parameters.get('account'))), this.network);
        this.accounts.push(account);
        this.onAccount(account);
        return Promise.resolve(account.connection);
      },
    };
  }
}
