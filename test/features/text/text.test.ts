import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Variant } from '../../../src/bus/types.ts';
import { names, plain, RemoteObject, TextChannel, variants } from '../../harness/telepathy-client.ts';
import type { Message, TelepathyConnection } from '../../harness/telepathy-client.ts';
import { arrivalOf, contactIsThere } from '../../scenarios/people.ts';
import { Stage } from '../../scenarios/stage.ts';

let stage: Stage;
let alice: TelepathyConnection;
let bob: TelepathyConnection;
let connections: TelepathyConnection[] = [];
let bobId: string;

beforeAll(async () => {
  stage = await Stage.open();
  await stage.prosody.befriend('alice', 'bob');
  bobId = stage.prosody.jid('bob');
});
afterAll(() => stage.close());

/** Fresh connections: no test sees the channels of another. */
beforeEach(async () => {
  for (const connection of connections) await connection.disconnect();
  [alice, bob] = await Promise.all([stage.client.connect(stage.parameters('alice')), stage.client.connect(stage.parameters('bob'))]);
  connections = [alice, bob];
  await Promise.all([alice.contactList(), bob.contactList()]);
});

/** The next channel that is announced. */
async function arrivalAt(connection: TelepathyConnection): Promise<TextChannel> {
  const [channels] = await connection.signal('NewChannels');
  return new TextChannel(connection, (channels as [string][])[0]![0]);
}

/** What bob gets when alice writes; the channel it came in. */
async function talk(text: string): Promise<{ out: TextChannel; incoming: TextChannel; message: Message }> {
  const out = await alice.ensureText(bobId);
  const arrival = arrivalAt(bob);
  await out.send(text);
  const incoming = await arrival;
  const pending = await incoming.pending();
  return { out, incoming, message: pending[0] ?? (await incoming.received()) };
}

async function errorOf(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'no error', (error: unknown) => (error as Error).name);
}

const T = 'org.freedesktop.Telepathy.Error.';

