/** Messages in a text channel, over the bus. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Bus } from '../../src/bus/connection.ts';
import { bool, bytes, i64, str, u32, Variant } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { CHANNEL, CONNECTION, DESTROYABLE, MESSAGES, REQUESTS, TEXT } from '../../src/telepathy/constants.ts';
import type { Submission } from '../../src/telepathy/messages.ts';
import { maxPending } from '../../src/telepathy/pending-messages.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { connect, deferred, ensureText, openClient, text, Traffic } from './client.ts';
import type { Remote } from './client.ts';
import { EchoManager, quietNetwork } from './echo.ts';
import type { Conversation, EchoAccount } from './echo.ts';

const ERROR = 'org.freedesktop.Telepathy.Error';
let daemon: TestBus;
let echo: EchoManager;
let client: Bus;
let traffic: Traffic;
let connection: Remote;
let account: EchoAccount;
let channel: Remote;
let conversation: Conversation;
let names = 0;

beforeAll(async () => {
  daemon = await startBus();
  echo = await EchoManager.start(daemon.address);
  client = await openClient(daemon.address, echo.bus.uniqueName);
  traffic = await Traffic.start(daemon.address, client, echo.bus.uniqueName);
});
beforeEach(async () => {
  echo.network = quietNetwork();
  connection = await connect(client, `account${++names}@echo`);
  account = echo.accounts.at(-1)!;
  channel = await ensureText(connection, 'bob@echo');
  conversation = account.conversations.get(2)!;
  await traffic.take();
});
afterEach(async () => {
  await account.connection.end();
});
afterAll(async () => {
  await traffic.stop();
  client.close();
  await echo.stop();
  await daemon.stop();
});

const pending = async (of = channel): Promise<VariantMap[][]> => (await of.get(MESSAGES, 'PendingMessages')) as VariantMap[][];
const ids = async (): Promise<unknown[]> => (await pending()).map(([header]) => header!.get('pending-message-id')?.value);
const silent = (): Promise<void> => Promise.resolve();

describe('sending', () => {
  test('returns the token first; then the message is signalled as sent, under both APIs', async () => {
    const sent = channel.next(MESSAGES, 'MessageSent');
    const old = channel.next(TEXT, 'Sent');
    const before = Math.floor(Date.now() / 1000);
    const [token] = await channel.call(MESSAGES, 'SendMessage', text('hello', { 'message-sender': u32(2), 'message-type': u32(1), 'security-mechanism': str('xtls') }), 0xffff_ffff);
    const [[header, body], flags, sentToken] = (await sent) as [[VariantMap, VariantMap], number, string];
    expect([sentToken, flags]).toEqual([token, 1]);
    const time = Number(header.get('message-sent')?.value);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(header).toEqual(new Map<string, Variant>([
      ['message-sent', i64(BigInt(time))], ['message-type', u32(1)], ['message-token', str(token as string)], ['message-sender', u32(1)], ['message-sender-id', str(`account${names}@echo`)],
    ]));
    expect(body).toEqual(text('hello')[1]);
    expect(await old).toEqual([time, 1, 'hello']);
    // The echo came before the reply, so its signals were not held back.
    expect(await traffic.take()).toEqual(['Received', 'MessageReceived', '→ SendMessage', 'MessageSent', 'Sent']);
  });

  test('gives the channel what it needs to send', async () => {
    const submissions: Submission[] = [];
    echo.network.send = (message) => {
      submissions.push(message);
      return Promise.resolve();
    };
    const [token] = await channel.call(MESSAGES, 'SendMessage', text('hello', { 'message-sender': u32(2) }), 1);
    expect(submissions).toEqual([{ parts: [new Map([['message-type', u32(0)]]), text('hello')[1]], type: 0, content: 'hello', flags: 1, token }]);
  });

  test('may take its time: the token comes at once, the signal when the message has left', async () => {
    let left: Submission | undefined;
    echo.network.send = (message) => {
      left = message;
      return Promise.resolve();
    };
    const [token] = await channel.call(MESSAGES, 'SendMessage', text('patience'), 0);
    expect(await traffic.take()).toEqual(['→ SendMessage']);
    const sent = channel.next(MESSAGES, 'MessageSent');
    conversation.messages.sent(left!.parts, left!.flags, left!.token);
    expect((await sent)[2]).toBe(token);
    expect(await traffic.take()).toEqual(['MessageSent', 'Sent']);
  });

  test('is still announced after the reply when the message leaves long before it', async () => {
    const accepted = deferred();
    const left = deferred();
    echo.network.send = (message, { messages }) => {
      messages.sent(message.parts, message.flags, message.token);
      left.resolve();
      return accepted.promise;
    };
    const call = channel.call(MESSAGES, 'SendMessage', text('quick'), 0);
    await left.promise;
    expect(await traffic.take()).toEqual([]);
    accepted.resolve();
    await call;
    expect(await traffic.take()).toEqual(['→ SendMessage', 'MessageSent', 'Sent']);
  });

  test('that fails is an error, and nothing was sent', async () => {
    echo.network.send = (message, { messages }) => {
      messages.sent(message.parts, message.flags, message.token);
      return Promise.reject(new HushError('terminated', 'the session has ended'));
    };
    await expect(channel.call(MESSAGES, 'SendMessage', text('x'), 0)).rejects.toMatchObject({ name: `${ERROR}.Terminated`, message: 'the session has ended' });
    await expect(channel.call(TEXT, 'Send', 0, 'x')).rejects.toMatchObject({ name: `${ERROR}.Terminated` });
    expect(await traffic.take()).toEqual(['✗ SendMessage', '✗ Send']);
  });

  test('works with the old API too', async () => {
    const sent = channel.next(MESSAGES, 'MessageSent');
    await channel.call(TEXT, 'Send', 1, 'waves');
    expect(((await sent) as [VariantMap[]])[0][1]).toEqual(text('waves')[1]);
    expect((await traffic.take()).slice(2)).toEqual(['→ Send', 'MessageSent', 'Sent']);
    expect(await channel.call(TEXT, 'GetMessageTypes')).toEqual([[0, 1]]);
    await expect(channel.call(TEXT, 'Send', 2, 'x')).rejects.toMatchObject({ name: `${ERROR}.InvalidArgument` });
  });

  test.each<[string, VariantMap[]]>([
    ['nothing', []],
    ['a header alone', [new Map()]],
    ['bytes for text', [new Map(), new Map<string, Variant>([['content-type', str('text/plain')], ['content', bytes(Buffer.from('x'))]])]],
    ['a delivery report', text('x', { 'message-type': u32(4) })],
    ['more than can be sent', text('x'.repeat(100_000))],
  ])('%s is refused', async (_name, parts) => {
    await expect(channel.call(MESSAGES, 'SendMessage', parts, 0)).rejects.toMatchObject({ name: `${ERROR}.InvalidArgument` });
    expect(await traffic.take()).toEqual(['✗ SendMessage']);
  });

  test('by another client of the account is signalled with its own time', async () => {
    const sent = channel.next(MESSAGES, 'MessageSent');
    conversation.messages.sent(text('from my phone', { 'message-sent': i64(1_000_000_000) }), 0, 'phone-1');
    const [[header]] = (await sent) as [VariantMap[]];
    expect([header!.get('message-sent'), header!.get('message-token')]).toEqual([i64(1_000_000_000n), str('phone-1')]);
  });
});

describe('receiving', () => {
  test('signals the message and keeps it until it is acknowledged', async () => {
    const received = channel.next(MESSAGES, 'MessageReceived');
    const old = channel.next(TEXT, 'Received');
    account.incoming('bob@echo', 'hello');
    const [message] = (await received) as [VariantMap[]];
    const time = Number(message[0]!.get('message-received')?.value);
    expect(message).toEqual([
      new Map<string, Variant>([['message-received', i64(BigInt(time))], ['message-sender-id', str('bob@echo')], ['message-type', u32(0)], ['message-sender', u32(2)], ['pending-message-id', u32(1)]]),
      text('hello')[1],
    ]);
    expect(await old).toEqual([1, time, 2, 0, 0, 'hello']);
    expect(await pending()).toEqual([message]);
    expect(await channel.call(TEXT, 'ListPendingMessages', false)).toEqual([[[1, time, 2, 0, 0, 'hello']]]);

    const removed = channel.next(MESSAGES, 'PendingMessagesRemoved');
    await channel.call(TEXT, 'AcknowledgePendingMessages', [1]);
    expect(await removed).toEqual([[1]]);
    expect(await pending()).toEqual([]);
  });

  test('acknowledges all or nothing', async () => {
    for (const content of ['one', 'two', 'three']) account.incoming('bob@echo', content);
    for (const wrong of [[1, 99], [0], [4]]) await expect(channel.call(TEXT, 'AcknowledgePendingMessages', wrong)).rejects.toMatchObject({ name: `${ERROR}.InvalidArgument` });
    expect(await ids()).toEqual([1, 2, 3]);
    await channel.call(TEXT, 'AcknowledgePendingMessages', [3, 1, 1]);
    await expect(channel.call(TEXT, 'AcknowledgePendingMessages', [1])).rejects.toMatchObject({ name: `${ERROR}.InvalidArgument` });
    await traffic.take();
    await channel.call(TEXT, 'AcknowledgePendingMessages', []);
    expect(await traffic.take()).toEqual(['→ AcknowledgePendingMessages']);
    expect(await ids()).toEqual([2]);
    expect(((await channel.call(TEXT, 'ListPendingMessages', true)) as [unknown[]])[0]).toHaveLength(1);
    expect(await ids()).toEqual([]);
  });

  test('shows parts of a message on demand', async () => {
    account.incoming('bob@echo', 'hello');
    expect(await channel.call(MESSAGES, 'GetPendingMessageContent', 1, [1])).toEqual([new Map([[1, str('hello')]])]);
    for (const [id, parts] of [[1, [0]], [1, [2]], [9, [1]]] as const) {
      await expect(channel.call(MESSAGES, 'GetPendingMessageContent', id, parts)).rejects.toMatchObject({ name: `${ERROR}.InvalidArgument` });
    }
  });

  test('refuses, and says so to clients and to whoever can tell the sender, when there are too many unread', async () => {
    for (let count = 0; count < maxPending; count++) conversation.messages.received(text(`message ${count}`));
    expect(conversation.refused).toEqual([]);
    const lost = channel.next(TEXT, 'LostMessage');
    expect(conversation.messages.received(text('one too many'))).toBe(0);
    await lost;
    expect(conversation.refused).toEqual([text('one too many')]);
    expect(await pending()).toHaveLength(maxPending);
    await channel.call(TEXT, 'AcknowledgePendingMessages', [1]);
    expect(conversation.messages.received(text('now there is room'))).toBe(maxPending + 1);
  });
});

describe('a delivery report', () => {
  test('of a failure is a message with the lost one in it, and a SendError', async () => {
    const [received, error, old] = [channel.next(MESSAGES, 'MessageReceived'), channel.next(TEXT, 'SendError'), channel.next(TEXT, 'Received')];
    const echoed = text('hello', { 'message-sent': i64(1_000_000_000), 'message-type': u32(1) });
    conversation.messages.deliveryReport({ status: 'permanently-failed', token: 'token-x', sender: 2, echo: echoed, error: new HushError('does-not-exist', 'no such account') });
    const [[header]] = (await received) as [VariantMap[]];
    expect(header).toEqual(new Map<string, Variant>([
      ['message-received', header!.get('message-received')!], ['message-sender-id', str('bob@echo')], ['message-type', u32(4)], ['message-sender', u32(2)], ['delivery-status', u32(3)], ['delivery-token', str('token-x')],
      ['delivery-echo', new Variant('aa{sv}', text('hello', { 'message-sent': i64(1_000_000_000n), 'message-type': u32(1) }))],
      ['delivery-error', u32(2)], ['delivery-dbus-error', str(`${ERROR}.DoesNotExist`)], ['delivery-error-message', str('no such account')], ['pending-message-id', u32(1)],
    ]));
    expect(await error).toEqual([2, 1_000_000_000, 1, 'hello']);
    expect((await old).slice(2)).toEqual([2, 4, 2, '']);
    expect(await ids()).toEqual([1]);
  });

  test('of a success is a message alone', async () => {
    conversation.messages.deliveryReport({ status: 'delivered', token: 'token-x', sender: 2 });
    expect(await traffic.take()).toEqual(['Received', 'MessageReceived']);
  });
});

describe('closing with unread messages', () => {
  test('opens a channel in its place, with the messages marked as rescued', async () => {
    account.incoming('bob@echo', 'you did not see this');
    await traffic.take();
    const news = connection.next(REQUESTS, 'NewChannels');
    await channel.call(CHANNEL, 'Close');
    const [[[path, properties]]] = (await news) as [[[string, VariantMap]]];
    expect(path).not.toBe(channel.path);
    expect([properties.get(`${CHANNEL}.Requested`), properties.get(`${CHANNEL}.InitiatorHandle`)]).toEqual([bool(false), u32(2)]);
    expect(await traffic.take()).toEqual(['Closed', 'ChannelClosed', 'NewChannels', 'NewChannel', '→ Close']);
    const respawned = connection.at(path);
    const [[header, body]] = (await pending(respawned)) as [[VariantMap, VariantMap]];
    expect([header.get('rescued'), header.get('pending-message-id'), body]).toEqual([bool(true), u32(1), text('you did not see this')[1]]);
    expect(await respawned.call(TEXT, 'ListPendingMessages', false)).toEqual([[[1, expect.any(Number), 2, 0, 8, 'you did not see this']]]);
    await respawned.call(TEXT, 'AcknowledgePendingMessages', [1]);
    await respawned.call(CHANNEL, 'Close');
    expect(await connection.get(REQUESTS, 'Channels')).toEqual([]);
  });

  test('does not when the channel is destroyed, or the connection ends', async () => {
    account.incoming('bob@echo', 'x');
    await channel.call(DESTROYABLE, 'Destroy');
    expect(await connection.get(REQUESTS, 'Channels')).toEqual([]);
    account.incoming('bob@echo', 'y');
    await traffic.take();
    await connection.call(CONNECTION, 'Disconnect');
    expect(await traffic.take()).toEqual(['Closed', 'ChannelClosed', 'StatusChanged', '→ Disconnect']);
  });

  test('leaves a send that was under way without consequences', async () => {
    const accepted = deferred();
    const taken = deferred();
    echo.network.send = () => {
      taken.resolve();
      return accepted.promise;
    };
    const call = channel.call(MESSAGES, 'SendMessage', text('x'), 0);
    await taken.promise;
    conversation.channel.close();
    accepted.resolve();
    await expect(call).resolves.toHaveLength(1);
    conversation.messages.sent(text('x'), 0, 'late');
    conversation.messages.received(text('late'));
    expect(await traffic.take()).toEqual(['Closed', 'ChannelClosed', '→ SendMessage']);
  });
});

test('message content comes with the types that were sent, whatever a client made of them', async () => {
  echo.network.send = silent;
  await expect(channel.callAs('aa{sv}i', MESSAGES, 'SendMessage', text('x'), 0)).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.InvalidArgs' });
  await expect(channel.call(MESSAGES, 'SendMessage', text('x', { 'message-type': new Variant('i', 1) }), 0)).resolves.toHaveLength(1);
});
