/** A hostile client of a real bus: what the daemon lets through must not harm, and life goes on for others. Also lies about names, signals and replies. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Bus } from '../../src/bus/connection.ts';
import { Variant, objectPath, u32 } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { exampleTables, openExample, quiet } from './example.ts';
import type { ExampleMap } from './example.ts';
import type { RawMessage } from './fake-bus.ts';
import { RawPeer } from './raw-peer.ts';
import { samples } from './reference.ts';

const HUSH = 'org.example.Hush';
const INVALID = 'org.freedesktop.DBus.Error.InvalidArgs';
const o = (value: string): Variant => new Variant('o', value);
const s = (value: string): Variant => new Variant('s', value);
const g = (value: string): Variant => new Variant('g', value);
const u = (value: number): Variant => new Variant('u', value);

let daemon: TestBus;
let server: Bus<ExampleMap>;
let honest: Bus;
let peer: RawPeer;
let serial = 10;

beforeAll(async () => {
  daemon = await startBus();
});
afterAll(async () => daemon.stop());

beforeEach(async () => {
  server = await openExample(daemon.address);
  honest = await Bus.open({ address: daemon.address, log: silentLog });
  peer = await RawPeer.connect(daemon.address);
  const object = server.objects.export(objectPath('/a'));
  object.implement('org.example.Hush', quiet);
});

afterEach(async () => {
  await peer.close();
  server.close();
  honest.close();
  await Promise.all([server.closed, honest.closed]);
});

function send(member: string, more: Partial<RawMessage> = {}, fields: RawMessage['fields'] = []): number {
  const own = new Map<number, Variant>([[1, o('/a')], [2, s(HUSH)], [3, s(member)], [6, s(server.uniqueName)]]);
  serial++;
  peer.send({ type: 1, serial, fields: [...new Map([...own, ...fields])], ...more });
  return serial;
}

/** The error name that a call got, '' for success, undefined when the daemon threw the peer out. */
async function outcome(sent: number): Promise<string | undefined> {
  return (await peer.reply(sent))?.errorName;
}

/** Others are served as before. */
async function expectAlive(): Promise<void> {
  expect(await honest.call({ destination: server.uniqueName, path: '/a', interface: HUSH, member: 'Echo', signature: 'v', body: [u32(7)] })).toEqual([u32(7)]);
}

test('the raw peer is served like any other as long as it behaves', async () => {
  for (const isLittle of [true, false]) {
    const sent = send('Echo', { isLittle, body: [{ signature: 'v', value: new Variant('(xs)', [5n, 'x']) }] }, [[8, g('v')]]);
    expect((await peer.reply(sent))?.body()).toEqual([new Variant('(xs)', [5n, 'x'])]);
  }
});

test('a descriptor index without a descriptor [F2]', async () => {
  expect(await outcome(send('Echo', { bytes: Buffer.alloc(4) }, [[8, g('h')]]))).toBe(INVALID);
  expect(await outcome(send('Echo', { bytes: Buffer.from('\x01h\0\0\0\0\0\0') }, [[8, g('v')]]))).toBe(INVALID);
  expect(await outcome(send('Echo', { bytes: Buffer.from('\x02ah\0\x04\0\0\0\x05\0\0\0') }, [[8, g('v')]]))).toBe(INVALID);
  await expectAlive();
});

test('well-formed calls that fit nothing', async () => {
  expect(await outcome(send('Echo', { body: [{ signature: 'ay', value: Buffer.alloc(1024 * 1024) }] }, [[8, g('ay')]]))).toBe(INVALID);
  expect(await outcome(send('Echo', { bytes: Buffer.concat([Buffer.from('\x02ay\0'), Buffer.from([0, 0, 0, 2]), Buffer.alloc(32 * 1024 * 1024)]) }, [[8, g('v')]]))).toBe('org.freedesktop.DBus.Error.LimitsExceeded');
  expect(await outcome(send('Nothing', {}, [[1, o('/__proto__/constructor')]]))).toBe('org.freedesktop.DBus.Error.UnknownObject');
  expect(await outcome(send('__proto__'))).toBe('org.freedesktop.DBus.Error.UnknownMethod');
  expect(await outcome(send('Nothing', {}, [[2, s('__proto__.x')]]))).toBe('org.freedesktop.DBus.Error.UnknownInterface');
  await expectAlive();
});

