import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names } from '../harness/telepathy-client.ts';
import type { Message, TextChannel } from '../harness/telepathy-client.ts';
import { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ prosody: { logStanzas: true } });
  await stage.prosody.befriend('alice', 'bob');
});
afterAll(() => stage.close());

function nextMessage(channel: TextChannel, text: string): Promise<Message> {
  return channel.received((message) => message.text === text);
}

test('a contact whose client knows nothing of it notices nothing, and nothing waits', async () => {
  const alice = await stage.client.connect(stage.parameters('alice'));
  await alice.contactList();
  const peer = await stage.peer('bob');
  const handle = await alice.handle(stage.prosody.jid('bob'));
  // Its capabilities are known: there is nothing left to ask.
  const [types] = await alice.call('org.freedesktop.Telepathy.Connection.Interface.ClientTypes', 'RequestClientTypes', handle);
  expect(types).toBeDefined();
  const states: unknown[] = [];
  const off = alice.bus.subscribe({ sender: alice.busName, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0: names.securable }, ({ body }) => states.push(body[1]));
  const out = await alice.ensureText(stage.prosody.jid('bob'));
  await out.send('hello');
  await stage.events.expect({ source: 'bob', body: 'hello' });
  const answer = nextMessage(out, 'hello yourself');
  await peer.message(stage.prosody.jid('alice'), 'hello yourself');
  expect(await answer).toMatchObject({ parts: [{ 'security-mechanism': '' }, {}] });
  expect(states).toEqual([]);
  expect(await out.getAll(names.securable)).toMatchObject({ State: 0, AvailableMechanisms: [], Encrypted: false });
  // Not one stanza of an attempt.
  expect(stage.prosody.log()).not.toMatch(/session-initiate|http:\/\/jabber.org\/protocol\/ibb' *block-size/);
  off();
});
