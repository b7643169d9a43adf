/** Asking for channels, and learning of them, over the bus. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Bus } from '../../src/bus/connection.ts';
import { bool, str, u32, Variant } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { BaseChannel } from '../../src/telepathy/base-channel.ts';
import { CHANNEL, CONNECTION, DESTROYABLE, MESSAGES, REQUESTS, TEXT } from '../../src/telepathy/constants.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { connect, deferred, ensureText, openClient, Remote, textTo, Traffic } from './client.ts';
import { EchoManager, quietNetwork } from './echo.ts';
import type { EchoAccount } from './echo.ts';

const ERROR = 'org.freedesktop.Telepathy.Error';
let daemon: TestBus;
let echo: EchoManager;
let client: Bus;
let traffic: Traffic;
let connection: Remote;
let account: EchoAccount;
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

const ensure = (request: VariantMap, through: Remote = connection): Promise<unknown[]> => through.call(REQUESTS, 'EnsureChannel', request);
/** A second program that uses the same connection. */
async function otherClient(): Promise<{ bus: Bus; through: Remote }> {
  const bus = await Bus.open({ address: daemon.address, log: silentLog });
  return { bus, through: new Remote(bus, connection.destination, connection.path) };
}
/** Until the connection manager has seen so many requests. */
async function untilAsked(count: number): Promise<void> {
  while (account.requests.length < count) await connection.get(CONNECTION, 'Status');
}

