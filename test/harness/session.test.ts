/** The harness itself, with a connection manager that is not ours: what fails here is no fault of hush. */
import { afterEach, expect, test } from '@jest/globals';
import { EventQueue } from './events.ts';
import { GlibClient } from './glib-client.ts';
import { hazeBusName, hazeService } from './haze.ts';
import { MissionControl, missionControlService } from './mission-control.ts';
import { startProsody } from './prosody.ts';
import { startSession } from './session.ts';
import { SlixmppPeer } from './slixmpp-peer.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
function owned<T extends { stop(): Promise<void> }>(thing: T): T {
  stops.push(() => thing.stop());
  return thing;
}

test('Mission Control brings an account of another manager online, and a telepathy-glib client talks to a slixmpp peer', async () => {
  const prosody = owned(await startProsody({ tls: false, plainAllowed: true, users: { alice: 'a', bob: 'b' } }));
  await prosody.befriend('alice', 'bob');
  const session = owned(await startSession([hazeService(), missionControlService()]));
  const events = new EventQueue();
  const bob = owned(await SlixmppPeer.connect(prosody, events, 'bob', 'b'));
  await bob.presence('away', 'tea');

  const account = await new MissionControl(session).add('haze/jabber', 'Alice', {
    account: prosody.jid('alice'), password: 'a', server: '127.0.0.1', port: prosody.port, 'require-encryption': false, 'auth-plain-in-clear': true,
  });
  await account.request('available');
  await account.online();
  const glib = owned(await GlibClient.start(session, events));
  await glib.online(account.path);
  expect(await glib.contacts(account.path)).toMatchObject([{ id: prosody.jid('bob'), subscribe: 'yes' }]);

  const channel = await glib.text(account.path, prosody.jid('bob'));
  await glib.send(channel, 'hello Bob');
  const { from } = await events.expect({ source: 'bob', name: 'message', body: 'hello Bob' });
  await bob.message(from as string, 'hello Alice');
  const { message } = await events.expect({ source: 'Harness', name: 'message-received', channel });
  expect(message).toMatchObject({ text: 'hello Alice', sender: prosody.jid('bob') });
  await glib.acknowledge(channel);
  await events.expect({ source: 'Harness', name: 'pending-message-removed', channel });
  expect(await glib.pending(channel)).toEqual([]);

  await account.request('offline');
  await account.offline();
  expect(await session.pidOf(hazeBusName)).toBeGreaterThan(0);
});
