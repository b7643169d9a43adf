/** The life of a connection, its handles and its contacts, over the bus. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Bus } from '../../src/bus/connection.ts';
import { bool, str, Variant } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { BaseChannel } from '../../src/telepathy/base-channel.ts';
import { CHANNEL, CONNECTION, CONTACTS, DESTROYABLE, REQUESTS } from '../../src/telepathy/constants.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { connect, deferred, ensureText, openClient, Remote, requestConnection, Traffic } from './client.ts';
import { EchoManager, quietNetwork } from './echo.ts';

const ERROR = 'org.freedesktop.Telepathy.Error';
let daemon: TestBus;
let echo: EchoManager;
let client: Bus;
let traffic: Traffic;
let names = 0;

beforeAll(async () => {
  daemon = await startBus();
  echo = await EchoManager.start(daemon.address);
  client = await openClient(daemon.address, echo.bus.uniqueName);
  traffic = await Traffic.start(daemon.address, client, echo.bus.uniqueName);
});
afterEach(() => {
  echo.network = quietNetwork();
});
afterAll(async () => {
  await traffic.stop();
  client.close();
  await echo.stop();
  await daemon.stop();
});

/** Gone from the bus, also under the unique name of the connection manager, which stays. */
async function expectGone({ path }: Remote, name = CONNECTION): Promise<void> {
  await expect(new Remote(client, echo.bus.uniqueName, path).getAll(name)).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.UnknownObject' });
}

const fresh = (): Promise<Remote> => requestConnection(client, `account${++names}@echo`);

describe('connecting', () => {
  test('says Connecting, then who we are, then Connected', async () => {
    const connection = await fresh();
    const connected = new Promise<unknown>((resolve) => {
      echo.accounts.at(-1)!.connection.events.on('connected', () => resolve(undefined));
    });
    const hooks: string[] = [];
    const { connection: ours } = echo.accounts.at(-1)!;
    ours.events.on('beforeConnected', () => {
      throw new Error('one that fails harms nobody');
    });
    ours.events.on('beforeConnected', () => void hooks.push(`status ${ours.status} before`));
    ours.events.on('connected', () => void hooks.push(`status ${ours.status} after`));
    await traffic.take();
    expect(await connection.getAll(CONNECTION)).toEqual(new Map<string, Variant>([
      ['Interfaces', new Variant('as', [REQUESTS, CONTACTS])], ['SelfHandle', new Variant('u', 0)], ['SelfID', str('')], ['Status', new Variant('u', 2)], ['HasImmortalHandles', bool(true)],
    ]));
    await connection.call(CONNECTION, 'Connect');
    await connected;
    expect(await traffic.take()).toEqual(['→ GetAll', 'StatusChanged', '→ Connect', 'SelfHandleChanged', 'SelfContactChanged', 'StatusChanged']);
    expect(hooks).toEqual(['status 1 before', 'status 0 after']);
    expect(await connection.get(CONNECTION, 'SelfHandle')).toBe(1);
    expect(await connection.get(CONNECTION, 'SelfID')).toBe(`account${names}@echo`);
    expect(await connection.call(CONNECTION, 'GetStatus')).toEqual([0]);
    expect(await connection.call(CONNECTION, 'GetSelfHandle')).toEqual([1]);
    expect(await connection.call(CONNECTION, 'GetProtocol')).toEqual(['echo-im']);
    expect(await connection.call(CONNECTION, 'GetInterfaces')).toEqual([[REQUESTS, CONTACTS]]);
  });

  test('once is enough: a second Connect changes nothing, while connecting and when connected', async () => {
    const online = deferred();
    let attempts = 0;
    echo.network.connect = () => {
      attempts++;
      return online.promise;
    };
    const connection = await fresh();
    await connection.call(CONNECTION, 'Connect');
    await connection.call(CONNECTION, 'Connect');
    expect(await connection.get(CONNECTION, 'Status')).toBe(1);
    const connected = connection.next(CONNECTION, 'StatusChanged');
    online.resolve();
    expect(await connected).toEqual([0, 1]);
    await connection.call(CONNECTION, 'Connect');
    expect(attempts).toBe(1);
  });

  test('that fails says why before it says Disconnected, and the connection is gone', async () => {
    echo.network.connect = () => Promise.reject(new HushError('authentication-failed', 'wrong password', { details: { 'server-message': 'go away', tries: 3, 'user-requested': false } }));
    const connection = await fresh();
    const [error, status] = [connection.next(CONNECTION, 'ConnectionError'), new Promise((resolve) => {
      client.subscribe({ path: connection.path, member: 'StatusChanged' }, ({ body }) => {
        if (body[0] === 2) resolve([...body]);
      });
    })];
    await traffic.take();
    await connection.call(CONNECTION, 'Connect');
    expect(await error).toEqual([`${ERROR}.AuthenticationFailed`, new Map<string, Variant>([['debug-message', str('wrong password')], ['server-message', str('go away')], ['tries', new Variant('d', 3)], ['user-requested', bool(false)]])]);
    expect(await status).toEqual([2, 3]);
    await expectGone(connection);
    expect((await traffic.take()).slice(0, 4)).toEqual(['StatusChanged', '→ Connect', 'ConnectionError', 'StatusChanged']);
  });

  test('that fails for a reason of our own shows nothing of it', async () => {
    echo.network.connect = () => Promise.reject(new TypeError('secret of the inside'));
    const connection = await fresh();
    const error = connection.next(CONNECTION, 'ConnectionError');
    await connection.call(CONNECTION, 'Connect');
    expect(await error).toEqual([`${ERROR}.Confused`, new Map([['debug-message', str('internal error')]])]);
  });
});

