/** Text channels at the end of their connection, with a server whose words the test writes. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TcpProxy } from '../../harness/tcp-proxy.ts';
import { messageOf, names } from '../../harness/telepathy-client.ts';
import type { BusSignal } from '../../harness/telepathy-client.ts';
import { complaints } from '../../scenarios/stage.ts';
import { Setting } from '../setting.ts';

let setting: Setting;

beforeAll(async () => {
  setting = await Setting.start(['alice', 'bob']);
});
afterAll(() => setting.stop());

test('messages that still wait for their turn when the user leaves open no channel and are no failure', async () => {
  const { connection, connect } = await setting.scripted();
  const session = await connect();
  const first = connection.incomingText();
  for (let i = 0; i < 500; i += 1) session.send(`<message from='stranger${i}@elsewhere.test/x' to='${session.jid}' type='chat' id='m${i}'><body>${i}</body></message>`);
  await first;
  await connection.disconnect();
  const announced = connection.events.all({ name: 'NewChannels', path: connection.path }).length;
  // They do wait: otherwise this test sees nothing.
  expect(announced).toBeLessThan(500);
  const next = await setting.scripted();
  await next.connect();
  expect(complaints(await setting.session.log('hush'))).toEqual([]);
});

test('messages that wait for a lost connection are reported as failed when the user does not wait for it', async () => {
  const network = await TcpProxy.start(setting.prosody.port);
  const connection = await setting.connect('alice', { port: network.port });
  const channel = await connection.ensureText(setting.jid('bob'));
  network.refuse();
  network.cut();
  while (!(await setting.session.log('hush')).includes('the connection is lost')) await connection.get(names.connection, 'Status');
  const token = await channel.send('into the void');
  await connection.disconnect();
  const isOfChannel = { path: channel.path };
  const [report] = connection.events.all({ name: 'MessageReceived', ...isOfChannel }).map((event) => messageOf((event as BusSignal).args[0]).parts[0]);
  expect(report).toMatchObject({ 'message-type': 4, 'delivery-status': 2, 'delivery-token': token, 'delivery-dbus-error': 'org.freedesktop.Telepathy.Error.ConnectionLost' });
  // The report comes while there is still a channel, and the end is the one that was asked for.
  const order = connection.events.all({ source: 'bus' }).map(({ name }) => name);
  expect(order.indexOf('MessageReceived')).toBeLessThan(order.indexOf('Closed'));
  expect((connection.events.all({ name: 'StatusChanged' }) as BusSignal[]).at(-1)?.args).toEqual([2, 1]);
  expect(connection.events.all({ name: 'ConnectionError' })).toEqual([]);
  await network.stop();
});
