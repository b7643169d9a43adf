/** A Telepathy client in plain D-Bus calls: asks for connections and channels, and puts every signal of theirs into one queue. */
import type { Bus } from '../../src/bus/connection.ts';
import { interfaceTables } from '../../src/bus/interfaces.ts';
import type { InterfaceName } from '../../src/bus/interfaces.ts';
import { Variant } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { EventQueue } from './events.ts';
import type { HarnessEvent } from './events.ts';

const telepathy = 'org.freedesktop.Telepathy';
export const names = {
  manager: `${telepathy}.ConnectionManager`,
  connection: `${telepathy}.Connection`,
  requests: `${telepathy}.Connection.Interface.Requests`,
  contacts: `${telepathy}.Connection.Interface.Contacts`,
  contactList: `${telepathy}.Connection.Interface.ContactList`,
  contactGroups: `${telepathy}.Connection.Interface.ContactGroups`,
  presence: `${telepathy}.Connection.Interface.SimplePresence`,
  aliasing: `${telepathy}.Connection.Interface.Aliasing`,
  avatars: `${telepathy}.Connection.Interface.Avatars`,
  contactBlocking: `${telepathy}.Connection.Interface.ContactBlocking`,
  channel: `${telepathy}.Channel`,
  text: `${telepathy}.Channel.Type.Text`,
  messages: `${telepathy}.Channel.Interface.Messages`,
  chatState: `${telepathy}.Channel.Interface.ChatState`,
  securable: `${telepathy}.Channel.Interface.Securable`,
  peerAuthentication: `${telepathy}.Channel.Interface.PeerAuthentication`,
  security: `${telepathy}.Connection.Interface.Security`,
  destroyable: `${telepathy}.Channel.Interface.Destroyable`,
} as const satisfies Record<string, InterfaceName>;

export interface BusSignal extends HarnessEvent {
  readonly source: 'bus';
  readonly path: string;
  readonly interface: string;
  readonly args: readonly unknown[];
}

type Plain = string | number | boolean | readonly string[] | Variant;

/** JavaScript values as variants: s, u, b, as. A `Variant` stays what it is. */
export function variants(values: Readonly<Record<string, Plain>>): VariantMap {
  return new Map(Object.entries(values).map(([key, value]) => [key, toVariant(value)]));
}

function toVariant(value: Plain): Variant {
  if (value instanceof Variant) return value;
  if (typeof value === 'string') return new Variant('s', value);
  if (typeof value === 'number') return new Variant('u', value);
  return typeof value === 'boolean' ? new Variant('b', value) : new Variant('as', value);
}