describe('disconnecting', () => {
  test('says Disconnected and leaves the server at once, returns when it has been left, and then the object is gone', async () => {
    const left = deferred();
    let isLeaving = false;
    echo.network.disconnect = () => {
      isLeaving = true;
      return left.promise;
    };
    const connection = await connect(client, `account${++names}@echo`);
    const channel = await ensureText(connection, 'bob@echo');
    await traffic.take();
    const status = connection.next(CONNECTION, 'StatusChanged');
    const returned = connection.call(CONNECTION, 'Disconnect');
    expect(await status).toEqual([2, 1]);
    expect(isLeaving).toBe(true);
    expect(await traffic.take()).toEqual(['Closed', 'ChannelClosed', 'StatusChanged']);
    await expect(connection.call(CONNECTION, 'Connect')).rejects.toMatchObject({ name: `${ERROR}.Disconnected` });
    await expectGone(channel, CHANNEL);
    const again = requestConnection(client, `account${names}@echo`);
    left.resolve();
    await returned;
    // Who connects again while the old connection takes its leave gets a new one as soon as that is done.
    expect((await again).path).toBe(connection.path);
  });

  test('works before Connect', async () => {
    const connection = await fresh();
    const status = connection.next(CONNECTION, 'StatusChanged');
    await connection.call(CONNECTION, 'Disconnect');
    expect(await status).toEqual([2, 1]);
    await expectGone(connection);
  });

  test('aborts an attempt to connect', async () => {
    let reason: unknown;
    const trying = deferred();
    echo.network.connect = (signal) => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
        reject(new Error('aborted'));
      });
      trying.resolve();
    });
    const connection = await fresh();
    await connection.call(CONNECTION, 'Connect');
    await trying.promise;
    await traffic.take();
    await connection.call(CONNECTION, 'Disconnect');
    expect(reason).toBeInstanceOf(HushError);
    expect(await traffic.take()).toEqual(['StatusChanged', '→ Disconnect']);
    await expectGone(connection);
  });

  test('during an attempt that succeeds all the same does not connect', async () => {
    const online = deferred();
    echo.network.connect = () => online.promise;
    echo.network.disconnect = () => {
      online.resolve();
      return online.promise;
    };
    const connection = await fresh();
    await connection.call(CONNECTION, 'Connect');
    await traffic.take();
    await connection.call(CONNECTION, 'Disconnect');
    expect(await traffic.take()).toEqual(['StatusChanged', '→ Disconnect']);
  });

  test('twice at the same time is fine', async () => {
    const left = deferred();
    echo.network.disconnect = () => left.promise;
    const connection = await connect(client, `account${++names}@echo`);
    const both = Promise.all([connection.call(CONNECTION, 'Disconnect'), connection.call(CONNECTION, 'Disconnect')]);
    await connection.call(CONNECTION, 'GetStatus');
    await traffic.take();
    left.resolve();
    await both;
    expect(await traffic.take()).toEqual(['→ Disconnect', '→ Disconnect']);
  });

  test('succeeds though the server cannot be left in order', async () => {
    echo.network.disconnect = () => Promise.reject(new HushError('network-error', 'cut'));
    const connection = await connect(client, `account${++names}@echo`);
    await connection.call(CONNECTION, 'Disconnect');
    await expectGone(connection);
  });
});