test.each<[string, RawMessage['fields'], Partial<RawMessage>]>([
  ['an array of 2 GiB', [[8, g('v')]], { bytes: Buffer.from('\x02ay\0\0\0\0\x80', 'latin1') }],
  ['text that is not UTF-8', [[8, g('s')]], { bytes: Buffer.from('\x01\0\0\0\xff\0', 'latin1') }],
  ['an invalid path as argument', [[8, g('v')]], { bytes: Buffer.from('\x01o\0\0\x01\0\0\0x\0') }],
  ['variants 200 deep', [[8, g('v')]], { bytes: Buffer.concat([Buffer.from('\x01v\0'.repeat(200)), Buffer.from('\x01y\0\x07')]) }],
  ['a broken signature', [[8, g('a{')]], { bytes: Buffer.alloc(8) }],
  ['serial zero', [], { serial: 0 }],
  ['a path that is none', [[1, o('/a/')]], {}],
])('%s is refused, by the daemon or by us', async (_what, fields, more) => {
  const sent = send('Echo', more, fields);
  expect([INVALID, undefined]).toContain(await outcome(sent));
  await expectAlive();
});

test('a fuzzer over every member [F2]: any arguments give a reply or an error, and never silence', async () => {
  const members = Object.keys(exampleTables['org.example.Hush'].methods);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...members, 'Get', 'Set', 'GetAll', 'Introspect', 'Ping'), samples, fc.boolean(), async (member, all, isLittle) => {
      const signature = all.map((sample) => sample.signature).join('');
      const sent = send(member, { body: all, isLittle }, [[2, s(member in exampleTables['org.example.Hush'].methods ? HUSH : 'org.freedesktop.DBus.Properties')], ...(signature === '' ? [] : [[8, g(signature)] as [number, Variant]])]);
      expect(['', INVALID, 'org.freedesktop.DBus.Error.UnknownMethod', 'org.freedesktop.DBus.Error.UnknownInterface', 'org.freedesktop.DBus.Error.UnknownProperty']).toContain(await outcome(sent));
    }),
    { numRuns: 300 },
  );
  await expectAlive();
});

describe('lies', () => {
  test.each(['unique', 'well-known'])('a reply of somebody else does not count, to a call by %s name', async (kind) => {
    await honest.requestName('org.example.Honest');
    const pending = server.call({ destination: kind === 'unique' ? honest.uniqueName : 'org.example.Honest', path: '/x', interface: 'org.example.None', member: 'Ask' });
    pending.catch(() => undefined);
    for (let to = 1; to < 50; to++) peer.send({ type: 2, serial: 1000 + to, fields: [[5, u(to)], [6, s(server.uniqueName)], [8, g('s')]], body: [{ signature: 's', value: 'forged' }] });
    await expect(pending).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.UnknownObject' });
    await expectAlive();
  });

  test('a signal of somebody else is not taken for that of the owner of a name', async () => {
    const heard: unknown[] = [];
    const owners: string[] = [];
    await honest.requestName('org.example.Owner');
    server.subscribe({ sender: 'org.example.Owner', interface: 'org.example.S', member: 'Happened' }, ({ sender, body }) => heard.push([sender, body]));
    server.watchName('org.example.Owner', (owner) => owners.push(owner));
    await server.call({ destination: honest.uniqueName, path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' });
    const forged: RawMessage['fields'] = [[1, o('/s')], [6, s(server.uniqueName)]];
    peer.send({ type: 4, serial: 2001, fields: [...forged, [2, s('org.example.S')], [3, s('Happened')], [8, g('s')]], body: [{ signature: 's', value: 'forged' }] });
    peer.send({
      type: 4,
      serial: 2002,
      fields: [[1, o('/org/freedesktop/DBus')], [6, s(server.uniqueName)], [2, s('org.freedesktop.DBus')], [3, s('NameOwnerChanged')], [8, g('sss')]],
      body: ['org.example.Owner', honest.uniqueName, peer.name].map((value) => ({ signature: 's', value })),
    });
    await peer.reply(send('Nothing'));
    const other = await openExample(daemon.address);
    other.close();
    await expectAlive();
    expect([heard, owners]).toEqual([[], [honest.uniqueName]]);
  });
});
