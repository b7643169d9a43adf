/** hush-ktp between Mission Control, hush and what KDE Telepathy's chat window does: the lock shows what the channel claims, and what is clicked there happens. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Bus } from '../../src/bus/connection.ts';
import { str } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { hushBusName } from '../harness/hush.ts';
import { GlibClient } from '../harness/glib-client.ts';
import { KtpWindow, ktpBusName, ktpService, OTR, P, SERVICE } from '../harness/ktp.ts';
import type { Account } from '../harness/mission-control.ts';
import { names, RemoteObject } from '../harness/telepathy-client.ts';
import { arrivalOf, contactIsThere, errorOf, isIn, Person, propertyOf, signalOf, state, T } from '../scenarios/people.ts';
import { complaints, Stage } from '../scenarios/stage.ts';

const bobsJid = 'bob@localhost';
const alicesJid = 'alice@localhost';
/** Alice's account has hush-ktp before its channels; a glib client is their handler, as the window would be. */
let stage: Stage;
let bob: Person;
let glib: GlibClient;
let account: Account;
let alice: RemoteObject;

beforeEach(async () => {
  stage = await Stage.open({ prosody: { logStanzas: true, resumeSeconds: 1 }, services: [ktpService()] });
  await stage.prosody.befriend('alice', 'bob');
  bob = await Person.arrive('bob', stage.prosody);
  await bob.hasIdentity();
  account = await stage.account('alice');
  const connection = await account.online();
  alice = new RemoteObject(stage.session.bus, connection.slice(1).replaceAll('/', '.'), connection);
  await propertyOf(alice, names.security, 'IdentityFingerprint', (value) => value !== '');
  glib = stage.owned(await GlibClient.start(stage.session, stage.events));
  await glib.online(account.path);
  await contactIsThere(bob.connection, alicesJid);
}, 60_000);
afterEach(async () => {
  const log = await stage.session.log('hush-ktp');
  await bob.leave();
  await stage.close();
  expect(complaints(log)).toEqual([]);
});

const event = (name: string, ...args: unknown[]): Record<string, unknown> => ({ source: 'window', name, ...(args.length > 0 && { args }) });
const policy = async (value: string): Promise<void> => alice.set(names.security, 'Policy', str(value));
/** The text of a message that was signalled. */
const textIn = (args: unknown): unknown => (args as [Record<string, unknown>[]])[0][1]?.content;
const channelAt = (path: string): RemoteObject => new RemoteObject(stage.session.bus, alice.busName, path);