describe('a stream that fails', () => {
  test('ends everything: channels, requests, tasks, the object; and the account can be connected again at once', async () => {
    const never = deferred();
    echo.network.open = (request) => (request.target === 3 ? never.promise : Promise.resolve());
    echo.network.disconnect = () => never.promise;
    const connection = await connect(client, `account${++names}@echo`);
    const { connection: ours, requests } = echo.accounts.at(-1)!;
    await ensureText(connection, 'bob@echo');
    const asked = ensureText(connection, 'carol@echo');
    while (requests.length < 2) await connection.get(CONNECTION, 'Status');
    await traffic.take();
    // As a feature would do it: from within a task of the connection.
    ours.tasks.run('the stream', () => ours.end(new HushError('connection-replaced', 'another client')));
    await expect(asked).rejects.toMatchObject({ name: `${ERROR}.Disconnected` });
    expect(ours.tasks.signal.aborted).toBe(true);
    expect(requests[1]!.signal.aborted).toBe(true);
    expect(await traffic.take()).toEqual(['Closed', 'ChannelClosed', 'ConnectionError', 'StatusChanged', '✗ EnsureChannel']);
    await expectGone(connection);
    await connect(client, `account${names}@echo`);
    never.resolve();
  });

  test('ends once, for the first reason', async () => {
    const connection = await connect(client, `account${++names}@echo`);
    const { connection: ours } = echo.accounts.at(-1)!;
    const status = connection.next(CONNECTION, 'StatusChanged');
    await Promise.all([ours.end(new HushError('network-error', 'cut')), ours.end(), ours.end(new HushError('connection-lost', 'gone'))]);
    expect(await status).toEqual([2, 2]);
  });
});

