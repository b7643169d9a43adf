/** Mission Control with mc-tool: what a person does with an account, and what happens when hush dies. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { GlibClient } from '../harness/glib-client.ts';
import { hushBusName } from '../harness/hush.ts';
import { RemoteObject, names } from '../harness/telepathy-client.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
  await stage.prosody.befriend('alice', 'bob');
});
afterEach(() => stage.close());

const busNameOf = (connection: string): string => connection.slice(1).replaceAll('/', '.');

test('an account goes online with the presence that was asked for before, changes it, and goes offline', async () => {
  const { events, control } = stage;
  const bob = await stage.peer('bob');
  const account = await control.add('hush/jabber', 'Alice', stage.parameters('alice'));
  await account.request('away', 'making tea');
  const connection = await account.online();
  expect(connection).toBe('/org/freedesktop/Telepathy/Connection/hush/jabber/alice_40localhost');
  await events.expect({ source: 'bob', name: 'presence', from: /^alice@localhost\//, available: true, show: 'away', status: 'making tea' });
  await account.until((now) => (now.CurrentPresence as unknown[])[1] === 'away', 5_000);

  await account.request('dnd', 'drinking it');
  await events.expect({ source: 'bob', name: 'presence', from: /^alice@localhost\//, show: 'dnd', status: 'drinking it' });
  await account.until((now) => (now.CurrentPresence as unknown[])[1] === 'dnd', 5_000);
  expect(await control.tool('show', account.id)).toMatch(/Current: {0,20}dnd/i);

  const gone = stage.session.gone(busNameOf(connection));
  await account.request('offline');
  await account.offline();
  await events.expect({ source: 'bob', name: 'presence', from: /^alice@localhost\//, available: false });
  await gone;
  expect(bob.jid).toMatch(/^bob@/);
});

test('a channel that one client asks for, and one that a contact opens, go to the handler', async () => {
  const { events } = stage;
  const bob = await stage.peer('bob');
  const account = await stage.account('alice');
  const glib = stage.owned(await GlibClient.start(stage.session, events));
  await glib.online(account.path);

  const channel = await glib.text(account.path, 'bob@localhost');
  await glib.send(channel, 'ping');
  const { from } = await events.expect({ source: 'bob', name: 'message', body: 'ping' });
  await glib.close(channel);
  await events.expect({ source: 'Harness', name: 'channel-closed', channel });

  await bob.message(from as string, 'pong');
  const incoming = await events.expect({ source: 'Harness', name: 'channel', contact: 'bob@localhost', requested: false });
  expect(incoming.pending).toMatchObject([{ text: 'pong', sender: 'bob@localhost' }]);
});

test('a hush that is killed is started again and its account reconnected, and the contact sees it', async () => {
  const { events, session } = stage;
  await stage.peer('bob');
  const account = await stage.account('alice');
  await events.expect({ source: 'bob', name: 'presence', from: /^alice@localhost\//, available: true });
  const connection = await account.online();
  const pid = await session.pidOf(hushBusName);

  const gone = session.gone(hushBusName);
  process.kill(pid, 'SIGKILL');
  await gone;
  await session.owned(hushBusName);
  expect(await session.pidOf(hushBusName)).not.toBe(pid);
  await account.until((now) => now.ConnectionStatus === 0 && now.Connection === connection, 20_000);
  await events.expect({ source: 'bob', name: 'presence', from: /^alice@localhost\//, available: true });
  const again = new RemoteObject(session.bus, busNameOf(connection), connection);
  expect(await again.get(names.connection, 'Status')).toBe(0);
});

test('two accounts in one process are independent: one goes, the other stays', async () => {
  const alice = await stage.account('alice');
  const bob = await stage.account('bob');
  const connection = await bob.online();
  await alice.request('offline');
  await alice.offline();
  const object = new RemoteObject(stage.session.bus, busNameOf(connection), connection);
  expect(await object.get(names.connection, 'Status')).toBe(0);
  expect(await object.get(names.connection, 'SelfID')).toBe('bob@localhost');
});

test('hush leaves about five seconds after its last connection, and is started again when needed', async () => {
  const account = await stage.account('alice');
  await account.request('offline');
  await account.offline();
  const start = performance.now();
  await stage.session.gone(hushBusName);
  expect(performance.now() - start).toBeGreaterThan(4_000);
  expect(performance.now() - start).toBeLessThan(7_000);
  await account.request('available');
  await account.online();
});
