import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startEjabberd } from '../harness/ejabberd.ts';
import { hushService } from '../harness/hush.ts';
import { startProsody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { messageOf, names, plain, TelepathyClient, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { Message, RemoteObject, TelepathyConnection } from '../harness/telepathy-client.ts';
import { complaints } from './stage.ts';

interface Server {
  log(): string;
  readonly port: number;
  readonly caFile: string;
  jid(user: string): string;
  stop(): Promise<void>;
}

/** One person: a hush process of their own on a bus of their own. */
class Person {
  readonly user: string;
  readonly server: Server;
  readonly session: Session;
  readonly client: TelepathyClient;
  connection!: TelepathyConnection;

  private constructor(user: string, server: Server, session: Session) {
    this.user = user;
    this.server = server;
    this.session = session;
    this.client = new TelepathyClient(session.bus);
  }

  static async arrive(user: string, server: Server): Promise<Person> {
    const person = new Person(user, server, await startSession([hushService({ caFile: server.caFile })]));
    await person.connect();
    return person;
  }

  get jid(): string {
    return this.server.jid(this.user);
  }

  async connect(): Promise<void> {
    this.connection = await this.client.requestConnection({ account: this.jid, password: this.user, server: '127.0.0.1', port: this.server.port });
    await this.connection.connect();
    await this.connection.contactList();
  }

  /** The identity is made in the background of the first login. */
  async hasIdentity(): Promise<void> {
    const made = propertyOf(this.connection, names.security, 'IdentityFingerprint', (value) => value !== '');
    await made;
  }

  async leave(): Promise<void> {
    const log = await this.session.log('hush');
    await this.session.stop();
    expect(complaints(log)).toEqual([]);
  }
}

/** Waits until a property is as wanted: now, or by a PropertiesChanged. */
async function propertyOf(object: RemoteObject, interfaceName: string, property: string, isWanted: (value: unknown) => boolean): Promise<unknown> {
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

const state = (channel: RemoteObject, wanted: number): Promise<unknown> => propertyOf(channel, names.securable, 'State', (value) => value === wanted);

async function errorOf(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'no error', (error: unknown) => (error as Error).name);
}

/** Both see each other, as contacts do: asked for and granted over the bus. */
async function befriend(one: Person, other: Person): Promise<void> {
  for (const [who, whom] of [[one, other], [other, one]] as const) {
    await who.connection.call(names.contactList, 'AuthorizePublication', [await who.connection.handle(whom.jid)]);
  }
  for (const [who, whom] of [[one, other], [other, one]] as const) {
    const handle = await who.connection.handle(whom.jid);
    await who.connection.call(names.contactList, 'RequestSubscription', [handle], '');
  }
  for (const [who, whom] of [[one, other], [other, one]] as const) {
    const handle = await who.connection.handle(whom.jid);
    await contactIsThere(who, handle);
  }
}

/** The contact is available and its client says that it can be secured. */
async function contactIsThere({ connection }: Person, handle: number): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const attributes = await connection.attributes(handle, names.presence);
    return (attributes[`${names.presence}/presence`] as [number])[0] === 2;
  };
  const changed = connection.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === 2);
  changed.catch(() => undefined);
  if (!(await isThere())) await changed;
}

const T = 'org.freedesktop.Telepathy.Error.';

interface Talk {
  readonly out: TextChannel;
  readonly incoming: TextChannel;
  readonly message: Message;
}

async function talk(from: Person, to: Person, text: string, demands: Readonly<Record<string, boolean>> = {}): Promise<Talk> {
  const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: to.jid, ...demands });
  const [, path] = await from.connection.call(names.requests, 'EnsureChannel', request);
  const out = new TextChannel(from.connection, path as string);
  const arrival = arrivalOf(to.connection, text);
  await out.send(text);
  return { out, ...(await arrival) };
}