describe('a request', () => {
  test('is answered before the channel is announced, under both APIs', async () => {
    const news = connection.next(REQUESTS, 'NewChannels');
    const [isYours, path, properties] = await ensure(textTo('Bob@echo'));
    expect(isYours).toBe(true);
    expect(properties).toEqual(new Map<string, Variant>([
      [`${CHANNEL}.ChannelType`, str(TEXT)],
      [`${CHANNEL}.Interfaces`, new Variant('as', [DESTROYABLE, MESSAGES])],
      [`${CHANNEL}.TargetHandle`, u32(2)],
      [`${CHANNEL}.TargetID`, str('bob@echo')],
      [`${CHANNEL}.TargetHandleType`, u32(1)],
      [`${CHANNEL}.Requested`, bool(true)],
      [`${CHANNEL}.InitiatorHandle`, u32(1)],
      [`${CHANNEL}.InitiatorID`, str(`account${names}@echo`)],
      [`${MESSAGES}.SupportedContentTypes`, new Variant('as', ['text/plain'])],
      [`${MESSAGES}.MessageTypes`, new Variant('au', [0, 1])],
      [`${MESSAGES}.MessagePartSupportFlags`, u32(0)],
      [`${MESSAGES}.DeliveryReportingSupport`, u32(3)],
    ]));
    expect(await news).toEqual([[[path, properties]]]);
    expect(await traffic.take()).toEqual(['→ EnsureChannel', 'NewChannels', 'NewChannel']);
    expect(await connection.get(REQUESTS, 'Channels')).toEqual([[path, properties]]);
    expect(await connection.call(CONNECTION, 'ListChannels')).toEqual([[[path, TEXT, 1, 2]]]);
  });

  test('to ensure what exists gets the same channel, which is not announced again', async () => {
    const [, path, properties] = await ensure(textTo('bob@echo'));
    expect(await ensure(new Map([...textTo('x')].filter(([name]) => !name.endsWith('TargetID')).concat([[`${CHANNEL}.TargetHandle`, u32(2)]])))).toEqual([false, path, properties]);
    expect(await traffic.take()).toEqual(['→ EnsureChannel', 'NewChannels', 'NewChannel', '→ EnsureChannel']);
  });

  test('to create makes a channel, and none beside one that exists', async () => {
    const [path, properties] = await connection.call(REQUESTS, 'CreateChannel', textTo('bob@echo'));
    expect(await traffic.take()).toEqual(['→ CreateChannel', 'NewChannels', 'NewChannel']);
    await expect(connection.call(REQUESTS, 'CreateChannel', textTo('bob@echo'))).rejects.toMatchObject({ name: `${ERROR}.NotAvailable` });
    expect(await ensure(textTo('bob@echo'))).toEqual([false, path, properties]);
  });

  test('of the old API is an EnsureChannel', async () => {
    await connection.call(CONNECTION, 'RequestHandles', 1, ['bob@echo']);
    await traffic.take();
    const [path] = await connection.call(CONNECTION, 'RequestChannel', TEXT, 1, 2, true);
    expect(await traffic.take()).toEqual(['→ RequestChannel', 'NewChannels', 'NewChannel']);
    expect(await connection.call(CONNECTION, 'RequestChannel', TEXT, 1, 2, true)).toEqual([path]);
    await expect(connection.call(CONNECTION, 'RequestChannel', TEXT, 1, 0, true)).rejects.toMatchObject({ name: `${ERROR}.InvalidHandle` });
    await expect(connection.call(CONNECTION, 'RequestChannel', TEXT, 1, 77, true)).rejects.toMatchObject({ name: `${ERROR}.InvalidHandle` });
    await expect(connection.call(CONNECTION, 'RequestChannel', TEXT, 0, 2, true)).rejects.toMatchObject({ name: `${ERROR}.NotImplemented` });
    await expect(connection.call(CONNECTION, 'RequestChannel', `${CHANNEL}.Type.RoomList`, 0, 0, true)).rejects.toMatchObject({ name: `${ERROR}.NotImplemented` });
  });

  test('that cannot be is refused without any trace', async () => {
    for (const [request, error, named] of [
      [new Map(), 'InvalidArgument', 'ChannelType'],
      [textTo('bob@echo', { [`${CHANNEL}.Requested`]: bool(true) }), 'InvalidArgument', 'Requested'],
      [textTo('bob@echo', { 'com.example.Wish': str('x') }), 'InvalidArgument', 'com.example.Wish'],
      [textTo('bob@echo', { [`${CHANNEL}.TargetHandle`]: u32(1) }), 'InvalidArgument', 'TargetID'],
      [textTo('§'), 'InvalidHandle', '§'],
      [textTo('bob@echo', { [`${CHANNEL}.TargetHandleType`]: u32(2) }), 'NotImplemented', 'target type 2'],
    ] as const) {
      for (const member of ['CreateChannel', 'EnsureChannel']) {
        await expect(connection.call(REQUESTS, member, request)).rejects.toMatchObject({ name: `${ERROR}.${error}`, message: expect.stringContaining(named) });
      }
    }
    expect(await connection.get(REQUESTS, 'Channels')).toEqual([]);
    expect((await traffic.take()).filter((line) => line.startsWith('New'))).toEqual([]);
    expect(account.requests).toEqual([]);
  });

  test('that fails says so with the error of whoever worked on it', async () => {
    echo.network.open = () => Promise.reject(new HushError('encryption-not-available', 'no session reaches {Verified}'));
    await expect(ensure(textTo('bob@echo', { [`${CHANNEL}.Interface.Securable.Verified`]: bool(true) }))).rejects.toMatchObject({ name: `${ERROR}.EncryptionNotAvailable`, message: 'no session reaches {Verified}' });
    expect(account.requests[0]).toMatchObject({ kind: 'ensure', channelType: TEXT, targetHandleType: 1, target: 2 });
    expect(account.requests[0]!.properties.get(`${CHANNEL}.Interface.Securable.Verified`)).toEqual(bool(true));
    echo.network.open = () => Promise.reject(new Error('secret of the inside'));
    await expect(ensure(textTo('bob@echo'))).rejects.toMatchObject({ name: `${ERROR}.Confused`, message: 'internal error' });
    echo.network.open = () => Promise.resolve();
    expect((await ensure(textTo('bob@echo')))[0]).toBe(true);
  });

  test('of no class of any manager is not implemented, also when a manager finds that it cannot', async () => {
    account.connection.requests.add({ classes: [{ fixed: new Map<string, Variant>([[`${CHANNEL}.ChannelType`, str(`${CHANNEL}.Type.RoomList`)], [`${CHANNEL}.TargetHandleType`, u32(0)]]), allowed: [] }], request: () => undefined });
    await expect(ensure(new Map([[`${CHANNEL}.ChannelType`, str(`${CHANNEL}.Type.RoomList`)]]))).rejects.toMatchObject({ name: `${ERROR}.NotImplemented` });
    expect(await connection.get(REQUESTS, 'RequestableChannelClasses')).toHaveLength(2);
  });
});

