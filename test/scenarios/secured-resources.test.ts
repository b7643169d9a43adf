/** A contact with several clients, two that can secure and one that cannot: which one a session is with, and that nothing of the others gets into it. Contract: Channel.Interface.Securable, rule 8. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Variant } from '../../src/bus/types.ts';
import { EventQueue } from '../harness/events.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { messageOf, names, plain, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { Message, TelepathyConnection } from '../harness/telepathy-client.ts';
import { arrivalOf, changesOf, claimed, contactIsThere, errorOf, isIn, Person, propertyOf, state, T, talk } from './people.ts';

const capabilities = 'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities';

let server: Prosody;
let alice: Person;
/** Of the same contact: a hush of low priority, a hush of high priority, and a client that knows nothing of security, with the highest. */
let one: Person;
let two: Person;
let phone: SlixmppPeer;
const heard = new EventQueue();
const aliceHere = 'alice@localhost/here';

const bobs = (resource: string, priority: number, carbons: boolean) => Person.arrive('bob', server, { parameters: { resource, priority: new Variant('n', priority), 'message-carbons': carbons } });

/** Alice knows which clients of Bob there are and what they can do. */
async function aliceSeesAll(): Promise<void> {
  await contactIsThere(alice.connection, one.jid);
  const handle = await alice.connection.handle(one.jid);
  // The server has told all there was before it answers this.
  await alice.connection.call('org.freedesktop.Telepathy.Connection.Interface.ContactInfo', 'RequestContactInfo', handle);
  const canBeSecured = async (): Promise<boolean> => {
    const attributes = await alice.connection.attributes(handle, capabilities);
    return (attributes[`${capabilities}/capabilities`] as [Record<string, unknown>][]).some(([fixed]) => fixed[`${names.securable}.Encrypted`] === true);
  };
  const changed = alice.connection.signal('ContactCapabilitiesChanged');
  changed.catch(() => undefined);
  if (!(await canBeSecured())) await changed;
}

beforeAll(async () => {
  // Whoever is killed is gone for the others at once.
  server = await startProsody({ users: { alice: 'alice', bob: 'bob' }, logStanzas: true, withoutModules: ['smacks'] });
  await server.befriend('alice', 'bob');
  [one, two] = await Promise.all([bobs('one', 1, false), bobs('two', 5, true)]);
  await Promise.all([one, two].map((person) => person.hasIdentity()));
  phone = await SlixmppPeer.connect(server, heard, 'bob', 'bob', 'phone');
  await phone.presence('', '', 20);
  alice = await Person.arrive('alice', server, { parameters: { resource: 'here', 'message-carbons': true } });
  await alice.hasIdentity();
  await aliceSeesAll();
}, 60_000);
afterAll(async () => {
  await phone.stop();
  for (const person of [alice, one, two]) await person.leave();
  await server.stop();
});
const firstChannel = async (connection: TelepathyConnection): Promise<string | undefined> => ((await connection.get(names.requests, 'Channels')) as [string][])[0]?.[0];
/** Every conversation is over, and nobody remembers anybody. */
beforeEach(async () => {
  const contactOf = (person: Person): string => (person === alice ? one.jid : alice.jid);
  // Meanwhile nothing begins by itself.
  for (const person of [alice, one, two]) await person.connection.call(names.security, 'SetPeerPolicy', contactOf(person), 'off');
  for (const { connection } of [alice, one, two]) {
    // The end of one may make another come again.
    for (let path = await firstChannel(connection); path !== undefined; path = await firstChannel(connection)) await new TextChannel(connection, path).call(names.destroyable, 'Destroy');
  }
  for (const person of [alice, one, two]) {
    await person.connection.call(names.security, 'ForgetPeer', contactOf(person));
    await person.connection.call(names.security, 'SetPeerPolicy', contactOf(person), '');
  }
});

/** Full JIDs to which Alice has offered a session from now on. */
function offers(): () => string[] {
  const begin = server.log().length;
  return () => [...server.log().slice(begin).matchAll(/RECV: <iq [^>]*to='(bob@localhost\/[^']+)'[^>]*><jingle [^>]*'session-initiate'/g)].map(([, jid]) => jid!);
}

