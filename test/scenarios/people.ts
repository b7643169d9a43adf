/** People who talk: each a hush process on a bus of their own, and what tests ask of their channels. */
import { expect } from '@jest/globals';
import type { Variant } from '../../src/bus/types.ts';
import { hushBusName, hushService } from '../harness/hush.ts';
import type { HushOptions } from '../harness/hush.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { messageOf, names, plain, TelepathyClient, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { Message, RemoteObject, TelepathyConnection } from '../harness/telepathy-client.ts';
import { complaints } from './stage.ts';

export const T = 'org.freedesktop.Telepathy.Error.';

export interface Server {
  log(): string;
  readonly port: number;
  readonly caFile: string;
  jid(user: string): string;
  stop(): Promise<void>;
}

/** One person: a hush process of their own on a bus of their own. */
export class Person {
  readonly user: string;
  readonly server: Server;
  readonly session: Session;
  readonly client: TelepathyClient;
  connection!: TelepathyConnection;

  readonly #parameters: Readonly<Record<string, string | number | boolean | Variant>>;

  private constructor(user: string, server: Server, session: Session, parameters: Readonly<Record<string, string | number | boolean | Variant>>) {
    this.user = user;
    this.server = server;
    this.session = session;
    this.client = new TelepathyClient(session.bus);
    this.#parameters = { account: server.jid(user), password: user, server: '127.0.0.1', port: server.port, ...parameters };
  }

  /** Logs in. `parameters`: of the account, beside or instead of the usual ones. `before`: what is done on the bus before hush is. */
  static async arrive(
    user: string, server: Server, { parameters = {}, before, ...hush }: HushOptions & { parameters?: Readonly<Record<string, string | number | boolean | Variant>>; before?: (session: Session) => Promise<void> } = {},
  ): Promise<Person> {
    const person = new Person(user, server, await startSession([hushService({ caFile: server.caFile, ...hush })]), parameters);
    await before?.(person.session);
    await person.connect();
    return person;
  }

  get jid(): string {
    return this.server.jid(this.user);
  }

  async connect(): Promise<void> {
    this.connection = await this.client.requestConnection(this.#parameters);
    await this.connection.connect();
    await this.connection.contactList();
  }

  /** The identity is made in the background of the first login. */
  async hasIdentity(): Promise<void> {
    await propertyOf(this.connection, names.security, 'IdentityFingerprint', (value) => value !== '');
  }

  /** The process of hush. */
  async pid(): Promise<number> {
    return this.session.pidOf(hushBusName);
  }

  /** Settles when hush has gone. */
  async gone(): Promise<void> {
    await this.session.gone(hushBusName);
  }

  /** Ends it all. hush must not have complained of anything meanwhile. */
  async leave(): Promise<void> {
    const log = await this.session.log('hush');
    await this.session.stop();
    expect(complaints(log)).toEqual([]);
  }
}

/** Waits until a property is as wanted: now, or by a PropertiesChanged. */
export async function propertyOf(object: RemoteObject, interfaceName: string, property: string, isWanted: (value: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      off();
      object.get(interfaceName, property).then((value) => reject(new Error(`${property} is ${JSON.stringify(value)}`)), reject);
    }, 15_000);
    const look = (value: unknown): void => {
      if (!isWanted(value)) return;
      clearTimeout(timer);
      off();
      resolve(value);
    };
    const off = object.bus.subscribe({ sender: object.busName, path: object.path, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0: interfaceName }, ({ body }) => {
      const changed = plain(body[1]) as Record<string, unknown>;
      if (property in changed) look(changed[property]);
    });
    object.get(interfaceName, property).then(look, reject);
  });
}

/** Every change of such properties from now on, in order. */
export function changesOf(object: RemoteObject, interfaceName: string): Record<string, unknown>[] {
  const changes: Record<string, unknown>[] = [];
  object.bus.subscribe({ sender: object.busName, path: object.path, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0: interfaceName }, ({ body }) => {
    changes.push(plain(body[1]) as Record<string, unknown>);
  });
  return changes;
}

export const state = (channel: RemoteObject, wanted: number): Promise<unknown> => propertyOf(channel, names.securable, 'State', (value) => value === wanted);

export async function errorOf(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'no error', (error: unknown) => (error as Error).name);
}

/** Both see each other, as contacts do: asked for and granted over the bus. */
export async function befriend(one: Person, other: Person): Promise<void> {
  for (const [who, whom] of [[one, other], [other, one]] as const) {
    const asker = await whom.connection.handle(who.jid);
    const asked = whom.connection.signal('ContactsChangedWithID', ([changes]) => (changes as Map<number, [number, number, string]>).get(asker)?.[1] === publishAsk);
    await who.connection.call(names.contactList, 'RequestSubscription', [await who.connection.handle(whom.jid)], '');
    await asked;
    await whom.connection.call(names.contactList, 'AuthorizePublication', [asker]);
  }
  for (const [who, whom] of [[one, other], [other, one]] as const) await contactIsThere(who.connection, whom.jid);
}

/** `Subscription_State_Ask` */
const publishAsk = 3;

/** Waits until a contact is available. */
export async function contactIsThere(connection: TelepathyConnection, jid: string): Promise<void> {
  const handle = await connection.handle(jid);
  const changed = connection.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === 2);
  changed.catch(() => undefined);
  const attributes = await connection.attributes(handle, names.presence);
  if ((attributes[`${names.presence}/presence`] as [number])[0] !== 2) await changed;
}

export interface Talk {
  readonly out: TextChannel;
  readonly incoming: TextChannel;
  readonly message: Message;
}

export async function talk(from: Person, to: Person, text: string, demands: Readonly<Record<string, boolean>> = {}): Promise<Talk> {
  const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: to.jid, ...demands });
  const [, path] = await from.connection.call(names.requests, 'EnsureChannel', request);
  const out = new TextChannel(from.connection, path as string);
  const arrival = arrivalOf(to.connection, text);
  await out.send(text);
  return { out, ...(await arrival) };
}

/** The message with this text, in whatever channel it comes. */
export function arrivalOf(connection: TelepathyConnection, text: string): Promise<{ incoming: TextChannel; message: Message }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${text} did not come`)), 15_000);
    const off = connection.bus.subscribe({ sender: connection.busName, interface: names.messages, member: 'MessageReceived' }, ({ path, body }) => {
      const message = messageOf(body[0]);
      if (message.text !== text) return;
      clearTimeout(timer);
      off();
      resolve({ incoming: new TextChannel(connection, path), message });
    });
  });
}

export const claimed = async (channel: RemoteObject): Promise<string[]> => {
  const all = await channel.getAll(names.securable);
  return Object.keys(all).filter((name) => all[name] === true);
};

/** Whether the server saw a text: raw, or in what it saw of base64, decoded. */
export function isIn(log: string, text: string): boolean {
  const blocks = [...log.matchAll(/>([A-Za-z0-9+/=]{8,})</g)].map(([, data]) => Buffer.from(data!, 'base64').toString('latin1')).join('');
  return log.includes(text) || log.includes(Buffer.from(text).toString('base64').slice(0, -4)) || blocks.includes(text);
}

/** The next such signal of a channel's PeerAuthentication. */
export function signalOf(channel: RemoteObject, member: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${member}`)), 15_000);
    const off = channel.bus.subscribe({ sender: channel.busName, path: channel.path, interface: names.peerAuthentication, member }, ({ body }) => {
      clearTimeout(timer);
      off();
      resolve(body);
    });
  });
}
