/** KDE Telepathy's chat window with hush-ktp before a channel of telepathy-haze: read, answered and left without a lock, as it would be without. */
import { afterEach, expect, test } from '@jest/globals';
import { EventQueue } from '../harness/events.ts';
import { hazeService } from '../harness/haze.ts';
import { ktpBusName, ktpService, OTR } from '../harness/ktp.ts';
import { MissionControl, missionControlService } from '../harness/mission-control.ts';
import { startProsody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { names, RemoteObject } from '../harness/telepathy-client.ts';
import { complaints } from '../scenarios/stage.ts';
import { openConversation, Screen } from './desktop.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function owned<T extends { stop(): Promise<void> }>(thing: T): T {
  stops.push(() => thing.stop());
  return thing;
}

test('a conversation of telepathy-haze goes both ways, its padlock is open, and starting a session there changes and sends nothing', async () => {
  const prosody = owned(await startProsody({ users: { alice: 'alice', bob: 'bob' }, tls: false, plainAllowed: true, logStanzas: true }));
  await prosody.befriend('alice', 'bob');
  const screen = owned(await Screen.open('haze'));
  const session = owned(await startSession([hazeService(), missionControlService(), ktpService(), ...screen.services]));
  const events = new EventQueue();
  const bob = owned(await SlixmppPeer.connect(prosody, events, 'bob', 'bob'));
  await bob.presence();
  const account = await new MissionControl(session).add('haze/jabber', 'alice', { account: 'alice@localhost', password: 'alice', server: '127.0.0.1', port: prosody.port, 'require-encryption': false, 'auth-plain-in-clear': true });
  await account.request('available');
  const connection = await account.online();
  await openConversation(screen, session, account.path, 'bob@localhost');

  const field = await screen.shows('the place to write', ({ role, box }) => role === 'text' && box.y > 500);
  await screen.fill(field, 'hello Bob');
  await screen.key('Return');
  await events.expect({ source: 'bob', name: 'message', body: 'hello Bob' });
  await bob.message('alice@localhost', 'hello Alice');
  await screen.shows('what Bob wrote', ({ role, name }) => role === 'label' && name === 'hello Alice');
  await screen.press('OTR', 'push button');
  await screen.press('Start session', 'menu item');
  await screen.shows('why not', ({ name }) => name.includes('the connection manager of this conversation cannot secure it'));
  await screen.fill(field, 'still here');
  await screen.key('Return');
  await events.expect({ source: 'bob', name: 'message', body: 'still here' });
  await screen.shows('an open padlock', ({ name, description }) => name === 'OTR' && description === 'Not private');
  await screen.picture('passed-through');
  expect(prosody.log()).not.toContain('?OTR');

  // What the window read through hush-ktp is read in the channel.
  const channels = (await new RemoteObject(session.bus, connection.slice(1).replaceAll('/', '.'), connection).get(names.requests, 'Channels')) as [string, Record<string, unknown>][];
  const [path] = channels.find(([, properties]) => properties[`${names.channel}.ChannelType`] === names.text)!;
  expect(await new RemoteObject(session.bus, connection.slice(1).replaceAll('/', '.'), path).get(names.messages, 'PendingMessages')).toEqual([]);
  const before = new RemoteObject(session.bus, ktpBusName, `/org/freedesktop/TelepathyProxy/OtrChannelProxy/${path.split('/').slice(-2).join('/')}`);
  expect(await before.getAll(OTR)).toMatchObject({ WrappedChannel: path, Connected: true, TrustLevel: 0, PendingMessages: [] });
  expect(complaints(await session.log('hush-ktp'))).toEqual([]);
}, 120_000);
