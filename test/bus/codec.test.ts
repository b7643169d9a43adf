/** The codec against a second encoder, against limits, and against bytes that mean harm. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compileSignature } from '../../src/bus/codec.ts';
import { Reader } from '../../src/bus/reader.ts';
import { isSignature } from '../../src/bus/signature.ts';
import { Variant, bool, bytes, i32, i64, objectPath, path, str, strv, u32, u64, vmap } from '../../src/bus/types.ts';
import { Writer } from '../../src/bus/writer.ts';
import { HushError } from '../../src/errors.ts';
import { reference, samples } from './reference.ts';

function encode(signature: string, ...values: unknown[]): Buffer {
  const writer = new Writer();
  writer.startMessage();
  compileSignature(signature).encode(writer, values);
  writer.endMessage();
  return writer.take();
}

function decode(signature: string, body: Buffer, isLittle = true): unknown[] {
  return compileSignature(signature).decode(new Reader(body, isLittle, 0));
}

const textOf = (all: { signature: string }[]): string => all.map(({ signature }) => signature).join('');
const invalidArgs = expect.objectContaining({ condition: 'invalid-args' });
const invalidArgument = expect.objectContaining({ condition: 'invalid-argument' });

describe('round trips', () => {
  test('writes what the reference writes', () => {
    fc.assert(
      fc.property(samples, (all) => {
        expect(encode(textOf(all), ...all.map(({ value }) => value))).toEqual(reference(all, true));
      }),
    );
  });

  test.each([true, false])('reads what the reference writes, little-endian: %s', (isLittle) => {
    fc.assert(
      fc.property(samples, (all) => {
        expect(decode(textOf(all), reference(all, isLittle), isLittle)).toEqual(all.map(({ value }) => value));
      }),
    );
  });

  test('message after message into one writer, each aligned from its own start', () => {
    const writer = new Writer();
    const signature = compileSignature('yx');
    const starts = [1n, 2n, 3n].map((value) => {
      const start = writer.startMessage();
      signature.encode(writer, [1, value]);
      writer.u8(9);
      return start;
    });
    const all = writer.take();
    expect(starts.map((start, index) => decode('yxy', all.subarray(start, starts[index + 1])))).toEqual([[1, 1n, 9], [1, 2n, 9], [1, 3n, 9]]);
  });

  test('takes numbers for 64 bits and any bytes for ay', () => {
    expect(decode('xtay', encode('xtay', -5, 7, new Uint8Array([1, 2])))).toEqual([-5n, 7n, Buffer.from([1, 2])]);
  });

  test('the short constructors carry the type they are named after', () => {
    const all = [str('x'), path(objectPath('/a')), bool(true), u32(1), i32(-1), i64(-2), u64(2n), strv(['a']), bytes(Buffer.from('z')), vmap(new Map([['k', u32(3)]]))];
    const signatures = ['s', 'o', 'b', 'u', 'i', 'x', 't', 'as', 'ay', 'a{sv}'];
    expect((decode('av', encode('av', all))[0] as Variant[]).map(({ signature }) => signature)).toEqual(signatures);
  });

  test('keys that mean something to JavaScript are keys like others', () => {
    const map = new Map([['__proto__', u32(1)], ['constructor', u32(2)]]);
    const [decoded] = decode('a{sv}', encode('a{sv}', map));
    expect(decoded).toEqual(map);
    expect(Object.keys(Object.getPrototypeOf({}) as object)).toEqual([]);
  });

  test('a decoded byte array is a copy', () => {
    const body = encode('ay', Buffer.from('abc'));
    const [decoded] = decode('ay', body);
    body.fill(0);
    expect(decoded).toEqual(Buffer.from('abc'));
  });

  test('keys and all else are whole wherever the buffer has to grow', () => {
    const map = new Map<string, Variant>([['a-key-of-some-length', str('text')], ['another', u32(7)], ['a-key-of-some-length-too', new Variant('(ya{sv})', [1, new Map([['another', str('inside')]])])]]);
    for (let filled = 65_300; filled < 65_540; filled++) {
      const [, decoded] = decode('aya{sv}', encode('aya{sv}', Buffer.alloc(filled), map));
      expect(decoded).toEqual(map);
    }
  });

  test('a large map of maps with number keys', () => {
    const attributes = (n: number): Map<string, Variant> => new Map<string, Variant>([['id', str(`contact-${n}@example.org`)], ['presence', new Variant('(uss)', [2, 'available', ''])]]);
    const contacts = new Map(Array.from({ length: 5000 }, (_, n) => [n, attributes(n)]));
    expect(decode('a{ua{sv}}', encode('a{ua{sv}}', contacts))).toEqual([contacts]);
  });
});

describe('signatures', () => {
  const nested = (open: string, close: string, count: number): string => open.repeat(count) + 'u' + close.repeat(count);

  test.each(['', 's', 'a{sv}', 'aaaai', '(i(ss)av)', 'a{y(av)}', nested('a', '', 32), nested('(', ')', 32), 'u'.repeat(255)])('%s is one', (text) => {
    expect(isSignature(text)).toBe(true);
  });

  test.each(['a', '(', '()', '(u', 'u)', '{sv}', 'a{vs}', 'a{s}', 'a{svv}', 'a{sv', 'a{(s)v}', 'a{}', 'z', 'm', 'e', 'r', ' ', 'é', '\0', 'u'.repeat(256), nested('a', '', 33), nested('(', ')', 33)])('%j is none', (text) => {
    expect(isSignature(text)).toBe(false);
    expect(() => compileSignature(text)).toThrow(invalidArgs);
  });
});

test('a signature whose values would be nested more than 64 deep is none', () => {
  const nested = (count: number): string => `${'a{s('.repeat(count)}u${')}'.repeat(count)}`;
  expect(isSignature(nested(21))).toBe(true);
  expect(isSignature(nested(22))).toBe(false);
});

test('signatures are kept compiled, but not without end', () => {
  const known = compileSignature('(ssss)');
  expect(compileSignature('(ssss)')).toBe(known);
  for (let count = 0; count < 3000; count++) compileSignature(`(${count.toString(2).replaceAll('0', 'u').replaceAll('1', 'i')})`);
  expect(compileSignature('(ssss)')).not.toBe(known);
});

describe('what does not fit is not sent', () => {
  test.each<[string, unknown]>([
    ['y', 256], ['y', -1], ['y', 1.5], ['y', '1'], ['n', 32768], ['n', -32769], ['q', 65536], ['q', -1], ['i', 2 ** 31], ['i', NaN], ['u', -1], ['u', 2 ** 32], ['u', 1n], ['u', null], ['u', undefined],
    ['x', 2n ** 63n], ['x', -(2n ** 63n) - 1n], ['x', 1.5], ['x', 2 ** 53], ['t', -1], ['t', -1n], ['t', 2n ** 64n], ['d', 1n], ['b', 1], ['b', 'true'],
    ['s', 'a\0b'], ['s', 'long enough to go another way \0 than the short ones'], ['s', '\ud800'], ['s', 'x\udc00y'], ['s', `${'x'.repeat(50)}\ud800`], ['s', 1], ['s', Buffer.from('x')],
    ['o', ''], ['o', 'a'], ['o', '/a/'], ['o', '//'], ['o', '/a-b'], ['o', '/é'], ['g', 'a'], ['g', 'u'.repeat(256)], ['g', 1],
    ['v', 1], ['v', { signature: 'u', value: 1 }], ['ay', [1, 2]], ['ay', 'x'], ['as', 'x'], ['as', new Set(['x'])], ['as', [1]], ['a{sv}', {}], ['a{sv}', []], ['a{sv}', new Map([['k', 1]])], ['a{us}', new Map([['1', 'x']])],
    ['(ss)', ['a']], ['(ss)', ['a', 'b', 'c']], ['(ss)', 'ab'], ['h', 0],
  ])('%s from %p', (signature, value) => {
    expect(() => encode(signature, value)).toThrow(invalidArgument);
  });

  test.each([new Variant('', 1), new Variant('uu', [1, 2]), new Variant('a', []), new Variant('h', 0)])('a variant of $signature', (variant) => {
    expect(() => encode('v', variant)).toThrow(HushError);
  });

  test('too few and too many values', () => {
    expect(() => encode('ss', 'a')).toThrow(invalidArgument);
    expect(() => encode('s', 'a', 'b')).toThrow(invalidArgument);
  });

  test('an error never quotes the value', () => {
    const secret = 'correct horse';
    for (const signature of ['u', 'o', 'g', 'v', 'ay', 'as', 'a{sv}', '(s)']) {
      expect(() => encode(signature, secret)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(secret) }));
    }
  });

  test('an array of 64 MiB is sent, one byte more is not', () => {
    const bytes64 = new Uint8Array(64 * 1024 * 1024);
    expect(encode('ay', bytes64)).toHaveLength(bytes64.length + 4);
    expect(() => encode('ay', new Uint8Array(bytes64.length + 1))).toThrow(invalidArgument);
    const chunk = new Uint8Array(1024 * 1024 - 4);
    expect(() => encode('aay', Array.from({ length: 65 }, () => chunk))).toThrow(invalidArgument);
  });

  test('a message of more than 128 MiB is not sent', () => {
    const array = new Uint8Array(60 * 1024 * 1024);
    expect(() => encode('ayayay', array, array, array)).toThrow(invalidArgument);
  });

  test('variants may be nested 64 deep, not 65', () => {
    const nest = (count: number): Variant => (count === 1 ? u32(1) : new Variant('v', nest(count - 1)));
    const body = encode('v', nest(64));
    expect(decode('v', body)).toEqual([nest(64)]);
    expect(() => encode('v', nest(65))).toThrow(invalidArgument);
    expect(() => decode('v', Buffer.concat([Buffer.from('\x01v\0'.repeat(64)), encode('v', u32(1))]))).toThrow(invalidArgs);
    // Arrays and structures count as well, on both sides of a variant.
    const inside = (count: number): Variant => new Variant('a(v)', [[count === 1 ? u32(1) : inside(count - 1)]]);
    expect(() => encode('v', inside(21))).not.toThrow();
    expect(() => encode('v', inside(22))).toThrow(invalidArgument);
  });
});

describe('what is malformed is not read', () => {
  const broken: [what: string, signature: string, hex: string, control: string][] = [
    ['a boolean of 2', 'b', '02000000', '01000000'],
    ['a string without its NUL', 's', '0100000061', '010000006100'],
    ['a string with something else behind it', 's', '010000006101', '010000006100'],
    ['a string longer than the message', 's', 'ff0000006100', '010000006100'],
    ['a string of 4 GiB', 's', 'ffffffff6100', '010000006100'],
    ['a NUL in a string', 's', '02000000610000', '02000000616200'],
    ['an overlong UTF-8 form', 's', '02000000c08000', '02000000c3a900'],
    ['a surrogate in UTF-8', 's', '03000000eda08000', '03000000e282ac00'],
    ['an object path with two slashes', 'o', '030000002f2f6100', '030000002f616200'],
    ['an empty object path', 'o', '0000000000', '010000002f00'],
    ['a signature that is none', 'g', '017a00', '017500'],
    ['a variant of nothing', 'v', '0000', '01790001'],
    ['a variant of two', 'v', '0279790001', '01790001'],
    ['a variant of a descriptor', 'v', '0168000000000000', '0175000000000000'],
    ['a descriptor', 'h', '00000000', ''],
    ['padding that is not zero', 'yu', '0100ff0002000000', '0100000002000000'],
    ['an array that ends inside an element', 'au', '0300000001000000', '0400000001000000'],
    ['an array longer than the message', 'au', '0800000001000000', '0400000001000000'],
    ['an array of more than 64 MiB', 'ay', '0100000400', '0100000000'],
    ['a string that goes beyond its array', 'as', '06000000' + '02000000616200', '07000000' + '02000000616200'],
    ['bytes behind the last value', 'u', '0100000000', '01000000'],
    ['nothing', 'u', '', '01000000'],
  ];

  test.each(broken)('%s', (_what, signature, hex, control) => {
    expect(() => decode(signature, Buffer.from(hex, 'hex'))).toThrow(invalidArgs);
    if (control !== '') expect(decode(signature, Buffer.from(control, 'hex'))).toHaveLength(signature.length > 1 && signature.startsWith('y') ? 2 : 1);
  });

  test('a million empty elements are dearer to keep than to send, and refused', () => {
    const body = (count: number): Buffer => {
      const buffer = Buffer.alloc(4 + count * 4);
      buffer.writeUInt32LE(count * 4);
      return buffer;
    };
    expect(() => decode('aay', body(1024 * 1024))).toThrow(invalidArgs);
    expect((decode('aay', body(1000))[0] as unknown[]).length).toBe(1000);
  });

  test('any damage gives a value or a typed error, never anything else', () => {
    fc.assert(
      fc.property(samples, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (all, at, byte, cut) => {
        const signature = textOf(all);
        const body = reference(all, true);
        if (body.length > 0) body[at % body.length] = byte;
        for (const damaged of [body, body.subarray(0, cut % (body.length + 1))]) {
          try {
            decode(signature, damaged);
          } catch (error) {
            expect(error).toEqual(invalidArgs);
          }
        }
      }),
    );
  });

  test('random bytes under a random signature likewise', () => {
    fc.assert(
      fc.property(fc.constantFrom('v', 'av', 'a{sv}', 'a(oa{sv})', 'aaa{sv}', 'a{ua{sv}}', 'xdgo', '(v(v))'), fc.uint8Array({ maxLength: 200 }), (signature, body) => {
        try {
          decode(signature, Buffer.from(body));
        } catch (error) {
          expect(error).toEqual(invalidArgs);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test('no byte of old memory is sent: padding is zero in a writer that has been used before', () => {
  const writer = new Writer();
  writer.startMessage();
  writer.byteArray(Buffer.alloc(30_000, 0xff));
  writer.take();
  writer.startMessage();
  compileSignature('yxa(y)').encode(writer, [1, 2n, [[3], [4]]]);
  expect(writer.take()).toEqual(reference([{ signature: 'y', value: 1 }, { signature: 'x', value: 2n }, { signature: 'a(y)', value: [[3], [4]] }], true));
});