describe('a text channel', () => {
  test('says in its immutable properties what it is, and nothing of security before it is known', async () => {
    const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetHandle`]: await alice.handle(bobId) });
    const [yours, path, properties] = await alice.call(names.requests, 'EnsureChannel', request);
    expect(yours).toBe(true);
    expect(plain(properties)).toMatchObject({
      [`${names.channel}.TargetID`]: bobId,
      [`${names.channel}.Requested`]: true,
      [`${names.channel}.InitiatorID`]: stage.prosody.jid('alice'),
      [`${names.channel}.Interfaces`]: expect.arrayContaining([names.messages, names.chatState, names.securable, names.destroyable]) as unknown,
    });
    expect(Object.keys(plain(properties) as object).filter((name) => name.startsWith(names.securable))).toEqual([]);
    expect((await alice.call(names.requests, 'EnsureChannel', request)).slice(0, 2)).toEqual([false, path]);
    expect(await errorOf(alice.call(names.requests, 'CreateChannel', request))).toBe(`${T}NotAvailable`);
  });

  test('asked never to be secured says so for good', async () => {
    const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: bobId, [`${names.securable}.Encrypted`]: false });
    const [, path, properties] = await alice.call(names.requests, 'EnsureChannel', request);
    expect(plain(properties)).toMatchObject({ [`${names.securable}.Encrypted`]: false });
    const channel = new RemoteObject(stage.session.bus, alice.busName, path as string);
    expect(await errorOf(channel.call(names.securable, 'Secure', []))).toBe(`${T}NotAvailable`);
    const contradictory = new Map([...request, [`${names.securable}.Verified`, new Variant('b', true)] as const]);
    expect(await errorOf(alice.call(names.requests, 'EnsureChannel', contradictory))).toBe(`${T}InvalidArgument`);
  });

  test('refuses a message that XMPP cannot carry and sends the next one', async () => {
    const out = await alice.ensureText(bobId);
    expect(await errorOf(out.send('a\u0001b'))).toBe(`${T}InvalidArgument`);
    expect(await errorOf(out.send('x'.repeat(70_000)))).toBe(`${T}InvalidArgument`);
    expect((await talk('fine')).message.text).toBe('fine');
  });

  test('carries actions and notices as what they are', async () => {
    const { out, incoming } = await talk('first');
    const actions = incoming.received();
    await out.send('waves', 1);
    expect(await actions).toMatchObject({ text: 'waves', parts: [{ 'message-type': 1 }, {}] });
    const notices = incoming.received();
    await out.send('the server restarts', 2);
    expect(await notices).toMatchObject({ text: 'the server restarts', parts: [{ 'message-type': 2 }, {}] });
  });

  test('closed with unread messages comes back with them, opened by the contact', async () => {
    const { incoming } = await talk('unread');
    const again = bob.signal('NewChannels');
    await incoming.close();
    const [[path, properties]] = plain((await again)[0]) as [[string, Record<string, unknown>]];
    expect(path).not.toBe(incoming.path);
    expect(properties).toMatchObject({ [`${names.channel}.Requested`]: false, [`${names.channel}.InitiatorID`]: stage.prosody.jid('alice') });
    const rescued = new TextChannel(bob, path);
    const [message] = await rescued.pending();
    expect(message).toMatchObject({ text: 'unread', parts: [{ rescued: true }, {}] });
    // The twin: once it is read, closing is the end.
    await rescued.acknowledge(message!.id);
    await rescued.close();
    const [channels] = [await bob.get(names.requests, 'Channels')];
    expect(channels).toEqual([]);
  });

  test('destroyed with unread messages does not come back', async () => {
    const { incoming } = await talk('unread');
    await incoming.call(names.destroyable, 'Destroy');
    expect(await bob.get(names.requests, 'Channels')).toEqual([]);
    expect(await errorOf(incoming.get(names.channel, 'Requested'))).toBe('org.freedesktop.DBus.Error.UnknownObject');
  });

  test('reports a message that came back, with its echo, and no message for an error that nobody caused', async () => {
    const out = await alice.ensureText(`nobody@${stage.prosody.domain}`);
    const report = out.received();
    const token = await out.send('is anybody there?');
    const { parts: [header] } = await report;
    expect(header).toMatchObject({
      'message-type': 4,
      'delivery-status': 3,
      'delivery-token': token,
      'delivery-dbus-error': `${T}NotAvailable`,
      'delivery-echo': [{}, { content: 'is anybody there?' }],
    });
  });

  test('reports that a message has arrived when the sender asks for it', async () => {
    const out = await alice.ensureText(bobId);
    const report = out.received();
    const [token] = await out.call(names.messages, 'SendMessage', [variants({}), variants({ 'content-type': 'text/plain', content: 'did it come?' })], 1);
    expect((await report).parts[0]).toMatchObject({ 'message-type': 4, 'delivery-status': 1, 'delivery-token': token as string });
  });

  test('shows who is typing', async () => {
    const { out, incoming } = await talk('hello');
    const typing = bob.events.expect({ name: 'ChatStateChanged', path: incoming.path, args: ([, state]: readonly unknown[]) => state === 4 });
    // The contact has shown by an answer that it understands typing notices.
    const answer = out.received();
    await incoming.send('hello yourself');
    await answer;
    await out.call(names.chatState, 'SetChatState', 4);
    await typing;
    expect(await incoming.get(names.chatState, 'ChatStates')).toMatchObject({ [String(await bob.handle(stage.prosody.jid('alice')))]: 4 });
    expect(await errorOf(out.call(names.chatState, 'SetChatState', 0))).toBe(`${T}InvalidArgument`);
    expect(await errorOf(out.call(names.chatState, 'SetChatState', 9))).toBe(`${T}InvalidArgument`);
  });

  test('keeps what came while nobody was there, with its time', async () => {
    // Alice knows that he is gone: what she says is for later.
    await contactIsThere(alice, bobId);
    const handle = await alice.handle(bobId);
    const gone = alice.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === 1);
    await bob.disconnect();
    await gone;
    connections = [alice];
    const out = await alice.ensureText(bobId);
    await out.send('for later');
    bob = await stage.client.requestConnection(stage.parameters('bob'));
    const arrival = arrivalOf(bob, 'for later');
    await bob.connect();
    connections = [alice, bob];
    const { message } = await arrival;
    expect(message).toMatchObject({ text: 'for later' });
    expect(typeof message.parts[0]!['message-sent']).toBe('bigint');
  });
});