/** Maps of variants as plain objects, all the way down: for comparing and printing. */
export function plain(value: unknown): unknown {
  if (value instanceof Variant) return plain(value.value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key as string | number, plain(item)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

/** An object of a service: its methods with the signatures of its interface, its properties, its signals. */
export class RemoteObject {
  readonly bus: Bus;
  readonly busName: string;
  readonly path: string;

  constructor(bus: Bus, busName: string, path: string) {
    this.bus = bus;
    this.busName = busName;
    this.path = path;
  }

  call(name: InterfaceName, member: string, ...body: unknown[]): Promise<unknown[]> {
    return this.callAs(interfaceTables[name].methods[member]!.in, name, member, ...body);
  }

  callAs(signature: string, name: string, member: string, ...body: unknown[]): Promise<unknown[]> {
    return this.bus.call({ destination: this.busName, path: this.path, interface: name, member, signature, body, timeoutMs: 30_000 });
  }

  async get(name: string, property: string): Promise<unknown> {
    const [value] = await this.callAs('ss', 'org.freedesktop.DBus.Properties', 'Get', name, property);
    return plain(value);
  }

  async getAll(name: string): Promise<Record<string, unknown>> {
    const [values] = await this.callAs('s', 'org.freedesktop.DBus.Properties', 'GetAll', name);
    return plain(values) as Record<string, unknown>;
  }

  async set(name: string, property: string, value: Variant): Promise<void> {
    await this.callAs('ssv', 'org.freedesktop.DBus.Properties', 'Set', name, property, value);
  }
}

export class TelepathyClient {
  readonly bus: Bus;
  /** Every signal of every connection asked for here: {source: 'bus', name: member, path, interface, args}. */
  readonly events = new EventQueue();
  readonly #managerName: string;

  constructor(bus: Bus, managerName = 'hush') {
    this.bus = bus;
    this.#managerName = managerName;
  }

  get manager(): RemoteObject {
    const name = `${names.manager}.${this.#managerName}`;
    return new RemoteObject(this.bus, name, `/${name.replaceAll('.', '/')}`);
  }

  /** A connection that is not connected yet. Parameters as in `variants`; `port` may be any number. */
  async requestConnection(parameters: Readonly<Record<string, Plain>>, protocol = 'jabber'): Promise<TelepathyConnection> {
    const [busName, path] = (await this.manager.call(names.manager, 'RequestConnection', protocol, variants(parameters))) as [string, string];
    return new TelepathyConnection(this, busName, path);
  }

  /** The same, connected. */
  async connect(parameters: Readonly<Record<string, Plain>>, protocol = 'jabber'): Promise<TelepathyConnection> {
    const connection = await this.requestConnection(parameters, protocol);
    await connection.connect();
    return connection;
  }
}

export class TelepathyConnection extends RemoteObject {
  readonly client: TelepathyClient;
  readonly #stop: () => void;

  constructor(client: TelepathyClient, busName: string, path: string) {
    super(client.bus, busName, path);
    this.client = client;
    const off = this.bus.subscribe({ sender: busName }, ({ path: from, interface: of, member, body }) => {
      // One process has many connections, and sends the signals of all of them.
      if (from !== path && !from.startsWith(`${path}/`)) return;
      client.events.push({ source: 'bus', name: member, path: from, interface: of, args: body } satisfies BusSignal);
    });
    const done = client.events.barrier(() => this.#roundTrip());
    this.#stop = () => {
      off();
      done();
    };
  }

  get events(): EventQueue {
    return this.client.events;
  }

  /** Connects; settles at Connected. Rejects with the ConnectionError's name when it fails. */
  async connect(): Promise<void> {
    const outcome = this.signal('StatusChanged', (args) => args[0] !== 1);
    await this.call(names.connection, 'Connect');
    const [status, reason] = (await outcome) as [number, number];
    if (status === 0) return;
    const failure = this.events.all({ name: 'ConnectionError', path: this.path }).at(-1) as BusSignal | undefined;
    throw new Error(`${String(failure?.args[0])} (reason ${reason}) ${JSON.stringify(plain(failure?.args[1]))}`);
  }

  async disconnect(): Promise<void> {
    const gone = this.signal('StatusChanged', (args) => args[0] === 2);
    await this.call(names.connection, 'Disconnect');
    await gone;
    this.#stop();
  }

  /** The arguments of the next such signal from now on, from this connection's own object. Leaves the queue alone. */
  signal(member: string, accept: (args: readonly unknown[]) => boolean = () => true, timeoutMs = 30_000): Promise<readonly unknown[]> {
    return nextSignal(this.bus, { sender: this.busName, path: this.path, member }, accept, timeoutMs);
  }

  async handle(id: string): Promise<number> {
    const [handles] = await this.callAs('uas', names.connection, 'RequestHandles', 1, [id]);
    return (handles as number[])[0]!;
  }

  /** The contact's attributes, fully qualified names, plain values. */
  async attributes(handle: number, ...interfaces: string[]): Promise<Record<string, unknown>> {
    const [found] = await this.call(names.contacts, 'GetContactAttributes', [handle], interfaces, false);
    return plain((found as Map<number, unknown>).get(handle)) as Record<string, unknown>;
  }

  /** Waits until the contact list is there (ContactListState Success). */
  async contactList(): Promise<void> {
    const changed = this.signal('ContactListStateChanged', ([state]) => state === 3);
    // The signal may have come already: then nobody waits for it.
    changed.catch(() => undefined);
    if ((await this.get(names.contactList, 'ContactListState')) !== 3) await changed;
  }

  /** The text channel to this contact, made if there is none. */
  async ensureText(id: string): Promise<TextChannel> {
    const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: id });
    const [, path] = await this.call(names.requests, 'EnsureChannel', request);
    return new TextChannel(this, path as string);
  }

  /** The text channel that a contact has opened, now or later, with its immutable properties. */
  async incomingText(timeoutMs?: number): Promise<{ channel: TextChannel; properties: Record<string, unknown> }> {
    const isText = (args: readonly unknown[]): boolean => textChannels(args).length > 0;
    const past = this.events.all({ name: 'NewChannels', path: this.path, args: isText }).at(0) as BusSignal | undefined;
    const args = past?.args ?? (await this.signal('NewChannels', isText, timeoutMs));
    const [path, properties] = textChannels(args)[0]!;
    return { channel: new TextChannel(this, path), properties };
  }

  /** All that was sent before by the connection has been seen when this settles. */
  async #roundTrip(): Promise<void> {
    await this.get(names.connection, 'Status');
  }
}

