/** D-Bus from the socket on: the same however it is cut, a typed error for what is none, and what is read can be written and read again. Attack row F2. */
import { isDeepStrictEqual } from 'node:util';
import { compileSignature } from '../../../src/bus/codec.ts';
import { Framer } from '../../../src/bus/framer.ts';
import type { Frame } from '../../../src/bus/framer.ts';
import { Incoming, writeMessage } from '../../../src/bus/message.ts';
import { parseSignature } from '../../../src/bus/signature.ts';
import { Variant, str, u32 } from '../../../src/bus/types.ts';
import { Writer } from '../../../src/bus/writer.ts';
import { reference } from '../../bus/reference.ts';
import { Random } from '../random.ts';
import { attempt, promise } from '../target.ts';
import type { Target } from '../target.ts';

/** The frames up to the end of the input or of D-Bus, and whether it was the latter. */
function frames(pieces: readonly Buffer[]): { all: Frame[]; isUnusable: boolean } {
  const framer = new Framer();
  const all: Frame[] = [];
  for (const piece of pieces) {
    framer.push(piece);
    for (;;) {
      const found = attempt(['invalid-data'], () => ({ frame: framer.next() }));
      if (found === undefined) return { all, isUnusable: true };
      if (found.frame === undefined) break;
      all.push({ bytes: Buffer.from(found.frame.bytes), isComplete: found.frame.isComplete });
    }
  }
  return { all, isUnusable: false };
}

function check(bytes: Buffer): void {
  const random = Random.of(bytes);
  const whole = frames([bytes]);
  for (const pieces of [random.cut(bytes), Array.from(bytes, (byte) => Buffer.of(byte))]) {
    const { all, isUnusable } = frames(pieces);
    promise(isDeepStrictEqual(all, whole.all) && isUnusable === whole.isUnusable, 'the same messages come out however it is cut');
  }
  for (const { bytes: frame, isComplete } of whole.all) {
    const message = attempt(['invalid-args'], () => new Incoming(frame, isComplete));
    if (message !== undefined) checkMessage(message, frame[0] === 0x6c, frame);
  }
}

function checkMessage(message: Incoming, isLittle: boolean, frame: Buffer): void {
  const body = attempt(['invalid-args', 'limits-exceeded'], () => message.body());
  if (body === undefined) return;
  const writer = new Writer();
  const { type, flags, path, interface: name, member, errorName, replySerial, destination } = message;
  const fields = { type, flags, path, interface: name, member, errorName, destination, ...(replySerial !== 0 && { replySerial }) };
  writeMessage(writer, message.serial, fields, compileSignature(message.signature), body);
  const written = writer.take();
  const [again] = frames([written]).all;
  promise(again?.bytes.length === written.length, 'what was read is written as one message');
  const copy = new Incoming(again.bytes, true);
  promise(isDeepStrictEqual(copy.body(), body), 'the values are the same when they have been written and read', message.signature);
  const shown = (of: Incoming): unknown[] => [of.type, of.flags, of.serial, of.path, of.interface, of.member, of.errorName, of.replySerial, of.destination, of.signature];
  promise(isDeepStrictEqual(shown(copy), shown(message)), 'and so is the header', [shown(copy), shown(message)]);
  // A second encoder in the byte order of the sender; a map that has a key twice is shorter when it is written.
  const types = parseSignature(message.signature);
  const plain = reference(types.map(({ text }, index) => ({ signature: text, value: body[index] })), isLittle);
  if (!holdsMap(body)) promise(frame.subarray(frame.length - plain.length).equals(plain), 'values have one form', message.signature);
}

function holdsMap(value: unknown): boolean {
  if (value instanceof Map) return true;
  if (value instanceof Variant) return holdsMap(value.value);
  // NaN has many forms, of which one is kept.
  return Array.isArray(value) ? value.some(holdsMap) : Number.isNaN(value);
}

