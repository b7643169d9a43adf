/** Text channels at the end of their connection, with a server whose words the test writes. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { complaints } from '../../scenarios/stage.ts';
import { Setting } from '../setting.ts';

let setting: Setting;

beforeAll(async () => {
  setting = await Setting.start([]);
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
