/** The connection manager and its protocols, over the bus. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Bus } from '../../src/bus/connection.ts';
import { str, u32, Variant } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { CHANNEL, CONNECTION, CONNECTION_MANAGER, PROTOCOL, TEXT } from '../../src/telepathy/constants.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { account, connect, echoManager, openClient, requestConnection, Traffic } from './client.ts';
import type { Remote } from './client.ts';
import { EchoManager } from './echo.ts';

const ERROR = 'org.freedesktop.Telepathy.Error';
const ADDRESSING = 'org.freedesktop.Telepathy.Protocol.Interface.Addressing';
let daemon: TestBus;
let echo: EchoManager;
let client: Bus;
let manager: Remote;
let protocol: Remote;

beforeAll(async () => {
  daemon = await startBus();
  echo = await EchoManager.start(daemon.address);
  client = await openClient(daemon.address, echo.bus.uniqueName);
  manager = echoManager(client);
  protocol = manager.at(`${manager.path}/echo_im`);
});
afterAll(async () => {
  client.close();
  await echo.stop();
  await daemon.stop();
});

const paramSpecs = [['account', 1, 's', new Variant('s', '')], ['password', 8, 's', new Variant('s', '')], ['port', 4, 'q', new Variant('q', 7)]];
const textClass = [[new Map<string, Variant>([[`${CHANNEL}.ChannelType`, str(TEXT)], [`${CHANNEL}.TargetHandleType`, u32(1)]]), [`${CHANNEL}.TargetHandle`, `${CHANNEL}.TargetID`]]];

describe('the connection manager', () => {
  test('tells everything about its protocols in one call, under full names', async () => {
    const properties = await manager.getAll(CONNECTION_MANAGER);
    expect(properties.get('Interfaces')).toEqual(new Variant('as', []));
    const protocols = properties.get('Protocols')?.value as Map<string, VariantMap>;
    expect([...protocols.keys()]).toEqual(['echo-im']);
    const immutable = protocols.get('echo-im')!;
    expect(immutable.get(`${PROTOCOL}.Parameters`)).toEqual(new Variant('a(susv)', paramSpecs));
    expect(immutable.get(`${PROTOCOL}.RequestableChannelClasses`)).toEqual(new Variant('a(a{sv}as)', textClass));
    expect(immutable.get(`${PROTOCOL}.Interface.Presence.Statuses`)?.value).toEqual(new Map([['available', [2, true, true]], ['offline', [1, false, false]]]));
    expect(immutable.get(`${PROTOCOL}.Interface.Avatars.MaximumAvatarBytes`)).toEqual(u32(7));
    expect(immutable.get(`${ADDRESSING}.AddressableURISchemes`)?.value).toEqual(['echo']);
    expect([...immutable.keys()].every((name) => name.startsWith(`${PROTOCOL}.`))).toBe(true);
  });

  test('tells the same by its old methods', async () => {
    expect(await manager.call(CONNECTION_MANAGER, 'ListProtocols')).toEqual([['echo-im']]);
    expect(await manager.call(CONNECTION_MANAGER, 'GetParameters', 'echo-im')).toEqual([paramSpecs]);
    await expect(manager.call(CONNECTION_MANAGER, 'GetParameters', 'irc')).rejects.toMatchObject({ name: `${ERROR}.NotImplemented` });
  });

  test('makes a connection, answers, and then announces it', async () => {
    const traffic = await Traffic.start(daemon.address, client, echo.bus.uniqueName);
    const announced = manager.next(CONNECTION_MANAGER, 'NewConnection');
    const connection = await requestConnection(client, 'New@Echo');
    expect(connection.path).toBe('/org/freedesktop/Telepathy/Connection/echo/echo_im/new_40echo');
    expect(connection.destination).toBe('org.freedesktop.Telepathy.Connection.echo.echo_im.new_40echo');
    expect(await announced).toEqual([connection.destination, connection.path, 'echo-im']);
    expect(await traffic.take()).toEqual(['→ RequestConnection', 'NewConnection']);
    expect(await connection.get(CONNECTION, 'Status')).toBe(2);
    await traffic.stop();
  });

  test('makes no second connection for an account while the first lives, and one afterwards', async () => {
    const first = await connect(client, 'twice@echo');
    await expect(requestConnection(client, 'TWICE@echo')).rejects.toMatchObject({ name: `${ERROR}.NotAvailable` });
    await first.call(CONNECTION, 'Disconnect');
    const second = await connect(client, 'twice@echo');
    expect(second.path).toBe(first.path);
  });

  test('makes one connection when two ask at the same time', async () => {
    const results = await Promise.allSettled([requestConnection(client, 'race@echo'), requestConnection(client, 'race@echo')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('lets go of a connection that it refuses, so that nothing of it stays with the account', async () => {
    await requestConnection(client, 'refused@echo');
    const traces: string[] = [];
    echo.onAccount = ({ connection }) => connection.events.on('ended', () => traces.push(connection.path));
    await expect(requestConnection(client, 'refused@echo')).rejects.toMatchObject({ name: `${ERROR}.NotAvailable` });
    echo.onAccount = () => undefined;
    expect(traces).toEqual(['/org/freedesktop/Telepathy/Connection/echo/echo_im/refused_40echo']);
    // The living one is still there, and still the only one.
    await expect(requestConnection(client, 'refused@echo')).rejects.toMatchObject({ name: `${ERROR}.NotAvailable` });
  });

  test('makes no connection whose name another process has [F4]', async () => {
    const squatter = await Bus.open({ address: daemon.address, log: silentLog });
    await squatter.requestName('org.freedesktop.Telepathy.Connection.echo.echo_im.squatted_40echo');
    await expect(requestConnection(client, 'squatted@echo')).rejects.toMatchObject({ name: `${ERROR}.NotAvailable` });
    squatter.close();
    await squatter.closed;
    await expect(requestConnection(client, 'squatted@echo')).resolves.toBeDefined();
  });

  test.each<[string, string, VariantMap, string, string]>([
    ['a protocol it does not have', 'irc', account('a@echo'), 'NotImplemented', 'irc'],
    ['an unknown parameter', 'echo-im', account('a@echo', { colour: str('red') }), 'InvalidArgument', 'colour'],
    ['a parameter of the wrong type', 'echo-im', account('a@echo', { port: str('7') }), 'InvalidArgument', 'port'],
    ['a parameter out of range', 'echo-im', account('a@echo', { port: u32(70_000) }), 'InvalidArgument', 'port'],
    ['a missing parameter', 'echo-im', new Map(), 'InvalidArgument', 'account'],
    ['an account that is none', 'echo-im', account('not an account'), 'InvalidHandle', 'no echo address'],
    ['an account too long for a bus name', 'echo-im', account(`${'a'.repeat(300)}@echo`), 'InvalidArgument', 'too long'],
  ])('refuses %s', async (_name, protocolName, parameters, error, named) => {
    const before = echo.accounts.length;
    await expect(manager.call(CONNECTION_MANAGER, 'RequestConnection', protocolName, parameters)).rejects.toMatchObject({ name: `${ERROR}.${error}`, message: expect.stringContaining(named) });
    expect(echo.accounts).toHaveLength(before);
  });

  test('takes an integer of another type that fits', async () => {
    await expect(manager.call(CONNECTION_MANAGER, 'RequestConnection', 'echo-im', account('port@echo', { port: u32(65_535) }))).resolves.toHaveLength(2);
  });
});

describe('a protocol', () => {
  test('has its properties on an object of its own', async () => {
    expect(Object.fromEntries(await protocol.getAll(PROTOCOL))).toMatchObject({
      Interfaces: new Variant('as', [`${PROTOCOL}.Interface.Presence`, `${PROTOCOL}.Interface.Avatars`, ADDRESSING]),
      EnglishName: str('Echo'),
      VCardField: str('x-echo'),
      Icon: str('im-echo'),
      AuthenticationTypes: new Variant('as', []),
    });
    expect(await protocol.get(`${PROTOCOL}.Interface.Avatars`, 'SupportedAvatarMIMETypes')).toEqual(['image/png']);
  });

  test('identifies accounts and normalises contacts', async () => {
    expect(await protocol.call(PROTOCOL, 'IdentifyAccount', account('ME@Echo', { port: u32(1) }))).toEqual(['me@echo']);
    await expect(protocol.call(PROTOCOL, 'IdentifyAccount', new Map())).rejects.toMatchObject({ name: `${ERROR}.InvalidArgument`, message: expect.stringContaining('account') });
    expect(await protocol.call(PROTOCOL, 'NormalizeContact', 'YOU@Echo')).toEqual(['you@echo']);
    await expect(protocol.call(PROTOCOL, 'NormalizeContact', '§')).rejects.toMatchObject({ name: `${ERROR}.InvalidHandle` });
  });

  test('normalises addresses of vCards and URIs, and tells what it does not know from what is wrong', async () => {
    expect(await protocol.call(ADDRESSING, 'NormalizeVCardAddress', 'X-ECHO', 'YOU@Echo')).toEqual(['you@echo']);
    expect(await protocol.call(ADDRESSING, 'NormalizeContactURI', 'ECHO:YOU@Echo')).toEqual(['echo:you@echo']);
    for (const [member, args, error] of [
      ['NormalizeVCardAddress', ['tel', '1'], 'NotImplemented'],
      ['NormalizeVCardAddress', ['x-echo', '§'], 'InvalidArgument'],
      ['NormalizeContactURI', ['tel:1'], 'NotImplemented'],
      ['NormalizeContactURI', ['echo:§'], 'InvalidArgument'],
      ['NormalizeContactURI', ['no uri'], 'InvalidArgument'],
      ['NormalizeContactURI', [':x'], 'InvalidArgument'],
    ] as const) {
      await expect(protocol.call(ADDRESSING, member, ...args)).rejects.toMatchObject({ name: `${ERROR}.${error}` });
    }
  });
});

describe('a connection manager nobody needs', () => {
  test('is idle some time after its start, and not before', async () => {
    const other = await startBus();
    const started = Date.now();
    const lonely = await EchoManager.start(other.address, 200);
    await lonely.manager.idle;
    expect(Date.now() - started).toBeGreaterThanOrEqual(200);
    await lonely.stop();
    await other.stop();
  });

  test('is never idle while it has a connection, connected or not, and some time after the last', async () => {
    const other = await startBus();
    const lonely = await EchoManager.start(other.address, 200);
    const user = await openClient(other.address, lonely.bus.uniqueName);
    let isIdle = false;
    const idle = lonely.manager.idle.then(() => {
      isIdle = true;
    });
    const [waiting, connected] = [await requestConnection(user, 'waiting@echo'), await connect(user, 'connected@echo')];
    await new Promise((resolve) => setTimeout(resolve, 400));
    await connected.call(CONNECTION, 'Disconnect');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(isIdle).toBe(false);
    const ended = Date.now();
    await waiting.call(CONNECTION, 'Disconnect');
    await idle;
    expect(Date.now() - ended).toBeGreaterThanOrEqual(190);
    user.close();
    await lonely.stop();
    await other.stop();
  });

  test('ends every connection when it is closed, and is gone from the bus', async () => {
    const other = await startBus();
    const lonely = await EchoManager.start(other.address);
    const user = await openClient(other.address, lonely.bus.uniqueName);
    const connection = await connect(user, 'last@echo');
    const status = connection.next(CONNECTION, 'StatusChanged');
    await lonely.manager.close();
    expect(await status).toEqual([2, 1]);
    await expect(echoManager(user).call(CONNECTION_MANAGER, 'ListProtocols')).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.ServiceUnknown' });
    user.close();
    lonely.bus.close();
    await other.stop();
  });
});