/** The message with this text, in whatever channel it comes. */
function arrivalOf(connection: TelepathyConnection, text: string): Promise<{ incoming: TextChannel; message: Message }> {
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

const claimed = async (channel: RemoteObject): Promise<string[]> => {
  const all = await channel.getAll(names.securable);
  return Object.keys(all).filter((name) => all[name] === true);
};

const proved = ['Encrypted', 'IntegrityProtected', 'Complete', 'WeaklyAuthenticated', 'WeaklyAnonymous', 'ReplayProtected', 'ForwardSecret', 'Deniable', 'DowngradeResistant'];

describe.each([
  ['Prosody', (): Promise<Server> => startProsody({ users: { alice: 'alice', bob: 'bob' }, logStanzas: true })],
  ['ejabberd', (): Promise<Server> => startEjabberd({ users: { alice: 'alice', bob: 'bob' } })],
])('two people on %s', (name, start) => {
  let server: Server;
  let alice: Person;
  let bob: Person;

  beforeAll(async () => {
    server = await start();
    [alice, bob] = await Promise.all([Person.arrive('alice', server), Person.arrive('bob', server)]);
    await befriend(alice, bob);
    await Promise.all([alice.hasIdentity(), bob.hasIdentity()]);
  }, 60_000);
  afterAll(async () => {
    await alice.leave();
    await bob.leave();
    await server.stop();
  });
  /** Every conversation is over at both ends, and nothing is remembered of a verification. */
  beforeEach(async () => {
    for (const { connection } of [alice, bob]) {
      for (const [path] of (await connection.get(names.requests, 'Channels')) as [string][]) await new TextChannel(connection, path).call(names.destroyable, 'Destroy');
    }
    for (const [who, whom] of [[alice, bob], [bob, alice]] as const) await who.connection.call(names.security, 'ForgetPeer', whom.jid);
  });

  test('are secured without touching anything, from the first message on, and neither server nor log sees what is said', async () => {
    const canary = 'canary-4711-öß';
    const { out, incoming, message } = await talk(alice, bob, canary);
    expect(message).toMatchObject({ text: canary, parts: [{ 'security-mechanism': 'xtls', 'security-properties': expect.arrayContaining(['Encrypted', 'ForwardSecret']) as unknown }, {}] });
    await state(out, 2);
    for (const channel of [out, incoming]) expect((await claimed(channel)).filter((claim) => claim !== 'KeyContinuity')).toEqual(proved);
    expect(await out.get(names.peerAuthentication, 'SafetyNumber')).toBe(await incoming.get(names.peerAuthentication, 'SafetyNumber'));
    expect(await out.get(names.peerAuthentication, 'LocalFingerprint')).toBe(await incoming.get(names.peerAuthentication, 'RemoteFingerprint'));
    const reply = out.received();
    await incoming.send(`${canary} too`);
    await reply;
    await incoming.call(names.chatState, 'SetChatState', 4);
    for (const log of [await alice.session.log('hush'), await bob.session.log('hush')]) expect(log).not.toContain('canary-4711');
    if (name !== 'Prosody') return;
    const log = server.log();
    const blocks = [...log.matchAll(/>([A-Za-z0-9+/=]{8,})</g)].map(([, data]) => Buffer.from(data!, 'base64').toString('latin1')).join('');
    // The twin: the look into the log works.
    expect(log).toContain('http://jabber.org/protocol/ibb');
    for (const text of ['canary-4711', 'composing', 'urn:xmpp:receipts', Buffer.from('canary-4711').toString('base64').slice(0, 12)]) {
      expect(log.includes(`<body>${text}`) || (text.startsWith('canary') && log.includes(text))).toBe(false);
      expect(blocks.includes(text)).toBe(false);
    }
    // Keys are shown to neither server: WeaklyAnonymous.
    const fingerprint = ((await out.get(names.peerAuthentication, 'RemoteFingerprint')) as string).replaceAll(' ', '');
    expect(`${log}${blocks}`.toLowerCase().includes(fingerprint) || blocks.includes(Buffer.from(fingerprint, 'hex').toString('latin1'))).toBe(false);
  });

  test('know that a message has arrived, inside the session', async () => {
    const { out } = await talk(alice, bob, 'first');
    const report = out.received();
    const [token] = await out.call(names.messages, 'SendMessage', [variants({}), variants({ 'content-type': 'text/plain', content: 'did it come?' })], 1);
    expect((await report).parts[0]).toMatchObject({ 'message-type': 4, 'delivery-status': 1, 'delivery-token': token as string });
  });

  test('verify each other by a secret they share; a wrong one leaves the session as it was', async () => {
    const { out, incoming } = await talk(alice, bob, 'hello');
    const run = async (answer: string): Promise<unknown[]> => {
      const concluded = Promise.all([out, incoming].map((channel) => signalOf(channel, 'SharedSecretConcluded')));
      const asked = signalOf(incoming, 'SharedSecretRequested');
      await out.call(names.peerAuthentication, 'StartSharedSecret', 'Where?', 'Lisbon');
      expect(await asked).toEqual(['Where?']);
      expect(await incoming.get(names.peerAuthentication, 'Question')).toBe('Where?');
      await incoming.call(names.peerAuthentication, 'AnswerSharedSecret', answer);
      return concluded;
    };
    expect(await run('Porto')).toEqual([[false, `${T}AuthenticationFailed`], [false, `${T}AuthenticationFailed`]]);
    expect(await claimed(out)).not.toContain('Verified');
    expect(await out.get(names.securable, 'State')).toBe(2);
    expect(await run('Lisbon')).toEqual([[true, ''], [true, '']]);
    for (const channel of [out, incoming]) expect(await claimed(channel)).toContain('Verified');
    // And it is remembered: the next session begins verified.
    await out.call(names.securable, 'End');
    await state(incoming, 3);
    const again = await talk(alice, bob, 'again');
    await state(again.out, 2);
    expect(await claimed(again.out)).toEqual(expect.arrayContaining(['Verified', 'KeyContinuity']));
  });

  test('end it, and nothing leaves afterwards', async () => {
    const { out, incoming } = await talk(alice, bob, 'hello');
    await out.call(names.securable, 'End');
    await state(incoming, 3);
    expect(await out.getAll(names.securable)).toMatchObject({ State: 3, EndReason: 'local', Encrypted: true });
    expect(await incoming.getAll(names.securable)).toMatchObject({ State: 3, EndReason: 'clean' });
    expect(await errorOf(out.send('more'))).toBe(`${T}Cancelled`);
    expect(await errorOf(incoming.send('more'))).toBe(`${T}Terminated`);
    expect(await errorOf(out.call(names.securable, 'Secure', []))).toBe(`${T}Cancelled`);
    // A new channel goes on, secured.
    expect((await talk(alice, bob, 'on')).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  });

  test('get what they demand before the channel is theirs', async () => {
    const { out } = await talk(alice, bob, 'strongly', { [`${names.securable}.StronglyAnonymous`]: true, [`${names.securable}.Encrypted`]: true });
    expect(await out.getAll(names.securable)).toMatchObject({ State: 2, StronglyAnonymous: true, RequiredProperties: ['Encrypted', 'StronglyAnonymous'], DeniabilityScope: 'participation' });
    const request = (claim: string) =>
      alice.connection.call(names.requests, 'EnsureChannel', variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: bob.jid, [`${names.securable}.${claim}`]: true }));
    expect(await errorOf(request('NonRepudiable'))).toBe(`${T}NotImplemented`);
  });

  test('wait with what they send until the contact is verified, where that is demanded', async () => {
    const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: bob.jid, [`${names.securable}.Verified`]: true });
    const [, path] = await alice.connection.call(names.requests, 'EnsureChannel', request);
    const channel = new TextChannel(alice.connection, path as string);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 2, Verified: false, RequiredProperties: ['Verified'] });
    expect(await errorOf(channel.send('too early'))).toBe(`${T}NotYet`);
    const number = (await channel.get(names.peerAuthentication, 'SafetyNumber')) as string;
    expect(await errorOf(channel.call(names.peerAuthentication, 'ConfirmSafetyNumber', number.replace(/\d/, (digit) => String((Number(digit) + 1) % 10))))).toBe(`${T}InvalidArgument`);
    await channel.call(names.peerAuthentication, 'ConfirmSafetyNumber', number);
    expect(await claimed(channel)).toContain('Verified');
    await channel.send('now');
  });

  test('distrust ends it at once', async () => {
    const { out } = await talk(alice, bob, 'hello');
    await out.call(names.peerAuthentication, 'Distrust');
    expect(await out.getAll(names.securable)).toMatchObject({ State: 3, EndReason: 'key-changed' });
    expect(await errorOf(out.send('more'))).toBe(`${T}EncryptionError`);
  });

  test('closing windows loses nothing: the session goes on in the next channel', async () => {
    const { out, incoming } = await talk(alice, bob, 'one');
    await incoming.acknowledge(...(await incoming.pending()).map(({ id }) => id));
    await incoming.close();
    const announced = bob.connection.signal('NewChannels');
    const arrival = arrivalOf(bob.connection, 'two');
    await out.send('two');
    const [[path, properties]] = plain((await announced)[0]) as [[string, Record<string, unknown>]];
    const { incoming: next, message } = await arrival;
    expect(path).toBe(next.path);
    expect(properties[`${names.securable}.Encrypted`]).toBe(true);
    expect(message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
    expect(await next.get(names.securable, 'State')).toBe(2);
  });

  test('switched off for one conversation it is plaintext, and says so', async () => {
    const { out, message } = await talk(alice, bob, 'in the open', { [`${names.securable}.Encrypted`]: false });
    expect(message.parts[0]).toMatchObject({ 'security-mechanism': '', 'security-properties': [] });
    expect(await out.getAll(names.securable)).toMatchObject({ State: 0, Encrypted: false });
    // Required for this contact it cannot be had.
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, 'required');
    await out.call(names.destroyable, 'Destroy');
    expect(await errorOf(talk(alice, bob, 'again', { [`${names.securable}.Encrypted`]: false }))).toBe(`${T}EncryptionNotAvailable`);
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, '');
  });

  test('a session ends when the other goes, and comes back with the same proof', async () => {
    const { out } = await talk(alice, bob, 'hello');
    await bob.connection.disconnect();
    await state(out, 3);
    expect(['unauthenticated', 'clean', 'connection-lost']).toContain(await out.get(names.securable, 'EndReason'));
    expect(await errorOf(out.send('into the void'))).not.toBe('no error');
    await bob.connect();
    await state(out, 2);
    expect(await claimed(out)).toContain('KeyContinuity');
    await out.send('welcome back');
  });
});

function signalOf(channel: RemoteObject, member: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${member}`)), 15_000);
    const off = channel.bus.subscribe({ sender: channel.busName, path: channel.path, interface: names.peerAuthentication, member }, ({ body }) => {
      clearTimeout(timer);
      off();
      resolve(body);
    });
  });
}