/** A message of the phone, where it arrives. */
async function fromPhone(text: string, to = alice.jid): Promise<{ incoming: TextChannel; message: Message }> {
  const arrival = arrivalOf(alice.connection, text);
  await phone.message(to, text);
  return arrival;
}

/** The next message that a person's client shows as sent: in which channel, and what. */
function sentIn({ connection }: Person): Promise<[path: string, text: string]> {
  return new Promise((resolve) => {
    const off = connection.bus.subscribe({ sender: connection.busName, interface: names.messages, member: 'MessageSent' }, ({ path, body }) => {
      off();
      resolve([path, messageOf(body[0]).text]);
    });
  });
}

const isPlaintext = (message: Message): void => expect(message.parts[0]).toMatchObject({ 'security-mechanism': '', 'security-properties': [] });
const isSecured = (message: Message): void => expect(message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });

describe('a session is started', () => {
  test('with the client of the highest priority of those that can, although another one has a higher', async () => {
    const offered = offers();
    const out = await alice.connection.ensureText(two.jid);
    await state(out, 2);
    const arrival = arrivalOf(two.connection, 'to the second');
    await out.send('to the second');
    isSecured((await arrival).message);
    expect(offered()).toEqual(['bob@localhost/two']);
  });

  test('with the client last heard from, whatever its priority', async () => {
    // While Alice does not want it, the first can only write to her in clear.
    await alice.connection.call(names.security, 'SetPeerPolicy', one.jid, 'off');
    const { out: ofOne, incoming } = await talk(one, alice, 'in clear');
    expect(await incoming.get(names.securable, 'State')).toBe(0);
    const offered = offers();
    await alice.connection.call(names.security, 'SetPeerPolicy', one.jid, '');
    await state(incoming, 2);
    await state(ofOne, 2);
    expect(offered()).toEqual(['bob@localhost/one']);
    const arrival = arrivalOf(one.connection, 'to the first');
    await incoming.send('to the first');
    isSecured((await arrival).message);
  });

  test('with one that can, if the client last heard from cannot', async () => {
    const offered = offers();
    const { incoming, message } = await fromPhone('hello');
    isPlaintext(message);
    await state(incoming, 2);
    expect(offered()).toEqual(['bob@localhost/two']);
  });
});