test('what is clicked at the lock happens: started, verified by a question, stopped, begun anew; and what is written arrives once', async () => {
  const { events, session } = stage;
  await policy('off');
  // What the contact wrote before the window was there waits in it, and Mission Control has started hush-ktp by then.
  const out = await bob.connection.ensureText(alicesJid);
  await out.send('first');
  const { channel } = (await events.expect({ source: 'Harness', name: 'channel', contact: bobsJid })) as unknown as { channel: string };
  expect(await session.pidOf(ktpBusName)).not.toBe(0);
  const early = KtpWindow.at(session.bus, channel, events);
  early.stop();
  for (const [member, ...args] of [['SendMessage', [], 0], ['AcknowledgePendingMessages', []], ['Initialize'], ['Stop']] as const) {
    expect(await errorOf(early.call(OTR, member, ...args))).toBe(`${P}NotConnected`);
  }
  const { window, pending, level, fingerprint } = await KtpWindow.open(session.bus, channel, events);
  expect({ pending: pending.map(({ text }) => text), level, fingerprint }).toEqual({ pending: ['first'], level: 0, fingerprint: '' });
  expect(await window.getAll(OTR)).toMatchObject({ WrappedChannel: channel, Connected: true });
  await window.acknowledge(pending[0]!.id);
  await events.expect(event('PendingMessagesRemoved', [pending[0]!.id]));
  expect(await channelAt(channel).get(names.messages, 'PendingMessages')).toEqual([]);
  expect(await window.get(OTR, 'PendingMessages')).toEqual([]);
  expect(await errorOf(window.acknowledge(pending[0]!.id))).toBe(`${T}InvalidArgument`);

  // Plaintext is passed through, both ways; the window's own OTR is not.
  const answer = out.received();
  const token = await window.send('second');
  expect((await answer).text).toBe('second');
  expect((await events.expect(event('MessageSent'))).args).toMatchObject([[{}, { content: 'second' }], 0, token]);
  expect(await errorOf(window.send('?OTRv23?'))).toBe(`${P}EncryptionError`);
  await out.send('third');
  const { args: received } = await events.expect(event('MessageReceived'));
  expect(textIn(received)).toBe('third');
  expect(await window.get(OTR, 'PendingMessages')).toEqual(received);

  // Start session: refused where the user's policy is against it, then done.
  expect(await errorOf(window.call(OTR, 'Initialize'))).toBe(`${P}EncryptionError`);
  expect((await events.expect(event('MessageReceived'))).args).toMatchObject([[{ 'otr-message-event': 4, 'otr-error': expect.stringContaining('switched off') }, {}]]);
  expect(await window.get(OTR, 'PendingMessages')).toEqual(received);
  await policy('opportunistic');
  await window.call(OTR, 'Initialize');
  await events.expect(event('TrustLevelChanged', 1));
  expect(await window.level()).toBe(1);
  const secured = arrivalOf(bob.connection, 'canary one');
  await window.send('canary one');
  const { incoming, message } = await secured;
  expect(message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  await incoming.send('canary two');
  await events.expect({ ...event('MessageReceived'), args: (args: unknown) => textIn(args) === 'canary two' });
  const fingerprints = await window.getAll(OTR);
  expect(fingerprints.RemoteFingerprint).toBe(await bob.connection.get(names.security, 'IdentityFingerprint'));
  expect(fingerprints.LocalFingerprint).toBe(await alice.get(names.security, 'IdentityFingerprint'));
  expect(await errorOf(window.send('?OTRv23?'))).toBe(`${P}EncryptionError`);
  expect(isIn(stage.prosody.log(), '?OTR')).toBe(false);

  // The wizard: a wrong answer, one given up, a right one.
  const ask = async (secret: string): Promise<void> => {
    const asked = signalOf(incoming, 'SharedSecretRequested');
    await window.call(OTR, 'StartPeerAuthentication', 'Where did we meet?', secret);
    expect(await asked).toEqual(['Where did we meet?']);
    await events.expect(event('PeerAuthenticationInProgress'));
  };
  await ask('Paris');
  await incoming.call(names.peerAuthentication, 'AnswerSharedSecret', 'Rome');
  await events.expect(event('PeerAuthenticationConcluded', false));
  expect(await window.level()).toBe(1);
  await ask('Paris');
  await window.call(OTR, 'AbortPeerAuthentication');
  await events.expect(event('PeerAuthenticationAborted'));
  await window.call(OTR, 'AbortPeerAuthentication');
  await ask('Paris');
  await incoming.call(names.peerAuthentication, 'AnswerSharedSecret', 'Paris');
  await events.expectMany([event('PeerAuthenticationConcluded', true), event('TrustLevelChanged', 2)]);
  expect(await window.level()).toBe(2);

  // Stop: finished, and nothing leaves any more, also not as plaintext.
  await window.call(OTR, 'Stop');
  await events.expect(event('TrustLevelChanged', 3));
  expect(await errorOf(window.send('canary three'))).toBe(`${T}Cancelled`);
  await state(incoming, 3);
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);

  // Start session once more: a new channel takes the place of the dead one, verified as it was.
  await events.sync();
  await window.call(OTR, 'Initialize');
  const next = (await events.expect({ source: 'Harness', name: 'channel', contact: bobsJid })).channel as string;
  expect(next).not.toBe(channel);
  window.stop();
  const again = await KtpWindow.open(session.bus, next, events);
  expect(again.level).toBe(2);
  expect(again.fingerprint).toBe(fingerprints.RemoteFingerprint);
}, 60_000);

test('the contact asks, with and without a window; a fingerprint is trusted only if it is that of the session, and not any more when the user says so', async () => {
  const { events, session } = stage;
  const channel = await glib.text(account.path, bobsJid);
  const arrival = arrivalOf(bob.connection, 'hello');
  await glib.send(channel, 'hello');
  const { incoming } = await arrival;
  await state(channelAt(channel), 2);
  await incoming.call(names.peerAuthentication, 'StartSharedSecret', '', 'tea');
  await propertyOf(incoming, names.securable, 'State', (value) => value === 2);
  const { window, level, fingerprint } = await KtpWindow.open(session.bus, channel, events);
  expect(level).toBe(1);
  await events.expect(event('PeerAuthenticationRequested', ''));
  // A question in the way of another.
  expect(await errorOf(window.call(OTR, 'StartPeerAuthentication', '', 'tea'))).toBe(`${T}NotAvailable`);
  await events.expect(event('PeerAuthenticationError'));
  await incoming.call(names.peerAuthentication, 'AbortSharedSecret');
  await events.expect(event('PeerAuthenticationAborted'));
  await incoming.call(names.peerAuthentication, 'StartSharedSecret', 'What do I drink?', 'tea');
  await events.expect(event('PeerAuthenticationRequested', 'What do I drink?'));
  await window.call(OTR, 'RespondPeerAuthentication', 'coffee');
  await events.expect(event('PeerAuthenticationConcluded', false));
  expect(await window.level()).toBe(1);

  // What the settings show.
  const service = new RemoteObject(session.bus, ktpBusName, '/org/freedesktop/TelepathyProxy/ProxyService');
  expect((await service.call(SERVICE, 'GetFingerprintForAccount', account.path))[0]).toBe(await alice.get(names.security, 'IdentityFingerprint'));
  expect((await service.call(SERVICE, 'GetKnownFingerprints', account.path))[0]).toEqual([[bobsJid, fingerprint, false, true]]);
  expect(await service.get(SERVICE, 'PolicySettings')).toBe(1);

  for (const other of ['', '0'.repeat(64), (await window.get(OTR, 'LocalFingerprint')) as string]) {
    for (const isTrusted of [true, false]) expect(await errorOf(window.call(OTR, 'TrustFingerprint', other, isTrusted))).toBe(`${T}InvalidArgument`);
  }
  // "I have not compared it" takes nothing away where nothing was given.
  await window.call(OTR, 'TrustFingerprint', fingerprint, false);
  expect(await window.level()).toBe(1);
  await window.call(OTR, 'TrustFingerprint', fingerprint.toUpperCase().replaceAll(' ', ''), true);
  await events.expect(event('TrustLevelChanged', 2));
  expect((await service.call(SERVICE, 'GetKnownFingerprints', account.path))[0]).toEqual([[bobsJid, fingerprint, true, true]]);
  await window.call(OTR, 'TrustFingerprint', fingerprint, false);
  await events.expect(event('TrustLevelChanged', 3));
  await state(incoming, 3);
  expect(await errorOf(window.send('canary'))).toMatch(T);
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);
  expect((await service.call(SERVICE, 'GetKnownFingerprints', account.path))[0]).toEqual([[bobsJid, fingerprint, false, false]]);
}, 60_000);