describe('what goes wrong at the end', () => {
  test('in one place stops nothing elsewhere', async () => {
    const connection = await connect(client, `account${++names}@echo`);
    const { connection: ours } = echo.accounts.at(-1)!;
    const ended: string[] = [];
    const off = ours.events.on('ended', () => void ended.push('removed'));
    ours.events.on('ended', () => void ended.push('ended'));
    off();
    const failing = new BaseChannel(ours, {
      name: 'failing', type: DESTROYABLE, targetHandleType: 0, target: 0, targetId: '', requested: false, initiator: 0,
      onClosed: () => {
        throw new Error('cannot clean up');
      },
    });
    failing.addInterface(DESTROYABLE, { methods: { Destroy: () => undefined } });
    failing.export();
    await traffic.take();
    await connection.call(CONNECTION, 'Disconnect');
    await failing.closed;
    await ours.end();
    // Nobody knew of the channel, so nobody is told that it is no longer there.
    expect(await traffic.take()).toEqual(['Closed', 'StatusChanged', '→ Disconnect']);
    expect(ended).toEqual(['ended']);
  });

  test.each([['a client', undefined, 1], ['an error', new HushError('network-error', 'cut'), 2]] as const)('a channel that fails for it changes nothing in the end by %s', async (_, error, reason) => {
    const connection = await connect(client, `account${++names}@echo`);
    const { connection: ours } = echo.accounts.at(-1)!;
    const left = deferred();
    echo.network.disconnect = () => left.promise;
    const channel = new BaseChannel(ours, {
      name: 'failing', type: DESTROYABLE, targetHandleType: 0, target: 0, targetId: '', requested: false, initiator: 0,
      onClosed: () => ours.tasks.run('failing', () => ours.end(new HushError('cancelled', 'the channel was closed'))),
    });
    channel.addInterface(DESTROYABLE, { methods: { Destroy: () => undefined } });
    channel.export();
    await traffic.take();
    const status = connection.next(CONNECTION, 'StatusChanged');
    const end = error === undefined ? connection.call(CONNECTION, 'Disconnect') : ours.end(error);
    expect(await status).toEqual([2, reason]);
    left.resolve();
    await end;
    await expectGone(connection);
  });

  test('a hook may end the connection that is about to be connected', async () => {
    const connection = await fresh();
    const { connection: ours } = echo.accounts.at(-1)!;
    ours.events.on('beforeConnected', () => ours.tasks.run('change of mind', () => ours.end(new HushError('not-available', 'no'))));
    await traffic.take();
    const error = connection.next(CONNECTION, 'ConnectionError');
    await connection.call(CONNECTION, 'Connect');
    await error;
    expect(await traffic.take()).toEqual(['StatusChanged', '→ Connect', 'SelfHandleChanged', 'SelfContactChanged', 'ConnectionError', 'StatusChanged']);
  });

  test('a bus that is gone keeps no connection from ending', async () => {
    const other = await startBus();
    const lonely = await EchoManager.start(other.address);
    const user = await openClient(other.address, lonely.bus.uniqueName);
    await connect(user, 'last@echo');
    await other.stop();
    await lonely.bus.closed;
    await lonely.manager.close();
    expect(lonely.accounts[0]!.connection.hasEnded).toBe(true);
    user.close();
  });
});

