/** Messages that mean harm, from a bus that sends anything: dropped or answered with a typed error, and life goes on. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Bus } from '../../src/bus/connection.ts';
import { Framer } from '../../src/bus/framer.ts';
import { Incoming } from '../../src/bus/message.ts';
import { Variant, objectPath } from '../../src/bus/types.ts';
import { openExample, quiet } from './example.ts';
import type { ExampleMap } from './example.ts';
import { rawMessage, startFakeBus } from './fake-bus.ts';
import type { FakeBus, RawMessage } from './fake-bus.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HUSH = 'org.example.Hush';
const o = (value: string): Variant => new Variant('o', value);
const s = (value: string): Variant => new Variant('s', value);
const g = (value: string): Variant => new Variant('g', value);
const u = (value: number): Variant => new Variant('u', value);

let directory: string;
let fake: FakeBus;
let bus: Bus<ExampleMap>;
let logged: string;
let serial = 100;

beforeEach(async () => {
  logged = '';
  directory = await mkdtemp(join(tmpdir(), 'hush-hostile-'));
  fake = await startFakeBus({ listen: { path: join(directory, 'bus') } });
  bus = await openExample(`unix:path=${join(directory, 'bus')}`, pino({ level: 'debug' }, { write: (line: string) => (logged += line) }));
  const object = bus.objects.export(objectPath('/a'));
  object.implement('org.example.Hush', quiet);
});

afterEach(async () => {
  bus.close();
  await bus.closed;
  await fake.stop();
  await rm(directory, { recursive: true });
});

/** A method call of a stranger. Fields with code 0 are left out. */
function methodCall(member: string, more: Partial<RawMessage> = {}, fields: RawMessage['fields'] = []): RawMessage {
  const own = new Map<number, Variant>([[1, o('/a')], [2, s(HUSH)], [3, s(member)], [6, s(':1.99')], [7, s(':1.66')]]);
  return { type: 1, serial: ++serial, fields: [...new Map([...own, ...fields])], ...more };
}

function messages(framer: Framer, bytes: Buffer): Incoming[] {
  framer.push(bytes);
  const all: Incoming[] = [];
  for (let frame = framer.next(); frame !== undefined; frame = framer.next()) all.push(new Incoming(frame.bytes, true));
  return all;
}

/** Everything that has been answered up to a call that is in order, which is: [serial answered to, error name or '']. */
async function answers(): Promise<[number, string][]> {
  const control = methodCall('Nothing', { serial: 0xfeed });
  fake.write(rawMessage(control));
  const framer = new Framer();
  const all: [number, string][] = [];
  while (all.at(-1)?.[0] !== 0xfeed) {
    const replies = messages(framer, await fake.received('\x05\x01u\0'));
    all.push(...replies.map(({ replySerial, errorName }): [number, string] => [replySerial, errorName]));
  }
  expect(all.pop()).toEqual([0xfeed, '']);
  return all;
}

const nested = (count: number): Buffer => Buffer.concat([Buffer.from('\x01v\0'.repeat(count)), Buffer.from('\x01y\0\x07')]);

describe('a call that is in order is answered [F2]', () => {
  test.each([true, false])('little-endian: %s', async (isLittle) => {
    fake.write(rawMessage(methodCall('Echo', { isLittle, serial: 5, body: [{ signature: 'v', value: new Variant('a{xs}', new Map([[1n, 'x']])) }] }, [[8, g('v')]])));
    expect(await answers()).toEqual([[5, '']]);
  });

  test('with header fields of a later protocol', async () => {
    fake.write(rawMessage(methodCall('Nothing', { serial: 5 }, [[77, new Variant('a{sv}', new Map([['x', u(1)]]))]])));
    expect(await answers()).toEqual([[5, '']]);
  });

  test('byte by byte', async () => {
    for (const byte of rawMessage(methodCall('Nothing', { serial: 5 }))) {
      fake.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answers()).toEqual([[5, '']]);
  });
});

