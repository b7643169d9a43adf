/** Mission Control and telepathy-glib with secured conversations: neither knows anything of them, and nothing is any different for that. The contact is another hush on another bus. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { GlibClient } from '../harness/glib-client.ts';
import type { GlibContact, GlibMessage } from '../harness/glib-client.ts';
import { hushBusName } from '../harness/hush.ts';
import type { Account } from '../harness/mission-control.ts';
import { names, RemoteObject } from '../harness/telepathy-client.ts';
import { arrivalOf, claimed, contactIsThere, errorOf, isIn, Person, state, T } from './people.ts';
import { Stage } from './stage.ts';

const bobsJid = 'bob@localhost';
const alicesJid = 'alice@localhost';

let stage: Stage;
let account: Account;
/** What handles Alice's channels. */
let glib: GlibClient;
let bob: Person;

beforeEach(async () => {
  stage = await Stage.open({ prosody: { users: { alice: 'alice', bob: 'bob', carol: 'carol' }, logStanzas: true, resumeSeconds: 1 } });
  await stage.prosody.presetRoster('alice', [{ jid: bobsJid }, { jid: 'carol@localhost' }, { jid: 'dave@localhost' }]);
  for (const user of ['bob', 'carol']) await stage.prosody.presetRoster(user, [{ jid: alicesJid }]);
  bob = await Person.arrive('bob', stage.prosody);
  await bob.hasIdentity();
  account = await stage.account('alice');
  glib = stage.owned(await GlibClient.start(stage.session, stage.events));
  await glib.online(account.path);
  await bothThere();
}, 60_000);
afterEach(async () => {
  await bob.leave();
  await stage.close();
});

/** Both see each other. */
async function bothThere(): Promise<void> {
  await contactIsThere(bob.connection, alicesJid);
  await isThere(bobsJid);
}

/** Alice's client sees a contact. */
async function isThere(jid: string): Promise<void> {
  const isSeen = (contact: unknown): boolean => (contact as GlibContact).id === jid && (contact as GlibContact).presence === 'available';
  if (!isSeen(await glib.contact(account.path, jid))) await stage.events.expect({ source: 'Harness', name: 'contact', contact: isSeen });
}

/** Alice's channel as something that knows security sees it. */
const channelOf = (path: string): RemoteObject => new RemoteObject(stage.session.bus, path.slice(1, path.lastIndexOf('/')).replaceAll('/', '.'), path);

/** Bob's text arrives at Alice's client, in an open channel or in one that is handed to it; where. */
async function arrives(text: string): Promise<{ channel: string; message: GlibMessage }> {
  const event = await stage.events.expect({
    source: 'Harness',
    // A channel may be handed over with the message already in it.
    pending: (pending: unknown) => pending === undefined || (pending as GlibMessage[]).some((message) => message.text === text),
    message: (message: unknown) => message === undefined || (message as GlibMessage).text === text,
    name: (name: unknown) => name === 'channel' || name === 'message-received',
  });
  const message = event.name === 'channel' ? (event.pending as GlibMessage[]).find((one) => one.text === text) : (event.message as GlibMessage);
  return { channel: event.channel as string, message: message! };
}

const secured = { header: { 'security-mechanism': 'xtls' } };

test('Mission Control and telepathy-glib drive secured channels unchanged: asked for, answered, acknowledged, closed and opened again', async () => {
  const { events } = stage;
  const channel = await glib.text(account.path, bobsJid);
  const first = arrivalOf(bob.connection, 'canary one');
  const token = await glib.send(channel, 'canary one');
  const { incoming, message } = await first;
  expect(message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls', 'message-token': token });
  expect(await events.expect({ source: 'Harness', name: 'message-sent', channel })).toMatchObject({ token });
  expect(await channelOf(channel).get(names.securable, 'State')).toBe(2);

  await incoming.send('canary two');
  expect(await arrives('canary two')).toMatchObject({ channel, message: { ...secured, sender: bobsJid, rescued: false } });
  expect(await glib.pending(channel)).toMatchObject([{ text: 'canary two' }]);
  await glib.acknowledge(channel);
  await events.expect({ source: 'Harness', name: 'pending-message-removed', channel });
  expect(await glib.pending(channel)).toEqual([]);
  const sent = await glib.send(channel, 'canary three', { report: true });
  expect((await events.expect({ source: 'Harness', name: 'message-received', channel })).message).toMatchObject({ report: true, header: { 'delivery-status': 1, 'delivery-token': sent } });
  await incoming.call(names.chatState, 'SetChatState', 4);
  await events.expect({ source: 'Harness', name: 'contact-chat-state-changed', channel, contact: bobsJid, state: 4 });

  // The window is closed: what comes opens another, secured from the beginning.
  await glib.acknowledge(channel);
  await glib.close(channel);
  await events.expect({ source: 'Harness', name: 'channel-closed', channel });
  await incoming.send('canary four');
  const second = await arrives('canary four');
  expect(second).toMatchObject({ message: secured });
  expect(await channelOf(second.channel).getAll(names.securable)).toMatchObject({ State: 2, Encrypted: true });
  // Closed before it is read, it comes again, and says so.
  await glib.close(second.channel);
  const third = await arrives('canary four');
  expect(third).toMatchObject({ message: { ...secured, rescued: true } });
  await glib.acknowledge(third.channel);
  await glib.close(third.channel);
  await events.expect({ source: 'Harness', name: 'channel-closed', channel: third.channel });

  // Opened again as from a contact list, the conversation goes on where it was.
  await glib.ensure(account.path, bobsJid);
  const reopened = (await events.expect({ source: 'Harness', name: 'channel', contact: bobsJid, requested: true })).channel as string;
  expect(await channelOf(reopened).get(names.securable, 'State')).toBe(2);
  const last = arrivalOf(bob.connection, 'canary five');
  await glib.send(reopened, 'canary five');
  expect((await last).incoming.path).toBe(incoming.path);
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);
  for (const log of [await stage.session.log('hush'), await bob.session.log('hush')]) expect(log).not.toContain('canary');
});