describe('requests for the same at the same time', () => {
  test('are one: exactly one client is told that the channel is its own, and all are answered before it is announced', async () => {
    const opened = deferred();
    echo.network.open = () => opened.promise;
    const others = [await otherClient(), await otherClient()];
    const first = ensure(textTo('bob@echo'));
    await untilAsked(1);
    const joined = [...others.map(({ through }) => ensure(textTo('BOB@echo'), through)), ensure(textTo('bob@echo'))];
    // A round trip on each of them: all requests are in.
    await Promise.all([connection, ...others.map(({ through }) => through)].map((remote) => remote.get(CONNECTION, 'Status')));
    await traffic.take();
    opened.resolve();
    const answers = await Promise.all([first, ...joined]);
    expect(answers.map(([isYours]) => isYours)).toEqual([true, false, false, false]);
    expect(new Set(answers.map(([, path]) => path)).size).toBe(1);
    expect(await traffic.take()).toEqual(['→ EnsureChannel', '→ EnsureChannel', '→ EnsureChannel', '→ EnsureChannel', 'NewChannels', 'NewChannel']);
    expect(account.requests).toHaveLength(1);
    for (const { bus } of others) bus.close();
  });

  test('belong to the one that creates, if one does', async () => {
    const opened = deferred();
    echo.network.open = () => opened.promise;
    const created = connection.call(REQUESTS, 'CreateChannel', textTo('bob@echo'));
    const ensured = ensure(textTo('bob@echo'));
    await connection.get(CONNECTION, 'Status');
    await traffic.take();
    opened.resolve();
    const [[path], [isYours, same]] = await Promise.all([created, ensured]);
    expect([isYours, same]).toEqual([false, path]);
    expect(await traffic.take()).toEqual(['→ CreateChannel', '→ EnsureChannel', 'NewChannels', 'NewChannel']);
  });

  test('are two when they ask for different things', async () => {
    const opened = deferred();
    echo.network.open = () => opened.promise;
    const requests = [ensure(textTo('bob@echo')), ensure(textTo('carol@echo')), ensure(textTo('bob@echo', { [`${CHANNEL}.Interface.Securable.Verified`]: bool(true) }))];
    await untilAsked(3);
    opened.resolve();
    expect((await Promise.all(requests)).map(([isYours]) => isYours)).toEqual([true, true, false]);
  });

  test('fail together', async () => {
    const opened = deferred();
    echo.network.open = () => opened.promise;
    const requests = Promise.allSettled([ensure(textTo('bob@echo')), ensure(textTo('bob@echo'))]);
    await untilAsked(1);
    await connection.get(CONNECTION, 'Status');
    opened.reject(new HushError('offline', 'nobody home'));
    expect((await requests).map((result) => result.status === 'rejected' && (result.reason as Error).name)).toEqual([`${ERROR}.Offline`, `${ERROR}.Offline`]);
    expect(account.requests).toHaveLength(1);
  });
});