/** Both lengths in the header as they are, so that changes inside are looked at. */
function mend(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < 16) return bytes;
  const copy = Buffer.from(bytes);
  if (random.once(2)) copy[0] = random.pick([0x6c, 0x42]);
  copy[3] = 1;
  const isLittle = copy[0] !== 0x42;
  const read = (at: number): number => (isLittle ? copy.readUInt32LE(at) : copy.readUInt32BE(at));
  const write = (value: number, at: number): number => (isLittle ? copy.writeUInt32LE(value, at) : copy.writeUInt32BE(value, at));
  const header = 16 + Math.ceil(read(12) / 8) * 8;
  if (header <= copy.length) write(copy.length - header, 4);
  else if (random.once(2)) write(random.below(copy.length - 15), 12);
  return copy;
}

function message(signature: string, ...body: unknown[]): Buffer {
  const writer = new Writer();
  writeMessage(writer, 7, { type: 1, path: '/a/b', interface: 'org.example.A', member: 'Do', destination: ':1.5' }, compileSignature(signature), body);
  return writer.take();
}

/** A body under a signature, in either byte order. */
function swapped(signature: string, value: unknown): Buffer {
  const header = [
    { signature: 'y', value: 0x42 },
    { signature: 'y', value: 4 },
    { signature: 'y', value: 0 },
    { signature: 'y', value: 1 },
  ];
  const body = reference([{ signature, value }], false);
  const rest = [
    { signature: 'u', value: body.length },
    { signature: 'u', value: 9 },
    { signature: 'a(yv)', value: [[1, new Variant('o', '/')], [2, str('org.example.A')], [3, str('Went')], [8, new Variant('g', signature)], [5, u32(3)]] },
  ];
  const start = reference([...header, ...rest], false);
  return Buffer.concat([start, Buffer.alloc((8 - (start.length % 8)) % 8), body]);
}

export const target: Target = {
  sources: ['framer.ts', 'reader.ts', 'codec.ts', 'message.ts', 'signature.ts', 'names.ts', 'writer.ts', 'types.ts'].map((name) => `/src/bus/${name}`),
  seeds: [
    message(''),
    message('sua{sv}', 'hi', 1, new Map<string, Variant>([['a', str('b')], ['c', new Variant('(ib)', [1, true])]])),
    message('ybnqiuxtdog', 1, true, -1, 2, -3, 4, -5n, 6n, 1.5, '/x', 'as'),
    message('aaya(so)v', [Buffer.from('ab'), Buffer.alloc(0)], [['x', '/y']], new Variant('v', new Variant('av', [u32(1)]))),
    Buffer.concat([message('s', 'one'), message('s', '\u00e4\u{1F600}')]),
    swapped('a{ua{sv}}', new Map([[1, new Map([['k', u32(2)]])]])),
    swapped('(dx)', [0.1, -2n]),
  ],
  dictionary: [
    'l\x01\0\x01', 'B\x04\0\x01', Uint8Array.of(1, 1, 0x6f, 0), Uint8Array.of(2, 1, 0x73, 0), Uint8Array.of(3, 1, 0x73, 0), Uint8Array.of(4, 1, 0x73, 0), Uint8Array.of(5, 1, 0x75, 0), Uint8Array.of(6, 1, 0x73, 0), Uint8Array.of(7, 1, 0x73, 0), Uint8Array.of(8, 1, 0x67, 0), Uint8Array.of(9, 1, 0x75, 0), Uint8Array.of(99, 1, 0x76, 0),
    'a{sv}', 'a(oa{sv})', 'aay', 'ay', 'av', 'v', '((', '))', 'a{', '}', 'h', 'x', 'd', 'g', 'o', 'aaaaaaaaaaaaaaaa', '((((((((((((((((', '\x01v\0\x01v\0\x01v\0\x01v\0', '\x01y\0', '/', '//', '/a', 'org.example', ':1.5', 'a.b', Buffer.alloc(8), Buffer.alloc(1), Uint8Array.of(0xff, 0xff, 0xff, 0xff), Uint8Array.of(0, 0, 0, 4), Uint8Array.of(0, 0, 0xf8, 0x7f), '\u00e4', Uint8Array.of(0xed, 0xa0, 0x80), Uint8Array.of(0xc0, 0x80),
  ],
  mutate: mend,
  run: check,
};