function textChannels([channels]: readonly unknown[]): [path: string, properties: Record<string, unknown>][] {
  const details = plain(channels) as [string, Record<string, unknown>][];
  return details.filter(([, properties]) => properties[`${names.channel}.ChannelType`] === names.text && properties[`${names.channel}.Requested`] === false);
}

export interface Message {
  readonly id: number;
  readonly text: string;
  /** All parts, plain. */
  readonly parts: readonly Readonly<Record<string, unknown>>[];
}

export function messageOf(parts: unknown): Message {
  const [header = {}, ...bodies] = plain(parts) as Record<string, unknown>[];
  return {
    id: header['pending-message-id'] as number,
    text: bodies.map((part) => (typeof part.content === 'string' ? part.content : '')).join(''),
    parts: [header, ...bodies],
  };
}

export class TextChannel extends RemoteObject {
  readonly connection: TelepathyConnection;

  constructor(connection: TelepathyConnection, path: string) {
    super(connection.bus, connection.busName, path);
    this.connection = connection;
  }

  /** Sends plain text, of a message type (0 normal, 1 action, 2 notice); its token. */
  async send(text: string, type = 0): Promise<string> {
    const parts = [variants({ 'message-type': type }), variants({ 'content-type': 'text/plain', content: text })];
    const [token] = await this.call(names.messages, 'SendMessage', parts, 0);
    return token as string;
  }

  async pending(): Promise<Message[]> {
    return ((await this.get(names.messages, 'PendingMessages')) as unknown[]).map(messageOf);
  }

  /** The next message received from now on. */
  async received(accept: (message: Message) => boolean = () => true, timeoutMs = 10_000): Promise<Message> {
    const rule = { sender: this.busName, path: this.path, interface: names.messages, member: 'MessageReceived' };
    const [parts] = await nextSignal(this.bus, rule, ([candidate]) => accept(messageOf(candidate)), timeoutMs);
    return messageOf(parts);
  }

  /** Every message received from now on. Returns how to end that. */
  onReceived(listener: (message: Message) => void): () => void {
    const rule = { sender: this.busName, path: this.path, interface: names.messages, member: 'MessageReceived' };
    return this.bus.subscribe(rule, ({ body }) => listener(messageOf(body[0])));
  }

  async acknowledge(...ids: number[]): Promise<void> {
    await this.call(names.text, 'AcknowledgePendingMessages', ids);
  }

  async close(): Promise<void> {
    await this.call(names.channel, 'Close');
  }
}

function nextSignal(
  bus: Bus,
  rule: Parameters<Bus['subscribe']>[0],
  accept: (args: readonly unknown[]) => boolean,
  timeoutMs: number,
): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      off();
      reject(new Error(`no ${rule.member ?? 'signal'} of ${rule.path ?? rule.sender ?? 'anybody'} within ${timeoutMs} ms`));
    }, timeoutMs).unref();
    const off = bus.subscribe(rule, ({ body }) => {
      if (!accept(body)) return;
      clearTimeout(timer);
      off();
      resolve(body);
    });
  });
}