test('a window that comes in the place of one that crashed is asked what that one was asked, until that is answered', async () => {
  const { events } = stage;
  const channel = await glib.text(account.path, bobsJid);
  const arrival = arrivalOf(bob.connection, 'hello');
  await glib.send(channel, 'hello');
  const { incoming } = await arrival;
  await state(channelAt(channel), 2);
  let open = await windowOfItsOwn(channel);
  const asked = 'PeerAuthenticationRequested';
  for (const [question, answer] of [
    ['', () => open.window.call(OTR, 'RespondPeerAuthentication', 'tea')],
    // By another program of the user's.
    ['What do I drink?', () => channelAt(channel).call(names.peerAuthentication, 'AnswerSharedSecret', 'tea')],
  ] as const) {
    await incoming.call(names.peerAuthentication, 'StartSharedSecret', question, 'tea');
    await events.expect(event(asked, question));
    await open.crash();
    open = await windowOfItsOwn(channel);
    await events.expect(event(asked, question));
    // Not twice in one window; not when it is answered, and the contact's client has yet to say what comes of it.
    const allow = events.forbid(event(asked));
    await open.window.call(OTR, 'ConnectProxy');
    const over = signalOf(incoming, 'SharedSecretConcluded');
    const pid = await bob.pid();
    process.kill(pid, 'SIGSTOP');
    try {
      await answer();
      await open.crash();
      open = await windowOfItsOwn(channel);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await events.expect(event('PeerAuthenticationConcluded', true));
    // Who asks anew must know, too.
    expect(await over).toEqual([true, '']);
    allow();
  }
  await open.crash();
}, 60_000);

test('when hush is killed the padlock opens at once and nothing leaves; hush-ktp that is killed is back with the channels there are, and leaves with the last', async () => {
  const { events, session } = stage;
  const channel = await glib.text(account.path, bobsJid);
  const arrival = arrivalOf(bob.connection, 'canary one');
  await glib.send(channel, 'canary one');
  const { incoming } = await arrival;
  await state(channelAt(channel), 2);
  const first = await KtpWindow.open(session.bus, channel, events);
  expect(first.level).toBe(1);

  process.kill(await session.pidOf(ktpBusName), 'SIGKILL');
  await session.gone(ktpBusName);
  await session.activate(ktpBusName);
  first.window.stop();
  // Mission Control tells it again of what there is.
  const { window, level } = await reopened(channel);
  expect(level).toBe(1);

  expect(events.all(event('TrustLevelChanged', 0))).toEqual([]);
  const ended = state(incoming, 3);
  process.kill(await session.pidOf(hushBusName), 'SIGKILL');
  await events.expect(event('TrustLevelChanged', 0));
  expect(await errorOf(window.send('canary two'))).toMatch('UnknownObject');
  await ended;
  // Mission Control connects again, and a new channel has a lock again.
  await state(incoming, 2);
  await incoming.send('canary three');
  const next = (await events.expect({ source: 'Harness', name: 'channel', contact: bobsJid })).channel as string;
  const again = await KtpWindow.open(session.bus, next, events);
  expect(again).toMatchObject({ level: 1, pending: [{ text: 'canary three' }] });
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);
  await again.window.acknowledge(again.pending[0]!.id);
  await glib.close(next);
  await session.gone(ktpBusName);
}, 60_000);

/** A window that is a process of its own, as far as the bus can tell. */
async function windowOfItsOwn(channel: string): Promise<{ window: KtpWindow; crash(): Promise<void> }> {
  const bus = await Bus.open({ address: stage.session.address, log: silentLog });
  const { window } = await KtpWindow.open(bus, channel, stage.events);
  return {
    window,
    crash: async () => {
      bus.close();
      await bus.closed;
    },
  };
}

/** The window, when hush-ktp knows of its channel. */
async function reopened(channel: string): Promise<Awaited<ReturnType<typeof KtpWindow.open>>> {
  for (;;) {
    try {
      return await KtpWindow.open(stage.session.bus, channel, stage.events);
    } catch (error) {
      // There is no signal for an object that comes.
      if (!(error as Error).name.endsWith('.UnknownObject')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
