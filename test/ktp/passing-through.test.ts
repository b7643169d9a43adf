/** hush-ktp before channels that are not hush's: everything passes, there is no lock, and a connection manager that is at odds or gone does no harm. */
import { afterEach, expect, test } from '@jest/globals';
import { Bus } from '../../src/bus/connection.ts';
import type { ExportedObject } from '../../src/bus/object.ts';
import { objectPath } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { EventQueue } from '../harness/events.ts';
import { GlibClient } from '../harness/glib-client.ts';
import { hazeService } from '../harness/haze.ts';
import { KtpWindow, ktpBusName, ktpService, OTR, P } from '../harness/ktp.ts';
import { MissionControl, missionControlService } from '../harness/mission-control.ts';
import { Program, run } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { names, plain, RemoteObject, variants } from '../harness/telepathy-client.ts';
import { errorOf } from '../scenarios/people.ts';
import { complaints } from '../scenarios/stage.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function owned<T extends { stop(): Promise<void> }>(thing: T): T {
  stops.push(() => thing.stop());
  return thing;
}

test('a channel of telepathy-haze is as it was without: read, answered, acknowledged, closed; its lock stays open, and OTR is its user’s own business', async () => {
  const prosody = owned(await startProsody({ users: { alice: 'alice', bob: 'bob' }, tls: false, plainAllowed: true }));
  await prosody.befriend('alice', 'bob');
  const session = owned(await startSession([hazeService(), missionControlService(), ktpService()]));
  const events = new EventQueue();
  const bob = owned(await SlixmppPeer.connect(prosody, events, 'bob', 'bob'));
  await bob.presence();
  const account = await new MissionControl(session).add('haze/jabber', 'alice', { account: 'alice@localhost', password: 'alice', server: '127.0.0.1', port: prosody.port, 'require-encryption': false, 'auth-plain-in-clear': true });
  await account.request('available');
  await account.online();
  const glib = owned(await GlibClient.start(session, events));
  await glib.online(account.path);
  // What comes before Mission Control has asked the handler what it takes, it closes.
  const early = await glib.text(account.path, 'bob@localhost');
  await glib.close(early);
  await events.expect({ source: 'Harness', name: 'channel-closed', channel: early });

  await bob.message('alice@localhost', 'one');
  const channel = (await events.expect({ source: 'Harness', name: 'channel', contact: 'bob@localhost' })).channel as string;
  const { window, pending, level } = await KtpWindow.open(session.bus, channel, events);
  expect({ texts: pending.map(({ text }) => text), level }).toEqual({ texts: ['one'], level: 0 });
  await window.acknowledge(pending[0]!.id);
  await events.expect({ source: 'window', name: 'PendingMessagesRemoved' });
  await window.send('two');
  await events.expectMany([{ source: 'bob', name: 'message', body: 'two' }, { source: 'window', name: 'MessageSent' }]);
  // An OTR of the user's own passes, too: nothing here is between the two.
  await window.send('?OTRv23? by hand');
  await events.expect({ source: 'bob', name: 'message', body: '?OTRv23? by hand' });
  for (const [member, ...args] of [['Initialize'], ['Stop'], ['TrustFingerprint', '', true], ['StartPeerAuthentication', '', 'x']] as const) {
    expect(await errorOf(window.call(OTR, member, ...args))).toBe(`${P}EncryptionError`);
  }
  expect(await window.level()).toBe(0);
  await window.call(OTR, 'DisconnectProxy');
  expect(await errorOf(window.send('three'))).toBe(`${P}NotConnected`);
  await glib.close(channel);
  await events.expect({ source: 'Harness', name: 'channel-closed', channel });
  await session.gone(ktpBusName);
  expect(complaints(await session.log('hush-ktp'))).toEqual([]);
}, 60_000);

const path = objectPath('/org/freedesktop/Telepathy/Connection/stub/jabber/alice/Text1');
const connection = path.slice(0, path.lastIndexOf('/'));

/** On the bus, for itself. */
async function program({ address }: Session): Promise<Bus> {
  const bus = await Bus.open({ address, log: silentLog });
  stops.push(async () => {
    bus.close();
    await bus.closed;
  });
  return bus;
}