test('a handler of plain text channels gets the one that a contact opens, and answers in it', async () => {
  const out = await bob.connection.ensureText(alicesJid);
  await out.send('canary from bob');
  const { channel, message } = await arrives('canary from bob');
  expect(message).toMatchObject({ ...secured, sender: bobsJid });
  expect(stage.events.all({ source: 'Harness', name: 'channel', channel })).toMatchObject([{ requested: false, contact: bobsJid }]);
  const answer = out.received();
  await glib.send(channel, 'canary answer');
  expect((await answer).text).toBe('canary answer');
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);
});

test('a request with demands goes through Mission Control: met, or refused by the name of what is wrong, and then nothing is dispatched', async () => {
  const { events } = stage;
  const demanding = (...claims: string[]): string[] => claims.map((claim) => `${names.securable}.${claim}`);
  await stage.peer('carol');
  await isThere('carol@localhost');
  const announced: unknown[] = [];
  stage.session.bus.subscribe({ interface: names.requests, member: 'NewChannels' }, ({ body }) => announced.push(body));
  const allow = events.forbid({ source: 'Harness', name: 'channel' });
  for (const [contact, claims, error] of [
    [bobsJid, ['NonRepudiable'], 'NotImplemented'],
    [bobsJid, ['Deniable', 'NonRepudiable'], 'InvalidArgument'],
    ['carol@localhost', ['Encrypted'], 'NotCapable'],
    ['carol@localhost', ['Verified'], 'NotCapable'],
    ['dave@localhost', ['Encrypted'], 'Offline'],
  ] as const) {
    for (const request of [glib.text(account.path, contact, demanding(...claims)), glib.ensure(account.path, contact, demanding(...claims))]) {
      await expect(request).rejects.toThrow(`${T}${error}:`);
    }
  }
  expect(announced).toEqual([]);
  await events.sync();
  allow();

  // To whom nothing is demanded of, one talks as ever.
  await glib.send(await glib.text(account.path, 'carol@localhost'), 'hello Carol');
  await events.expect({ source: 'carol', name: 'message', body: 'hello Carol' });

  const encrypted = await glib.text(account.path, bobsJid, demanding('Encrypted', 'ForwardSecret', 'WeaklyAnonymous'));
  expect(await channelOf(encrypted).getAll(names.securable)).toMatchObject({ State: 2, Encrypted: true, RequiredProperties: ['Encrypted', 'WeaklyAnonymous', 'ForwardSecret'] });
  const verified = await glib.text(account.path, bobsJid, demanding('Verified'));
  expect(verified).toBe(encrypted);
  await expect(glib.send(verified, 'canary too early')).rejects.toThrow(`${T}NotYet:`);
  // A person compares the numbers, with a program that knows of them.
  const aware = channelOf(verified);
  await aware.call(names.peerAuthentication, 'ConfirmSafetyNumber', await aware.get(names.peerAuthentication, 'SafetyNumber'));
  expect(await claimed(aware)).toContain('Verified');
  const arrival = arrivalOf(bob.connection, 'canary now');
  await glib.send(verified, 'canary now');
  expect((await arrival).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);
});

test('a hush that is killed is started again by Mission Control, and the conversation is secured anew; meanwhile nothing leaves', async () => {
  const { events, session } = stage;
  const channel = await glib.text(account.path, bobsJid);
  const arrival = arrivalOf(bob.connection, 'canary before');
  await glib.send(channel, 'canary before');
  const { incoming } = await arrival;
  await state(incoming, 2);
  const pid = await session.pidOf(hushBusName);
  const gone = session.gone(hushBusName);
  process.kill(pid, 'SIGKILL');
  const ended = state(incoming, 3);
  await gone;
  await events.expect({ source: 'Harness', name: 'channel-closed', channel });
  await expect(glib.send(channel, 'canary to nowhere')).rejects.toThrow();
  await ended;
  expect(await incoming.get(names.securable, 'EndReason')).toBe('unauthenticated');
  expect(await errorOf(incoming.send('canary meanwhile'))).toBe(`${T}EncryptionError`);

  // Bob's window is still the same, and is secured again with what was shown.
  await state(incoming, 2);
  expect(await session.pidOf(hushBusName)).not.toBe(pid);
  expect(await claimed(incoming)).toContain('KeyContinuity');
  await incoming.send('canary afterwards');
  const { channel: next, message } = await arrives('canary afterwards');
  expect(message).toMatchObject(secured);
  expect(await channelOf(next).get(names.securable, 'State')).toBe(2);
  const answer = incoming.received();
  await glib.send(next, 'canary answer');
  expect((await answer).parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);
});
