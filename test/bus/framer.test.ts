/** Cutting a stream into messages, however it arrives. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Framer } from '../../src/bus/framer.ts';
import type { Frame } from '../../src/bus/framer.ts';
import { Variant } from '../../src/bus/types.ts';
import { rawMessage } from './fake-bus.ts';

const MiB = 1024 * 1024;

function signal(body: Buffer, isLittle = true): Buffer {
  return rawMessage({ type: 4, fields: [[1, new Variant('o', '/a')]], bytes: body, isLittle });
}

function frames(framer: Framer, ...chunks: Buffer[]): Frame[] {
  return chunks.flatMap((chunk) => {
    framer.push(chunk);
    const all: Frame[] = [];
    for (let frame = framer.next(); frame !== undefined; frame = framer.next()) all.push(frame);
    return all;
  });
}

test('messages come out whole, whatever the pieces', () => {
  const piece = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (bodies, cuts) => {
      const messages = bodies.map(([body, isLittle]) => signal(Buffer.from(body), isLittle));
      const stream = Buffer.concat(messages);
      const chunks: Buffer[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = cuts[turn % cuts.length]!;
        chunks.push(stream.subarray(at, at + size));
        at += size;
      }
      expect(frames(new Framer(), ...chunks)).toEqual(messages.map((bytes) => ({ bytes, isComplete: true })));
    }),
  );
});

test('of a message that is too long only the header comes out, and the next message is not harmed', () => {
  const small = signal(Buffer.from('x'));
  const large = signal(Buffer.alloc(33 * MiB));
  const headerOnly = { bytes: large.subarray(0, large.length - 33 * MiB), isComplete: false };
  const stream = Buffer.concat([small, large, small]);
  const expected = [{ bytes: small, isComplete: true }, headerOnly, { bytes: small, isComplete: true }];
  expect(frames(new Framer(), stream)).toEqual(expected);
  const chunks = Array.from({ length: Math.ceil(stream.length / 65_521) }, (_, index) => stream.subarray(index * 65_521, (index + 1) * 65_521));
  expect(frames(new Framer(), ...chunks)).toEqual(expected);
  const fitting = signal(Buffer.alloc(31 * MiB));
  const [frame] = frames(new Framer(), fitting);
  expect(frame).toMatchObject({ isComplete: true });
  expect(frame!.bytes.equals(fitting)).toBe(true);
});

describe('what is no D-Bus ends it', () => {
  const good = signal(Buffer.from('x'));
  const changed = (at: number, ...bytes: number[]): Buffer => {
    const copy = Buffer.from(good);
    copy.set(bytes, at);
    return copy;
  };

  test.each<[string, Buffer]>([
    ['no byte order', changed(0, 0x4c)],
    ['another version', changed(3, 2)],
    ['more than 128 MiB', changed(4, 0, 0, 0, 8)],
    ['a length of 4 GiB', changed(4, 0xff, 0xff, 0xff, 0xff)],
    ['a header of more than 64 MiB', changed(12, 1, 0, 0, 4)],
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('%s', (_what, bytes) => {
    const framer = new Framer();
    expect(() => frames(framer, bytes)).toThrow(expect.objectContaining({ condition: 'invalid-data' }));
    expect(frames(new Framer(), good)).toHaveLength(1);
  });
});