describe('a call with a body that cannot be used is answered InvalidArgs [F2]', () => {
  const cases: [what: string, signature: string, bytes: Buffer, member?: string][] = [
    ['a descriptor', 'h', Buffer.alloc(4)],
    ['a descriptor inside a variant', 'v', Buffer.from('\x01h\0\0\0\0\0\0')],
    ['descriptors inside a variant', 'v', Buffer.from('\x02ah\0\x04\0\0\0\0\0\0\0')],
    ['no signature at all, but a body', '', Buffer.alloc(4)],
    ['a signature that is none', 'zz', Buffer.alloc(4)],
    ['another signature', 'u', Buffer.alloc(4)],
    ['a body too short', 'v', Buffer.from('\x01u\0')],
    ['a body too long', 'v', Buffer.from('\x01y\0\x07\0')],
    ['an empty body', 'v', Buffer.alloc(0)],
    ['a variant of no type', 'v', Buffer.from('\0\0')],
    ['a variant of a broken type', 'v', Buffer.from('\x02a{\0\0\0\0\0')],
    ['variants 65 deep', 'v', nested(65)],
    ['variants thousands deep', 'v', nested(20_000)],
    ['an array of 2 GiB', 'v', Buffer.from('\x02ay\0\0\0\0\x80', 'latin1')],
    ['an array of 4 GiB', 'v', Buffer.from('\x02ay\0\xff\xff\xff\xff', 'latin1')],
    ['a million empty arrays', 'v', Buffer.concat([Buffer.from('\x03aas\0'), Buffer.alloc(3), Buffer.from([0, 0, 0x40, 0]), Buffer.alloc(4 * 1024 * 1024)])],
    ['a string that is not UTF-8', 's', Buffer.from('\x01\0\0\0\xff\0', 'latin1'), 'Split'],
    ['a string with NUL', 's', Buffer.from('\x03\0\0\0a\0b\0'), 'Split'],
    ['a string without end', 's', Buffer.from('\xff\xff\xff\xffa\0', 'latin1'), 'Split'],
    ['a bad object path', 'v', Buffer.from('\x01o\0\0\x01\0\0\0x\0')],
    ['a boolean of 2', 'v', Buffer.from('\x01b\0\0\x02\0\0\0')],
  ];

  test.each(cases)('%s', async (_what, signature, bytes, member = 'Echo') => {
    fake.write(rawMessage(methodCall(member, { serial: 5, bytes }, [[8, g(signature)]])));
    expect(await answers()).toEqual([[5, 'org.freedesktop.DBus.Error.InvalidArgs']]);
  });

  test('the same without a wish for a reply: silence', async () => {
    fake.write(rawMessage(methodCall('Echo', { flags: 1, bytes: Buffer.alloc(4) }, [[8, g('h')]])));
    expect(await answers()).toEqual([]);
  });

  test('a body beyond all measure: LimitsExceeded', async () => {
    fake.write(rawMessage(methodCall('Echo', { serial: 5, bytes: Buffer.alloc(40 * 1024 * 1024) }, [[8, g('v')]])));
    expect(await answers()).toEqual([[5, 'org.freedesktop.DBus.Error.LimitsExceeded']]);
  });
});

describe('a message with a header that cannot be used is dropped [F2]', () => {
  const cases: [what: string, message: RawMessage][] = [
    ['serial zero', methodCall('Nothing', { serial: 0 })],
    ['type zero', methodCall('Nothing', { type: 0 })],
    ['field code zero', methodCall('Nothing', {}, [[0, s('x')]])],
    ['no path', { type: 1, fields: [[3, s('Nothing')]] }],
    ['no member', { type: 1, fields: [[1, o('/a')]] }],
    ['a path that is none', methodCall('Nothing', {}, [[1, o('/a/')]])],
    ['a path that is a string', methodCall('Nothing', {}, [[1, s('/a')]])],
    ['a member with a dot', methodCall('No.thing')],
    ['an interface without one', methodCall('Nothing', {}, [[2, s('hush')]])],
    ['a sender that is no name', methodCall('Nothing', {}, [[7, s('evil')]])],
    ['a signature field that is a string', methodCall('Nothing', {}, [[8, s('s')]])],
    ['an unknown field that is malformed', methodCall('Nothing', {}, [[77, new Variant('o', 'x')]])],
    ['a signal without interface', { type: 4, fields: [[1, o('/a')], [3, s('Tick')]] }],
    ['a reply to nothing', { type: 2, fields: [[7, s(':1.66')]] }],
    ['an error without name', { type: 3, fields: [[5, u(1)]] }],
  ];

  test.each(cases)('%s', async (_what, message) => {
    fake.write(rawMessage(message));
    expect(await answers()).toEqual([]);
    expect(logged).toContain('a message was dropped');
  });

  test('damage at any byte of the header fields never ends the connection', async () => {
    const good = rawMessage(methodCall('Nothing', { flags: 1 }));
    for (let at = 16; at < good.length; at++) {
      for (const byte of [0, 0x7f, 0xff]) {
        const bad = Buffer.from(good);
        bad[at] = byte;
        fake.write(bad);
      }
    }
    expect(await answers()).toEqual([]);
  });
});

test('a type of message that does not exist yet is ignored', async () => {
  fake.write(rawMessage({ type: 9, fields: [[99, u(1)]] }));
  expect(await answers()).toEqual([]);
  expect(logged).not.toContain('dropped');
});

describe('signals', () => {
  const signal = (bytes: Buffer, signature: string): Buffer =>
    rawMessage({ type: 4, serial: 8, fields: [[1, o('/s')], [2, s('org.example.S')], [3, s('Happened')], [7, s(':1.5')], [8, g(signature)]], bytes });

  test('a malformed one is dropped, and the next is heard; a listener that throws harms nobody', async () => {
    const heard: unknown[] = [];
    bus.subscribe({ interface: 'org.example.S' }, () => {
      throw new Error('a listener that fails');
    });
    bus.subscribe({ interface: 'org.example.S' }, ({ body }) => heard.push(body));
    fake.write(Buffer.concat([signal(Buffer.from('\x02\0\0\0'), 'b'), signal(Buffer.alloc(4), 'h'), signal(Buffer.alloc(0), 'a'), signal(nested(100), 'v'), signal(Buffer.from('\x01\0\0\0'), 'b')]));
    await answers();
    expect(heard).toEqual([[true]]);
    expect(logged.match(/a signal was dropped/g)).toHaveLength(4);
    expect(logged).toContain('a listener that fails');
  });
});