describe('a session with one client', () => {
  let secured: TextChannel;
  let ofTwo: TextChannel;
  let changes: Record<string, unknown>[];
  /** Of the secured channel: what it claims, what is unread, whatever was said of it. */
  let before: Record<string, unknown>;

  beforeEach(async () => {
    // The second begins, so that it is known who takes part.
    const { out, incoming } = await talk(two, alice, 'hello');
    [secured, ofTwo] = [incoming, out];
    await state(secured, 2);
    await state(ofTwo, 2);
    await secured.acknowledge(...(await secured.pending()).map(({ id }) => id));
    // What is remembered of the contact is written by then.
    await propertyOf(secured, names.securable, 'Details', (details) => (details as Record<string, unknown>)['previously-secured'] === true);
    before = await secured.getAll(names.securable);
    changes = changesOf(secured, names.securable);
  });
  afterEach(async () => {
    await phone.presence('', '', 20);
  });

  /** As it was, and still with the same client. */
  async function isUntouched(): Promise<void> {
    expect(await secured.getAll(names.securable)).toEqual(before);
    expect(changes).toEqual([]);
    expect(await secured.pending()).toEqual([]);
    const canary = `canary-${server.log().length}`;
    const arrival = arrivalOf(two.connection, canary);
    await secured.send(canary);
    const { incoming, message } = await arrival;
    isSecured(message);
    expect(incoming.path).toBe(ofTwo.path);
    expect(isIn(server.log(), canary)).toBe(false);
  }

  test('is not touched by the presence of the contact', async () => {
    const handle = await alice.connection.handle(two.jid);
    const shown = (type: number): Promise<unknown> => alice.connection.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === type);
    let changed = shown(6);
    await phone.presence('dnd', 'busy', 30);
    await changed;
    await isUntouched();
    changed = shown(2);
    await phone.unavailable();
    await changed;
    await isUntouched();
    changed = shown(3);
    await two.connection.call(names.presence, 'SetPresence', 'away', 'for a moment');
    await changed;
    await isUntouched();
    changed = shown(2);
    await two.connection.call(names.presence, 'SetPresence', 'available', '');
    await changed;
  });

  test.each([
    ['to the account', 'alice@localhost'],
    ['to this client', aliceHere],
  ])('is not touched by what another client writes in clear %s, which is shown apart', async (_to, to) => {
    const announced = alice.connection.signal('NewChannels');
    const { incoming: beside, message } = await fromPhone('in the open', to);
    expect(plain((await announced)[0])).toMatchObject([[beside.path, { [`${names.channel}.Requested`]: false }]]);
    expect(beside.path).not.toBe(secured.path);
    isPlaintext(message);
    expect(await beside.getAll(names.securable)).toMatchObject({ State: 0, Encrypted: false });
    expect(await errorOf(beside.send('canary answer'))).toBe(`${T}EncryptionNotAvailable`);
    await isUntouched();
    // A second one goes where the first is, and a typing notice changes nothing either.
    expect((await fromPhone('and again')).incoming.path).toBe(beside.path);
    await phone.chatState(alice.jid, 'composing');
    await fromPhone('done');
    await isUntouched();
    expect(isIn(server.log(), 'canary answer')).toBe(false);
    // The twin: without a session the answer can leave, as what it is, and goes to who wrote last.
    await alice.connection.call(names.security, 'SetPeerPolicy', two.jid, 'off');
    await state(secured, 3);
    await beside.send('plain answer');
    await heard.expect({ source: 'phone', name: 'message', body: 'plain answer', from: aliceHere });
    await alice.connection.call(names.security, 'SetPeerPolicy', two.jid, '');
  });

  test('is not touched by errors and receipts for its messages from another client', async () => {
    const arrival = arrivalOf(two.connection, 'sealed');
    const token = await secured.send('sealed');
    await arrival;
    await phone.raw(`<message to='${alice.jid}' type='chat' id='r1'><received xmlns='urn:xmpp:receipts' id='${token}'/></message>`);
    await phone.raw(`<message to='${aliceHere}' type='error' id='${token}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`);
    await fromPhone('after these');
    await isUntouched();
  });

  test('and a session from another one are two channels: what is said in each stays there, and one can end without the other', async () => {
    const { out: ofOne, incoming: other, message } = await talk(one, alice, 'from the first');
    isSecured(message);
    await state(ofOne, 2);
    expect(other.path).not.toBe(secured.path);
    expect(await claimed(other)).toContain('Encrypted');
    expect(await other.get(names.peerAuthentication, 'RemoteFingerprint')).toBe(await one.connection.get(names.security, 'IdentityFingerprint'));
    expect(await secured.get(names.peerAuthentication, 'RemoteFingerprint')).toBe(await two.connection.get(names.security, 'IdentityFingerprint'));
    const arrival = arrivalOf(one.connection, 'to the first');
    await other.send('to the first');
    expect((await arrival).incoming.path).toBe(ofOne.path);
    await isUntouched();
    const ended = state(other, 3);
    await ofOne.call(names.securable, 'End');
    await ended;
    expect(await errorOf(other.send('canary to nobody'))).toBe(`${T}Terminated`);
    await isUntouched();
  });

  test('shows nothing of what other clients of the user write, which is shown where nothing is secured', async () => {
    const tablet = await SlixmppPeer.connect(server, heard, 'alice', 'alice', 'tablet');
    await tablet.presence('', '', -1);
    // With nothing but the secured channel there is no place for it.
    await tablet.message(two.jid, 'from the tablet');
    await tablet.ping(aliceHere);
    const { incoming: beside } = await fromPhone('in the open');
    const sent = sentIn(alice);
    await tablet.message(two.jid, 'from the tablet again');
    expect(await sent).toEqual([beside.path, 'from the tablet again']);
    // What a contact writes to another client of the user, too.
    const { incoming, message } = await fromPhone('to the tablet', tablet.jid);
    isPlaintext(message);
    expect(incoming.path).toBe(beside.path);
    await isUntouched();
    await tablet.stop();
  });

  test('shows the contact nothing of what their own other clients write', async () => {
    await fromPhone('nowhere');
    // The copy of that has come, too: there was no channel to show it in.
    await phone.ping(`${two.jid}/two`);
    const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: alice.jid, [`${names.securable}.Encrypted`]: false });
    const [, beside] = await two.connection.call(names.requests, 'EnsureChannel', request);
    const sent = sentIn(two);
    await phone.message(alice.jid, 'but here');
    expect(await sent).toEqual([beside, 'but here']);
    await isUntouched();
  });
});