describe('handles on the bus [F3]', () => {
  let connection: Remote;
  beforeAll(async () => {
    connection = await connect(client, 'handles@echo');
  });

  test('are asked for and inspected', async () => {
    expect(await connection.call(CONNECTION, 'RequestHandles', 1, ['handles@echo', 'Bob@Echo', 'carol@echo', 'bob@echo'])).toEqual([[1, 2, 3, 2]]);
    expect(await connection.call(CONNECTION, 'InspectHandles', 1, [3, 2])).toEqual([['carol@echo', 'bob@echo']]);
    expect(await connection.call(CONNECTION, 'HoldHandles', 1, [1, 2])).toEqual([]);
    expect(await connection.call(CONNECTION, 'ReleaseHandles', 1, [1, 2])).toEqual([]);
    expect(await connection.call(CONNECTION, 'InspectHandles', 1, [2])).toEqual([['bob@echo']]);
  });

  test.each<[string, unknown[], string]>([
    ['RequestHandles', [1, ['§']], 'InvalidHandle'],
    ['RequestHandles', [2, ['room@echo']], 'NotImplemented'],
    ['RequestHandles', [0, ['x@echo']], 'NotImplemented'],
    ['InspectHandles', [1, [0]], 'InvalidHandle'],
    ['InspectHandles', [1, [1, 4_294_967_295]], 'InvalidHandle'],
    ['InspectHandles', [0, [1]], 'InvalidArgument'],
    ['HoldHandles', [1, [99]], 'InvalidHandle'],
    ['HoldHandles', [7, [1]], 'InvalidArgument'],
    ['ReleaseHandles', [1, [99]], 'InvalidHandle'],
    ['ReleaseHandles', [2, [1]], 'InvalidArgument'],
  ])('%s refuses %j', async (member, args, error) => {
    await expect(connection.call(CONNECTION, member, ...args)).rejects.toMatchObject({ name: `${ERROR}.${error}` });
  });

  test('and all that needs the server are refused before the connection is connected', async () => {
    const early = await fresh();
    for (const [name, member, args] of [
      [CONNECTION, 'RequestHandles', [1, []]], [CONNECTION, 'InspectHandles', [1, []]], [CONNECTION, 'HoldHandles', [1, []]], [CONNECTION, 'ReleaseHandles', [1, []]],
      [CONNECTION, 'GetSelfHandle', []], [CONNECTION, 'ListChannels', []], [CONNECTION, 'RequestChannel', ['x.Y', 0, 0, true]],
      [CONTACTS, 'GetContactAttributes', [[1], [], false]], [CONTACTS, 'GetContactByID', ['a@echo', []]],
      [REQUESTS, 'CreateChannel', [new Map()]], [REQUESTS, 'EnsureChannel', [new Map()]],
    ] as const) {
      await expect(early.call(name, member, ...args)).rejects.toMatchObject({ name: `${ERROR}.Disconnected` });
    }
    expect(await early.call(CONNECTION, 'GetStatus')).toEqual([2]);
    expect(await early.call(CONNECTION, 'AddClientInterest', ['com.example.Anything'])).toEqual([]);
    expect(await early.call(CONNECTION, 'RemoveClientInterest', ['com.example.Anything'])).toEqual([]);
  });

  test('wrong types and unknown members get the errors of D-Bus', async () => {
    for (const [call, error] of [
      [connection.callAs('s', CONNECTION, 'InspectHandles', 'x'), 'InvalidArgs'],
      [connection.callAs('ias', CONNECTION, 'RequestHandles', 1, []), 'InvalidArgs'],
      [connection.callAs('', CONNECTION, 'Fly'), 'UnknownMethod'],
      [connection.callAs('', 'org.freedesktop.Telepathy.Connection.Interface.Cellular', 'GetInterfaces'), 'UnknownInterface'],
      [connection.at(`${connection.path}/nowhere`).callAs('', CONNECTION, 'Connect'), 'UnknownObject'],
      [connection.get(CONNECTION, 'Weather'), 'UnknownProperty'],
      [connection.callAs('ssv', 'org.freedesktop.DBus.Properties', 'Set', CONNECTION, 'Status', new Variant('u', 0)), 'PropertyReadOnly'],
    ] as const) {
      await expect(call).rejects.toMatchObject({ name: `org.freedesktop.DBus.Error.${error}` });
    }
    expect(await connection.get(CONNECTION, 'Status')).toBe(0);
  });
});

describe('contacts', () => {
  test('have their identifier, and what else is known on the interfaces asked for', async () => {
    const ALIASING = 'org.freedesktop.Telepathy.Connection.Interface.Aliasing';
    const connection = await fresh();
    const { connection: ours } = echo.accounts.at(-1)!;
    ours.contacts.provide(ALIASING, { alias: (handle) => (handle === 2 ? str('Bob') : undefined) });
    expect(() => ours.contacts.provide(ALIASING, {})).toThrow('twice');
    const connected = connection.next(CONNECTION, 'SelfContactChanged');
    await connection.call(CONNECTION, 'Connect');
    await connected;
    expect(await connection.get(CONTACTS, 'ContactAttributeInterfaces')).toEqual([CONNECTION, ALIASING]);

    const id = `${CONNECTION}/contact-id`;
    const [handle, bob] = await connection.call(CONTACTS, 'GetContactByID', 'BOB@echo', [ALIASING, 'com.example.Unknown']);
    expect([handle, bob]).toEqual([2, new Map([[id, str('bob@echo')], [`${ALIASING}/alias`, str('Bob')]])]);
    const [attributes] = await connection.call(CONTACTS, 'GetContactAttributes', [2, 1, 2, 0, 99], [ALIASING], true);
    expect(attributes).toEqual(new Map([[2, bob], [1, new Map([[id, str(`account${names}@echo`)]])]]));
    const [bare] = await connection.call(CONTACTS, 'GetContactAttributes', [2], [], false);
    expect(bare).toEqual(new Map([[2, new Map([[id, str('bob@echo')]])]]));
    await expect(connection.call(CONTACTS, 'GetContactByID', '§', [])).rejects.toMatchObject({ name: `${ERROR}.InvalidHandle` });
  });
});