/** A connection manager that is only what a test needs of it. `pending`: what it answers. */
async function stub(pending: (channel: ExportedObject) => VariantMap[][]) {
  const session = owned(await startSession([ktpService()]));
  const manager = await program(session);
  await manager.requestName(connection.slice(1).replaceAll('/', '.'));
  const channel = manager.objects.export(path);
  channel.implement(names.messages, {
    methods: { SendMessage: () => '', GetPendingMessageContent: () => new Map() },
    properties: { SupportedContentTypes: () => [], MessageTypes: () => [], MessagePartSupportFlags: () => 0, PendingMessages: () => pending(channel), DeliveryReportingSupport: () => 0 },
  });
  const events = new EventQueue();
  await session.activate(ktpBusName);
  const client = new RemoteObject(session.bus, ktpBusName, `/${ktpBusName.replaceAll('.', '/')}`);
  const properties = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: 'bob', [`${names.channel}.Interfaces`]: [names.messages] });
  const observe = (): Promise<unknown> => client.call('org.freedesktop.Telepathy.Client.Observer', 'ObserveChannels', '/account', connection, [[path, properties]], '/', [], new Map());
  return { session, events, window: KtpWindow.at(session.bus, path, events), observe, channel, manager, log: () => session.log('hush-ktp') };
}

const message = (id: number): VariantMap[] => [variants({ 'pending-message-id': id }), variants({ 'content-type': 'text/plain', content: `text ${id}` })];
const idsIn = (messages: unknown): unknown[] => (plain(messages) as Record<string, unknown>[][]).map(([header]) => header!['pending-message-id']);

test('what comes and goes while a channel is asked what it has is neither lost nor shown twice', async () => {
  const { window, observe, channel, events, manager } = await stub((messages) => {
    // Before the answer, which tells of it, too; and right behind the answer.
    messages.emit(names.messages, 'MessageReceived', message(2));
    queueMicrotask(() => {
      messages.emit(names.messages, 'PendingMessagesRemoved', [1]);
      messages.emit(names.messages, 'MessageReceived', message(3));
    });
    return [message(1), message(2)];
  });
  await observe();
  // The same channel once more, as after a restart of the dispatcher.
  await observe();
  await window.call(OTR, 'ConnectProxy');
  expect(idsIn(await window.get(OTR, 'PendingMessages'))).toEqual([2, 3]);
  channel.emit(names.messages, 'PendingMessagesRemoved', [2, 3]);
  channel.emit(names.messages, 'MessageReceived', message(4));
  await events.expect({ source: 'window', name: 'PendingMessagesRemoved', args: [[2, 3]] });
  const { args } = await events.expect({ source: 'window', name: 'MessageReceived' });
  expect(idsIn(args)).toEqual([4]);
  expect(idsIn(await window.get(OTR, 'PendingMessages'))).toEqual([4]);
  // The connection manager goes: so does what stood before its channel.
  manager.close();
  await manager.closed;
  await untilGone(window);
});

test('a channel that does not say what it has is left to the window, and holds nobody up', async () => {
  const { window, observe, log } = await stub(() => {
    throw new Error('it has other things to do');
  });
  await observe();
  await untilGone(window);
  expect(await log()).toContain('a channel does not say what it has');
});

test('a window that says goodbye takes nothing from the one that came after it', async () => {
  const { session, window, observe, events } = await stub(() => []);
  await observe();
  await window.call(OTR, 'ConnectProxy');
  const { window: next } = await KtpWindow.open(await program(session), path, events);
  await window.call(OTR, 'DisconnectProxy');
  expect(await next.get(OTR, 'Connected')).toBe(true);
  await next.send('still here');
  await next.call(OTR, 'DisconnectProxy');
  expect(await next.get(OTR, 'Connected')).toBe(false);
});

async function untilGone(window: KtpWindow): Promise<void> {
  for (let error = ''; error !== 'org.freedesktop.DBus.Error.UnknownObject'; ) {
    error = await errorOf(window.get(OTR, 'Connected'));
    // There is no signal for an object that goes.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('the program says its version, refuses what it does not know, and leaves when another has the name', async () => {
  const program = ktpService().command[1]!;
  expect(await run(process.execPath, [program, '--version'])).toMatch(/^hush-ktp \d/);
  expect(await new Program(process.execPath, [program, '--nonsense']).ended).toBe(64);
  const session = owned(await startSession([ktpService()]));
  expect(await new Program(process.execPath, [program], { environment: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' } }).ended).toBe(69);
  await session.activate(ktpBusName);
  expect(await new Program(process.execPath, [program], { environment: session.environment }).ended).toBe(3);
  const pid = await session.pidOf(ktpBusName);
  process.kill(pid, 'SIGTERM');
  await session.gone(ktpBusName);
});