describe('a client that goes while it waits', () => {
  test('takes its request along', async () => {
    const cancelled = deferred();
    echo.network.open = ({ signal }) => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('given up'));
        cancelled.resolve();
      });
    });
    const { bus, through } = await otherClient();
    const asked = ensure(textTo('bob@echo'), through);
    await untilAsked(1);
    bus.close();
    await expect(asked).rejects.toMatchObject({ condition: 'bus-closed' });
    await cancelled.promise;
    expect(account.requests[0]!.signal.reason).toMatchObject({ condition: 'cancelled' });
    // The next one starts anew.
    echo.network.open = () => Promise.resolve();
    expect((await ensure(textTo('bob@echo')))[0]).toBe(true);
  });

  test('does not while another client waits for the same, who then is responsible', async () => {
    const opened = deferred();
    echo.network.open = () => opened.promise;
    const { bus, through } = await otherClient();
    const abandoned = ensure(textTo('bob@echo'), through).catch(() => 'gone');
    await untilAsked(1);
    const waiting = ensure(textTo('bob@echo'));
    await connection.get(CONNECTION, 'Status');
    bus.close();
    expect(await abandoned).toBe('gone');
    await new Promise<void>((resolve) => {
      client.watchName(bus.uniqueName, (owner) => {
        if (owner === '') resolve();
      });
    });
    await connection.get(CONNECTION, 'Status');
    expect(account.requests[0]!.signal.aborted).toBe(false);
    opened.resolve();
    expect((await waiting)[0]).toBe(true);
  });

  test('does not lose a channel that was made all the same: it is announced', async () => {
    const opened = deferred();
    const aborted = deferred();
    echo.network.open = ({ signal }) => {
      signal.addEventListener('abort', aborted.resolve);
      return opened.promise;
    };
    const { bus, through } = await otherClient();
    const abandoned = ensure(textTo('bob@echo'), through).catch(() => 'gone');
    await untilAsked(1);
    bus.close();
    await Promise.all([abandoned, aborted.promise]);
    const news = connection.next(REQUESTS, 'NewChannels');
    await connection.get(CONNECTION, 'Status');
    opened.resolve();
    expect(await news).toHaveLength(1);
  });
});

