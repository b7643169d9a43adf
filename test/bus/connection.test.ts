/** The client side of a bus connection: calls, names, signals, and the end of the bus. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Bus } from '../../src/bus/connection.ts';
import type { CallRequest } from '../../src/bus/connection.ts';
import { objectPath } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { openExample, quiet } from './example.ts';
import type { ExampleMap } from './example.ts';

const HUSH = 'org.example.Hush';
const NAME = 'org.example.Name';
const condition = (name: string): unknown => expect.objectContaining({ condition: name });

const startedService = `
from gi.repository import Gio, GLib
connection = Gio.bus_get_sync(Gio.BusType.STARTER, None)
Gio.bus_own_name_on_connection(connection, 'org.example.Started', Gio.BusNameOwnerFlags.NONE, None, None)
GLib.MainLoop().run()
`;

let services: string;
let daemon: TestBus;
let server: Bus<ExampleMap>;
let client: Bus;
/** Calls of Wait, each answered by calling it. */
let waiting: (() => void)[];

beforeAll(async () => {
  services = await mkdtemp(join(tmpdir(), 'hush-services-'));
  // A service that can be activated and is gone at once.
  await writeFile(join(services, 'org.example.Activated.service'), '[D-BUS Service]\nName=org.example.Activated\nExec=/bin/false\n');
  // One that stays for as long as the bus does. GLib answers Ping for it.
  await writeFile(join(services, 'started.py'), startedService);
  await writeFile(join(services, 'org.example.Started.service'), `[D-BUS Service]\nName=org.example.Started\nExec=/usr/bin/python3 ${join(services, 'started.py')}\n`);
  daemon = await startBus({ serviceDirs: [services] });
});
afterAll(async () => {
  await daemon.stop();
  await rm(services, { recursive: true });
});

beforeEach(async () => {
  waiting = [];
  server = await openExample(daemon.address);
  client = await Bus.open({ address: daemon.address, log: silentLog });
  const object = server.objects.export(objectPath('/a'));
  object.implement('org.example.Hush', {
    ...quiet,
    methods: {
      ...quiet.methods,
      Wait: () => new Promise((resolve) => waiting.push(resolve)),
      Announce: (_call, text) => object.emit(HUSH, 'Announced', text, 1),
    },
  });
});

afterEach(async () => {
  server.close();
  client.close();
  await Promise.all([server.closed, client.closed]);
});

function call(member: string, more: Partial<CallRequest> = {}, bus: Bus = client): Promise<unknown[]> {
  return bus.call({ destination: server.uniqueName, path: '/a', interface: HUSH, member, ...more });
}

/** A method of the daemon's, asked by a third party. */
async function daemonSays(member: string, signature: string, ...body: unknown[]): Promise<unknown> {
  const [answer] = await client.call({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: member.includes('Match') ? 'org.freedesktop.DBus.Debug.Stats' : 'org.freedesktop.DBus', member, signature, body });
  return answer;
}