describe('replies', () => {
  /** A call of ours that the bus has seen, and its serial. */
  async function called(): Promise<{ reply: Promise<unknown[]>; serial: number }> {
    const reply = bus.call({ destination: ':1.5', path: '/x', interface: 'org.example.X', member: 'Ask' });
    reply.catch(() => undefined);
    const sent = messages(new Framer(), await fake.received('Ask\0'));
    return { reply, serial: sent.find(({ member }) => member === 'Ask')!.serial };
  }
  const answer = (to: number, more: Partial<RawMessage>, fields: RawMessage['fields'] = []): Buffer => rawMessage({ type: 2, serial: 9, fields: [[5, u(to)], [7, s(':1.5')], ...fields], ...more });

  test('a malformed one rejects the call', async () => {
    const { reply, serial: to } = await called();
    fake.write(answer(to, { bytes: Buffer.from('\x02\0\0\0') }, [[8, g('b')]]));
    await expect(reply).rejects.toMatchObject({ condition: 'invalid-data' });
  });

  test('one that is in order resolves it, and is the only one that counts', async () => {
    const { reply, serial: to } = await called();
    fake.write(Buffer.concat([answer(to + 7, {}), answer(to, { bytes: Buffer.from('\x01\0\0\0') }, [[8, g('b')]]), answer(to, {})]));
    expect(await reply).toEqual([true]);
    expect(await answers()).toEqual([]);
  });

  test.each<[string, Buffer, string, string]>([
    ['without text', Buffer.alloc(0), '', ''],
    ['with a number for a text', Buffer.alloc(4), 'u', ''],
    ['with a text', Buffer.from('\x02\0\0\0no\0'), 's', 'no'],
  ])('an error %s is an error', async (_what, bytes, signature, message) => {
    const { reply, serial: to } = await called();
    fake.write(answer(to, { type: 3, bytes }, [[4, s('org.example.Error')], [8, g(signature)]]));
    await expect(reply).rejects.toMatchObject({ name: 'org.example.Error', message });
  });

  test('what a reply sets in motion happens before the message behind it is looked at', async () => {
    const events: string[] = [];
    bus.subscribe({ interface: 'org.example.S' }, () => events.push('signal'));
    const { reply, serial: to } = await called();
    const work = async (): Promise<void> => {
      await reply;
      await Promise.resolve();
      events.push('reply');
    };
    const working = work();
    fake.write(Buffer.concat([answer(to, {}), rawMessage({ type: 4, fields: [[1, o('/s')], [2, s('org.example.S')], [3, s('Happened')]] })]));
    await working;
    await answers();
    expect(events).toEqual(['reply', 'signal']);
  });
});

test('calls are not even read while more replies wait than should, and are afterwards [F8]', async () => {
  let nothings = 0;
  const object = bus.objects.export(objectPath('/b'));
  object.implement('org.example.Hush', { ...quiet, methods: { ...quiet.methods, Nothing: () => { nothings++; } } });
  fake.socket.pause();
  for (let count = 0; count < 20; count++) object.emit(HUSH, 'Announced', 'x'.repeat(1024 * 1024), count);
  await turns();
  const drained = bus.drained();
  fake.write(rawMessage(methodCall('Nothing', {}, [[1, o('/b')]])));
  await turns();
  expect(nothings).toBe(0);
  fake.socket.resume();
  await drained;
  while (nothings === 0) await turns();
  expect(nothings).toBe(1);
});

/** Enough turns of the event loop for what has been written to be read, if it is read at all. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the connection ends cleanly', () => {
  test.each<[string, Buffer]>([
    ['when what comes is no D-Bus', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['when a message claims 4 GiB', Buffer.from('l\x01\0\x01\xff\xff\xff\xff\x01\0\0\0\0\0\0\0', 'latin1')],
  ])('%s', async (_what, bytes) => {
    const pending = bus.call({ destination: ':1.5', path: '/x', interface: 'org.example.X', member: 'Ask' });
    fake.write(bytes);
    await expect(pending).rejects.toMatchObject({ condition: 'bus-closed' });
    await bus.closed;
    await expect(bus.call({ destination: ':1.5', path: '/x', interface: 'org.example.X', member: 'Ask' })).rejects.toMatchObject({ condition: 'bus-closed' });
    expect(logged).toContain('the bus connection is unusable');
  });

  test('when the bus closes in the middle of a message', async () => {
    fake.write(rawMessage(methodCall('Nothing')).subarray(0, 20));
    fake.socket.end();
    await bus.closed;
  });
});