describe('a channel', () => {
  test('that nobody asked for is announced at once, before its message', async () => {
    const news = connection.next(REQUESTS, 'NewChannels');
    account.incoming('bob@echo', 'hello');
    const [[[path, properties]]] = (await news) as [[[string, VariantMap]]];
    expect(properties.get(`${CHANNEL}.Requested`)).toEqual(bool(false));
    expect(properties.get(`${CHANNEL}.InitiatorID`)).toEqual(str('bob@echo'));
    expect(await traffic.take()).toEqual(['NewChannels', 'NewChannel', 'Received', 'MessageReceived']);
    expect((await ensure(textTo('bob@echo'))).slice(0, 2)).toEqual([false, path]);
  });

  test('has the Channel interface, as properties and as the methods of old', async () => {
    const channel = await ensureText(connection, 'bob@echo');
    expect(await channel.getAll(CHANNEL)).toEqual(new Map<string, Variant>([
      ['ChannelType', str(TEXT)], ['Interfaces', new Variant('as', [DESTROYABLE, MESSAGES])], ['TargetHandle', u32(2)], ['TargetID', str('bob@echo')], ['TargetHandleType', u32(1)],
      ['Requested', bool(true)], ['InitiatorHandle', u32(1)], ['InitiatorID', str(`account${names}@echo`)],
    ]));
    expect(await channel.call(CHANNEL, 'GetInterfaces')).toEqual([[DESTROYABLE, MESSAGES]]);
    expect(await channel.call(CHANNEL, 'GetChannelType')).toEqual([TEXT]);
    expect(await channel.call(CHANNEL, 'GetHandle')).toEqual([1, 2]);
  });

  test.each([['Close', CHANNEL], ['Destroy', DESTROYABLE]] as const)('is gone after %s, and can be opened again', async (member, name) => {
    const channel = await ensureText(connection, 'bob@echo');
    const closed = account.conversations.get(2)!.channel.closed;
    await traffic.take();
    await channel.call(name, member);
    await closed;
    expect(await traffic.take()).toEqual(['Closed', 'ChannelClosed', `→ ${member}`]);
    await expect(channel.call(CHANNEL, 'GetHandle')).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.UnknownObject' });
    expect(await connection.get(REQUESTS, 'Channels')).toEqual([]);
    expect((await ensureText(connection, 'bob@echo')).path).not.toBe(channel.path);
  });

  test('that may not be closed stays, and says why', async () => {
    const stubborn = new BaseChannel(account.connection, {
      name: 'stubborn', type: TEXT, targetHandleType: 1, target: 1, targetId: 'x', requested: false, initiator: 0, immutable: new Map([['com.example.Colour', str('red')]]),
      onClose: () => Promise.reject(new HushError('not-available', 'not now')),
    });
    stubborn.addInterface(TEXT, { methods: { AcknowledgePendingMessages: () => undefined, GetMessageTypes: () => [], ListPendingMessages: () => [], Send: () => undefined } });
    expect(() => stubborn.object).toThrow('not exported');
    expect(() => stubborn.addInterface(CHANNEL, {} as never)).toThrow('twice');
    stubborn.export();
    expect(() => stubborn.export()).toThrow('already');
    expect(() => stubborn.addInterface(DESTROYABLE, { methods: { Destroy: () => undefined } })).toThrow('already');
    account.connection.requests.announce([stubborn]);
    expect(() => account.connection.requests.announce([stubborn])).toThrow('cannot be announced');
    const channel = connection.at(stubborn.path);
    await expect(channel.call(CHANNEL, 'Close')).rejects.toMatchObject({ name: `${ERROR}.NotAvailable`, message: 'not now' });
    expect(stubborn.isClosed).toBe(false);
    const properties = stubborn.immutableProperties();
    expect(properties.get('com.example.Colour')).toEqual(str('red'));
    expect([properties.get(`${CHANNEL}.InitiatorHandle`), properties.get(`${CHANNEL}.InitiatorID`), properties.get(`${CHANNEL}.Interfaces`)]).toEqual([u32(0), str(''), new Variant('as', [])]);
    await traffic.take();
    stubborn.close();
    stubborn.close();
    await stubborn.closed;
    expect(await traffic.take()).toEqual(['Closed', 'ChannelClosed']);
  });

  test('reads what it announces, and nothing that may cost more', () => {
    const read: string[] = [];
    const property = <T>(name: string, value: T): (() => T) => () => {
      read.push(name);
      return value;
    };
    const channel = new BaseChannel(account.connection, { name: 'frugal', type: TEXT, targetHandleType: 1, target: 1, targetId: 'x', requested: false, initiator: 0 });
    channel.addInterface(TEXT, { methods: { AcknowledgePendingMessages: () => undefined, GetMessageTypes: () => [], ListPendingMessages: () => [], Send: () => undefined } });
    channel.addInterface(MESSAGES, {
      methods: { SendMessage: () => '', GetPendingMessageContent: () => new Map() },
      properties: {
        SupportedContentTypes: property('SupportedContentTypes', ['text/plain']),
        MessageTypes: property('MessageTypes', [0]),
        MessagePartSupportFlags: property('MessagePartSupportFlags', 0),
        DeliveryReportingSupport: property('DeliveryReportingSupport', 0),
        PendingMessages: property('PendingMessages', []),
      },
    });
    channel.export();
    expect(read).toEqual(['SupportedContentTypes', 'MessageTypes', 'MessagePartSupportFlags', 'DeliveryReportingSupport']);
    expect(channel.immutableProperties().get(`${MESSAGES}.SupportedContentTypes`)).toEqual(new Variant('as', ['text/plain']));
    channel.close();
  });

  test('without its type is a mistake, and one of a connection that has ended is refused', async () => {
    const options = { name: 'bare', type: TEXT, targetHandleType: 0, target: 0, targetId: '', requested: false, initiator: 0 } as const;
    expect(() => new BaseChannel(account.connection, options).export()).toThrow('lacks its type');
    await account.connection.end();
    expect(() => account.open(account.connection.selfHandle, false)).toThrow(expect.objectContaining({ condition: 'disconnected' }));
  });
});
