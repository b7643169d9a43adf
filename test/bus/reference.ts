/** A second, slow and plain encoder of the D-Bus wire format in both byte orders, and values at random for it: what the real codec is held against. */
import fc from 'fast-check';
import { Variant } from '../../src/bus/types.ts';

/** One complete type with a value of it. */
export interface Sample {
  signature: string;
  value: unknown;
}

const alignments: Record<string, number> = { y: 1, g: 1, v: 1, n: 2, q: 2, b: 4, i: 4, u: 4, s: 4, o: 4, a: 4, x: 8, t: 8, d: 8, '(': 8, '{': 8 };

const scalars: Record<string, [size: number, write: (view: DataView, value: unknown, isLittle: boolean) => void]> = {
  y: [1, (view, value) => view.setUint8(0, value as number)],
  n: [2, (view, value, isLittle) => view.setInt16(0, value as number, isLittle)],
  q: [2, (view, value, isLittle) => view.setUint16(0, value as number, isLittle)],
  i: [4, (view, value, isLittle) => view.setInt32(0, value as number, isLittle)],
  u: [4, (view, value, isLittle) => view.setUint32(0, value as number, isLittle)],
  b: [4, (view, value, isLittle) => view.setUint32(0, value === true ? 1 : 0, isLittle)],
  x: [8, (view, value, isLittle) => view.setBigInt64(0, value as bigint, isLittle)],
  t: [8, (view, value, isLittle) => view.setBigUint64(0, value as bigint, isLittle)],
  d: [8, (view, value, isLittle) => view.setFloat64(0, value as number, isLittle)],
};

/** The bytes of `samples` one after the other, as a body. */
export function reference(samples: readonly Sample[], isLittle: boolean): Buffer {
  const bytes: number[] = [];
  for (const { signature, value } of samples) append(bytes, signature, value, isLittle);
  return Buffer.from(bytes);
}

function append(bytes: number[], signature: string, value: unknown, isLittle: boolean): void {
  const scalar = scalars[signature.charAt(0)];
  if (scalar !== undefined) {
    const [size, write] = scalar;
    const view = new DataView(new ArrayBuffer(size));
    write(view, value, isLittle);
    pad(bytes, size);
    bytes.push(...new Uint8Array(view.buffer));
  } else if ('so'.includes(signature.charAt(0))) {
    const text = Buffer.from(value as string);
    append(bytes, 'u', text.length, isLittle);
    bytes.push(...text, 0);
  } else if (signature === 'g') {
    bytes.push((value as string).length, ...Buffer.from(value as string), 0);
  } else if (signature === 'v') {
    const variant = value as Variant;
    append(bytes, 'g', variant.signature, isLittle);
    append(bytes, variant.signature, variant.value, isLittle);
  } else if (signature.startsWith('a')) {
    appendArray(bytes, signature.slice(1), value, isLittle);
  } else {
    pad(bytes, 8);
    const fields = completeTypes(signature.slice(1, -1));
    for (const [index, field] of fields.entries()) append(bytes, field, (value as unknown[])[index], isLittle);
  }
}

/** A dictionary is an array of structures. */
function appendArray(bytes: number[], element: string, value: unknown, isLittle: boolean): void {
  append(bytes, 'u', 0, isLittle);
  const lengthAt = bytes.length - 4;
  pad(bytes, alignments[element.charAt(0)]!);
  const start = bytes.length;
  for (const item of value as Iterable<unknown>) append(bytes, element.replace(/^\{(.*)\}$/, '($1)'), item, isLittle);
  const length: number[] = [];
  append(length, 'u', bytes.length - start, isLittle);
  bytes.splice(lengthAt, 4, ...length);
}

function pad(bytes: number[], alignment: number): void {
  while (bytes.length % alignment !== 0) bytes.push(0);
}

function completeTypes(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    let end = at;
    while (signature.charAt(end) === 'a') end++;
    let open = 0;
    do {
      if ('({'.includes(signature.charAt(end))) open++;
      if (')}'.includes(signature.charAt(end))) open--;
      end++;
    } while (open > 0);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value));
const path = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_]{1,8}$/), { maxLength: 4 })
  .map((elements) => `/${elements.join('/')}`);

const basics: [code: string, value: fc.Arbitrary<unknown>][] = [
  ['y', fc.integer({ min: 0, max: 255 })],
  ['b', fc.boolean()],
  ['n', fc.integer({ min: -32768, max: 32767 })],
  ['q', fc.integer({ min: 0, max: 65535 })],
  ['i', fc.integer()],
  ['u', fc.nat({ max: 0xffff_ffff })],
  ['x', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['t', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  ['d', fc.double()],
  ['s', text],
  ['o', path],
  ['g', fc.constantFrom('', 's', 'a{sv}', 'a(uss)v', 'aay(n(x)d)')],
];

/** A type of at most `depth` containers: its signature, and values of it. */
interface Kind {
  signature: string;
  values: fc.Arbitrary<unknown>;
}

const basicKind: fc.Arbitrary<Kind> = fc.constantFrom(...basics.map(([signature, values]) => ({ signature, values })));

function kind(depth: number): fc.Arbitrary<Kind> {
  if (depth === 0) return basicKind;
  const inner = kind(depth - 1);
  return fc.oneof(
    { weight: 3, arbitrary: basicKind },
    { weight: 1, arbitrary: fc.constant({ signature: 'ay', values: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) }) },
    {
      weight: 2,
      arbitrary: inner
        .filter(({ signature }) => signature !== 'y')
        .map((element) => ({ signature: `a${element.signature}`, values: fc.array(element.values, { maxLength: 4 }) })),
    },
    {
      weight: 2,
      arbitrary: fc.array(inner, { minLength: 1, maxLength: 4 }).map((fields) => ({
        signature: `(${fields.map((field) => field.signature).join('')})`,
        values: fc.tuple(...fields.map((field) => field.values)),
      })),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(basicKind, inner).map(([key, value]) => ({
        signature: `a{${key.signature}${value.signature}}`,
        values: fc.array(fc.tuple(key.values, value.values), { maxLength: 4 }).map((entries) => new Map(entries)),
      })),
    },
    {
      weight: 2,
      arbitrary: inner.map(({ signature, values }) => ({ signature: 'v', values: values.map((value) => new Variant(signature, value)) })),
    },
  );
}

/** Bodies of up to four arguments. */
export const samples: fc.Arbitrary<Sample[]> = fc.array(
  kind(4).chain(({ signature, values }) => values.map((value) => ({ signature, value }))),
  { maxLength: 4 },
);