describe('the end of a client', () => {
  test('ends the session with it, and that of no other [fault-15]', async () => {
    const { incoming: ofTwo } = await talk(two, alice, 'second');
    const { incoming: ofOne } = await talk(one, alice, 'first');
    await Promise.all([ofTwo, ofOne].map((channel) => state(channel, 2)));
    await phone.unavailable();
    const gone = two.gone();
    process.kill(await two.pid(), 'SIGKILL');
    await gone;
    await state(ofTwo, 3);
    expect(await ofTwo.get(names.securable, 'EndReason')).toBe('unauthenticated');
    expect(await errorOf(ofTwo.send('canary to the dead'))).toBe(`${T}EncryptionError`);
    expect(await ofOne.get(names.securable, 'State')).toBe(2);
    const arrival = arrivalOf(one.connection, 'still there');
    await ofOne.send('still there');
    isSecured((await arrival).message);
    // It comes back with the same key, and goes on where it was.
    await two.connect();
    await contactIsThere(two.connection, alice.jid);
    const { incoming } = await talk(two, alice, 'back');
    await state(incoming, 2);
    expect(incoming.path).toBe(ofTwo.path);
    expect(isIn(server.log(), 'canary to the dead')).toBe(false);
    await phone.presence('', '', 20);
  });

  test('and of the other one, too: a new channel takes the place of both, with what was unread in either', async () => {
    const { incoming: ofTwo } = await talk(two, alice, 'unread of the second');
    const { incoming: ofOne } = await talk(one, alice, 'unread of the first');
    await Promise.all([ofTwo, ofOne].map((channel) => state(channel, 2)));
    await Promise.all([one, two].map(({ connection }) => connection.disconnect()));
    await Promise.all([ofTwo, ofOne].map((channel) => state(channel, 3)));
    const channel = await alice.connection.ensureText(two.jid);
    const open = ((await alice.connection.get(names.requests, 'Channels')) as [string][]).map(([path]) => path);
    expect(open).toEqual([channel.path]);
    expect((await channel.pending()).map(({ text }) => text)).toEqual(['unread of the second', 'unread of the first']);
    for (const person of [one, two]) {
      await person.connect();
      await contactIsThere(person.connection, alice.jid);
    }
    await aliceSeesAll();
    // The new one secures itself with whoever is back. Given up in the middle, that would count as a failure there, and what comes next would leave in plaintext.
    await state(channel, 2);
  });

  test('leaves a conversation that another client of the contact can have only anew', async () => {
    const { incoming: ofTwo } = await talk(two, alice, 'second');
    await state(ofTwo, 2);
    await two.connection.disconnect();
    await state(ofTwo, 3);
    // The first has another key: what it says is another conversation, and gets through.
    const { incoming, message } = await talk(one, alice, 'first');
    isSecured(message);
    expect(incoming.path).not.toBe(ofTwo.path);
    expect(await ofTwo.getAll(names.securable)).toMatchObject({ State: 3 });
    // And the ended one goes on when its own client is back.
    await two.connect();
    await contactIsThere(two.connection, alice.jid);
    const { incoming: again } = await talk(two, alice, 'second again');
    expect(again.path).toBe(ofTwo.path);
    await propertyOf(ofTwo, names.securable, 'State', (value) => value === 2);
  });
});