/** The match rules that the daemon keeps for `bus`. */
async function rulesOf(bus: Bus<ExampleMap>): Promise<string[]> {
  await bus.call({ destination: client.uniqueName, path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' });
  return ((await daemonSays('GetAllMatchRules', '')) as Map<string, string[]>).get(bus.uniqueName) ?? [];
}

describe('calls', () => {
  test('by a well-known name', async () => {
    await server.requestName(NAME);
    expect(await call('Split', { destination: NAME, signature: 's', body: ['x'] })).toEqual(['x', 'x']);
    await server.releaseName(NAME);
    await expect(call('Nothing', { destination: NAME })).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.ServiceUnknown' });
    expect(await rulesOf(server)).toEqual([]);
  });

  test('time out, and a late answer is nobody’s', async () => {
    await expect(call('Wait', { timeoutMs: 20 })).rejects.toEqual(condition('bus-timeout'));
    waiting[0]!();
    expect(await call('Nothing')).toEqual([]);
  });

  test('are given up by a signal, with its reason if it is one of ours', async () => {
    const controller = new AbortController();
    const pending = call('Wait', { signal: controller.signal });
    controller.abort(new HushError('terminated', 'over'));
    await expect(pending).rejects.toEqual(condition('terminated'));
    await expect(call('Nothing', { signal: controller.signal })).rejects.toEqual(condition('terminated'));
    await expect(call('Nothing', { signal: AbortSignal.abort() })).rejects.toEqual(condition('cancelled'));
    expect(await call('Nothing', { signal: new AbortController().signal })).toEqual([]);
  });

  test('that D-Bus does not allow are refused before they are sent', async () => {
    for (const bad of [{ destination: 'x' }, { destination: '' }, { path: 'x' }, { interface: 'x' }, { member: 'a.b' }, { signature: 's' }, { signature: 's', body: [1] }, { signature: 's', body: ['\ud800'] }]) {
      await expect(call('Nothing', bad)).rejects.toEqual(condition('invalid-argument'));
    }
    await expect(call('Nothing', { signature: 'z', body: [1] })).rejects.toEqual(condition('invalid-args'));
    expect(await call('Nothing')).toEqual([]);
  });

  test('start a service only where that is wanted', async () => {
    const request = { destination: 'org.example.Activated', path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' };
    await expect(client.call({ ...request, autoStart: false })).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.NameHasNoOwner' });
    await expect(client.call(request)).rejects.toMatchObject({ name: expect.stringContaining('Spawn') });
  });

  test('by a name that nobody has until the call starts the service', async () => {
    expect(await daemonSays('NameHasOwner', 's', 'org.example.Started')).toBe(false);
    expect(await client.call({ destination: 'org.example.Started', path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' })).toEqual([]);
  });
});

describe('names', () => {
  test('belong to one, who may ask twice and give them up', async () => {
    await server.requestName(NAME);
    await server.requestName(NAME);
    await expect(client.requestName(NAME)).rejects.toEqual(condition('name-taken'));
    expect(await daemonSays('ListQueuedOwners', 's', NAME)).toEqual([server.uniqueName]);
    await server.releaseName(NAME);
    await server.releaseName(NAME);
    await client.requestName(NAME);
    expect(await daemonSays('GetNameOwner', 's', NAME)).toBe(client.uniqueName);
    await expect(client.requestName('bad')).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.InvalidArgs' });
  });

  test('are not taken away by somebody who wants to replace their owner', async () => {
    await server.requestName(NAME);
    expect(await daemonSays('RequestName', 'su', NAME, 2)).not.toBe(1);
    expect(await daemonSays('GetNameOwner', 's', NAME)).toBe(server.uniqueName);
  });

  test('are watched: as they are, at each change, once each, and not any more', async () => {
    const first: string[] = [];
    const second: string[] = [];
    const third: string[] = [];
    const stop = client.watchName(NAME, (owner) => first.push(owner));
    const listener = (owner: string): void => void second.push(owner);
    const stopSecond = client.watchName(NAME, listener);
    client.watchName(NAME, listener)();
    await server.requestName(NAME);
    await call('Nothing');
    stop();
    stop();
    client.watchName(NAME, (owner) => third.push(owner));
    await server.releaseName(NAME);
    await call('Nothing');
    stopSecond();
    await server.requestName(NAME);
    await call('Nothing');
    expect(first).toEqual(['', server.uniqueName]);
    expect(second).toEqual(['', server.uniqueName, '']);
    expect(third).toEqual([server.uniqueName, '', server.uniqueName]);
  });

  test('unique ones are watched likewise', async () => {
    const seen: string[] = [];
    const name = server.uniqueName;
    const gone = new Promise<void>((resolve) => {
      client.watchName(name, (owner) => {
        seen.push(owner);
        if (owner === '') resolve();
      });
    });
    await call('Nothing');
    server.close();
    await gone;
    expect(seen).toEqual([name, '']);
  });
});

describe('signals', () => {
  test('reach whoever asked, by sender, path, interface, member and first argument', async () => {
    const heard: string[] = [];
    const hear = (label: string) => (): void => void heard.push(label);
    client.subscribe({}, hear('any'));
    client.subscribe({ sender: server.uniqueName, path: '/a', interface: HUSH, member: 'Announced', arg0: "it's" }, hear('exact'));
    client.subscribe({ sender: 'org.example.Nobody', interface: HUSH }, hear('nobody'));
    client.subscribe({ path: '/b' }, hear('path'));
    client.subscribe({ member: 'Announced', arg0: 'other' }, hear('argument'));
    client.subscribe({ sender: client.uniqueName }, hear('sender'));
    await call('Announce', { signature: 's', body: ["it's"] });
    expect(heard.filter((label) => label !== 'any')).toEqual(['exact']);
    expect(heard).toContain('any');
  });

  test('by a first argument that has to be quoted', async () => {
    const heard: unknown[] = [];
    client.subscribe({ interface: HUSH, arg0: `it's 'quoted', path='/x'\\` }, ({ body }) => heard.push(body[0]));
    await call('Announce', { signature: 's', body: [`it's 'quoted', path='/x'`] });
    await call('Announce', { signature: 's', body: [`it's 'quoted', path='/x'\\`] });
    expect(heard).toEqual([`it's 'quoted', path='/x'\\`]);
  });

  test('of a well-known name are those of its owner of the moment', async () => {
    const heard: unknown[] = [];
    client.subscribe({ sender: NAME, interface: HUSH }, ({ sender, body }) => heard.push([sender, body[0]]));
    const other = await openExample(daemon.address);
    const object = other.objects.export(objectPath('/a'));
    object.implement('org.example.Empty', {});
    await call('Announce', { signature: 's', body: ['before'] });
    await server.requestName(NAME);
    await call('Announce', { signature: 's', body: ['owned'] });
    await server.releaseName(NAME);
    await call('Announce', { signature: 's', body: ['after'] });
    expect(heard).toEqual([[server.uniqueName, 'owned']]);
    other.close();
  });

  test('are heard from the moment of asking, also of a well-known name', async () => {
    await server.requestName(NAME);
    const heard: unknown[] = [];
    client.subscribe({ sender: NAME, interface: HUSH }, ({ body }) => heard.push(body[0]));
    await call('Announce', { signature: 's', body: ['first'] });
    expect(heard).toEqual(['first']);
  });

  test('need one match rule, however many ask, and none afterwards', async () => {
    const before = await rulesOf(server);
    const stops = [1, 2, 3].map(() => server.subscribe({ sender: NAME, interface: HUSH }, () => undefined));
    stops.push(server.watchName(NAME, () => undefined));
    expect((await rulesOf(server)).length).toBe(before.length + 2);
    stops[0]!();
    stops[0]!();
    expect((await rulesOf(server)).length).toBe(before.length + 2);
    for (const stop of stops) stop();
    expect(await rulesOf(server)).toEqual(before);
  });

  test('end with the subscription, even when one listener ends another', async () => {
    const heard: string[] = [];
    const stopFirst = client.subscribe({ interface: HUSH }, () => {
      heard.push('first');
      stopSecond();
    });
    const stopSecond = client.subscribe({ interface: HUSH }, () => heard.push('second'));
    await call('Announce', { signature: 's', body: ['x'] });
    stopFirst();
    await call('Announce', { signature: 's', body: ['x'] });
    expect(heard).toEqual(['first']);
  });

  test('by a rule that D-Bus does not allow are refused', () => {
    for (const rule of [{ sender: 'x' }, { path: 'x' }, { interface: 'x' }, { member: '1' }]) {
      expect(() => client.subscribe(rule, () => undefined)).toThrow(condition('invalid-argument'));
    }
  });
});

describe('the end', () => {
  test('comes when the daemon dies: everything pending is rejected, and what comes later as well', async () => {
    const own = await startBus();
    const bus = await openExample(own.address);
    const object = bus.objects.export(objectPath('/a'));
    object.implement('org.example.Empty', {});
    const owners: string[] = [];
    bus.watchName(bus.uniqueName, (owner) => owners.push(owner));
    await bus.call({ destination: bus.uniqueName, path: '/a', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' });
    const request = { destination: 'org.freedesktop.DBus', path: '/a', interface: 'org.example.X', member: 'X' };
    process.kill(own.pid, 'SIGSTOP');
    const pending = bus.call(request);
    const rejected = expect(pending).rejects.toEqual(condition('bus-closed'));
    process.kill(own.pid, 'SIGKILL');
    await rejected;
    await bus.closed;
    await expect(bus.call(request)).rejects.toEqual(condition('bus-closed'));
    await expect(bus.requestName(NAME)).rejects.toEqual(condition('bus-closed'));
    bus.subscribe({ sender: NAME }, () => undefined)();
    bus.watchName(NAME, (owner) => owners.push(owner));
    object.implement('org.example.Other', { methods: { Nothing: () => undefined, Only: () => '' }, properties: { Title: () => '' } });
    object.unexport();
    bus.close();
    await bus.drained();
    expect(owners).toEqual([bus.uniqueName, '', '']);
    await own.stop();
  });

  test('comes after what has been said before', async () => {
    const heard: unknown[] = [];
    const over = new Promise<void>((resolve) => {
      client.subscribe({ interface: HUSH }, ({ body }) => {
        heard.push(body[1]);
        if (body[1] === 99) resolve();
      });
    });
    await call('Nothing');
    const leaving = await openExample(daemon.address);
    const object = leaving.objects.export(objectPath('/a'));
    object.implement('org.example.Hush', quiet);
    for (let count = 0; count < 100; count++) object.emit(HUSH, 'Announced', 'x'.repeat(5000), count);
    leaving.close();
    await leaving.closed;
    await over;
    expect(heard).toEqual(Array.from({ length: 100 }, (_, count) => count));
  });

  test('is what an address without a bus leads to', async () => {
    await expect(Bus.open({ address: 'unix:path=/nowhere/bus', log: silentLog })).rejects.toEqual(condition('bus-closed'));
    await expect(Bus.open({ address: 'nonsense', log: silentLog })).rejects.toEqual(condition('invalid-argument'));
  });
});

test('a bus that does not read makes us congested, and no longer when it does', async () => {
  const own = await startBus();
  const bus = await openExample(own.address);
  const object = bus.objects.export(objectPath('/a'));
  object.implement('org.example.Other', { methods: { Nothing: () => undefined, Only: () => 'x'.repeat(100_000) }, properties: { Title: () => 'x'.repeat(100_000) } });
  const request = { destination: bus.uniqueName, path: '/a', interface: 'org.freedesktop.DBus.Properties', member: 'GetAll', signature: 's', body: ['org.example.Other'] };
  expect(bus.isCongested).toBe(false);
  await bus.drained();
  process.kill(own.pid, 'SIGSTOP');
  const pending: Promise<unknown[]>[] = [];
  while (!bus.isCongested) pending.push(bus.call({ ...request, body: ['x'.repeat(100_000)] }));
  const order: string[] = [];
  const drained = bus.drained().then(() => order.push('drained'));
  order.push('continued');
  process.kill(own.pid, 'SIGCONT');
  await drained;
  expect(bus.isCongested).toBe(false);
  await Promise.allSettled(pending);
  expect(order).toEqual(['continued', 'drained']);
  bus.close();
  await own.stop();
});

test('a bus that never reads again is given up before it takes all our memory', async () => {
  const own = await startBus();
  const bus = await openExample(own.address);
  const object = bus.objects.export(objectPath('/a'));
  object.implement('org.example.Hush', quiet);
  process.kill(own.pid, 'SIGSTOP');
  const state = { isClosed: false };
  const closed = bus.closed.then(() => (state.isClosed = true));
  const text = 'x'.repeat(1024 * 1024);
  let sent = 0;
  let drained: Promise<void> | undefined;
  for (; sent < 1000 && !state.isClosed; sent++) {
    object.emit(HUSH, 'Announced', text, sent);
    if (bus.isCongested) drained ??= bus.drained();
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Who waited for it to read again is let go.
  await Promise.all([closed, drained]);
  expect(sent).toBeGreaterThan(120);
  expect(sent).toBeLessThan(140);
  await own.stop();
});
