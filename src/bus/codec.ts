/**
 * D-Bus values to bytes and back: each signature is compiled once, to closures. D-Bus Specification, section Marshaling.
 *
 * y n q i u d ↔ number; x t → bigint, number or bigint accepted; b ↔ boolean; s ↔ string; o ↔ ObjectPath; g ↔ string; v ↔ Variant;
 * ay → Buffer, Uint8Array accepted; a{KV} ↔ Map; any other array ↔ array; (…) ↔ array of its fields; h is refused.
 */
import { HushError } from '../errors.ts';
import { malformed } from './reader.ts';
import type { Reader } from './reader.ts';
import { isSignature, maxDepth, parseSignature } from './signature.ts';
import type { BasicCode, TypeNode } from './signature.ts';
import { Variant } from './types.ts';
import { Writer, wrong } from './writer.ts';

interface Codec {
  readonly alignment: number;
  readonly depth: number;
  decode(reader: Reader): unknown;
  encode(writer: Writer, value: unknown): void;
}

/** A message body's signature, ready to work. */
export interface Signature {
  readonly text: string;
  /** The values, one per complete type. Throws HushError 'invalid-args' unless the reader holds exactly them. */
  decode(reader: Reader): unknown[];
  /** Throws HushError 'invalid-argument'. */
  encode(writer: Writer, values: readonly unknown[]): void;
  /** Complete types in the signature. */
  readonly length: number;
}

/** Signatures kept compiled. Peers choose the signatures of variants, so there must be an end to it. */
const maxCached = 1024;
const cache = new Map<string, { signature: Signature; codecs: readonly Codec[] }>();

/** Throws HushError 'invalid-args' when `text` is no signature. */
export function compileSignature(text: string): Signature {
  return compiled(text).signature;
}

function compiled(text: string): { signature: Signature; codecs: readonly Codec[] } {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const codecs = parseSignature(text).map(({ type }) => compile(type, 0));
  const entry = { signature: signatureOf(text, codecs), codecs };
  if (cache.size >= maxCached) cache.clear();
  cache.set(text, entry);
  return entry;
}

function signatureOf(text: string, codecs: readonly Codec[]): Signature {
  return {
    text,
    length: codecs.length,
    decode(reader) {
      const values = codecs.map((codec) => codec.decode(reader));
      if (!reader.isAtEnd) throw malformed('its body is longer than its signature says');
      return values;
    },
    encode(writer, values) {
      if (values.length !== codecs.length) throw new HushError('invalid-argument', `${values.length} values for signature '${text}'`);
      let i = 0;
      for (const codec of codecs) codec.encode(writer, values[i++]);
    },
  };
}

/** `level`: the containers around `type` in its signature. */
function compile(type: TypeNode, level: number): Codec {
  switch (type.kind) {
    case 'basic':
      return basic[type.code];
    case 'variant':
      return variantCodec(level);
    case 'array':
      if (type.element.kind === 'basic' && type.element.code === 'y') return byteArray;
      return arrayCodec(compile(type.element, level + 1), type.depth);
    case 'dictionary':
      if (type.key.kind === 'basic' && type.key.code === 's' && type.value.kind === 'variant') return variantMapCodec(level + 2, type.depth);
      return dictionaryCodec(compile(type.key, level + 2), compile(type.value, level + 2), type.depth);
    case 'structure':
      return structureCodec(type.fields.map((field) => compile(field, level + 1)), type.depth);
  }
}

function basicCodec(alignment: number, decode: (reader: Reader) => unknown, encode: (writer: Writer, value: unknown) => void): Codec {
  return { alignment, depth: 0, decode, encode };
}

const basic: Readonly<Record<BasicCode, Codec>> = {
  y: basicCodec(1, (r) => r.u8(), (w, value) => w.u8(value)),
  b: basicCodec(4, (r) => r.bool(), (w, value) => w.bool(value)),
  n: basicCodec(2, (r) => r.i16(), (w, value) => w.i16(value)),
  q: basicCodec(2, (r) => r.u16(), (w, value) => w.u16(value)),
  i: basicCodec(4, (r) => r.i32(), (w, value) => w.i32(value)),
  u: basicCodec(4, (r) => r.u32(), (w, value) => w.u32(value)),
  x: basicCodec(8, (r) => r.i64(), (w, value) => w.i64(value)),
  t: basicCodec(8, (r) => r.u64(), (w, value) => w.u64(value)),
  d: basicCodec(8, (r) => r.f64(), (w, value) => w.f64(value)),
  s: basicCodec(4, (r) => r.string(), (w, value) => w.string(value)),
  o: basicCodec(4, (r) => r.path(), (w, value) => w.path(value)),
  g: basicCodec(
    1,
    (r) => {
      const text = r.signature();
      if (!isSignature(text)) throw malformed('not a valid signature');
      return text;
    },
    (w, value) => {
      if (typeof value !== 'string' || !isSignature(value)) throw wrong('g', value);
      w.signature(value);
    },
  ),
  // A descriptor needs native code to travel with it; without one its index means nothing.
  h: basicCodec(
    4,
    () => {
      throw noDescriptors('invalid-args');
    },
    () => {
      throw noDescriptors('invalid-argument');
    },
  ),
};

function noDescriptors(condition: 'invalid-args' | 'invalid-argument'): HushError {
  return new HushError(condition, 'file descriptors are not supported');
}

const byteArray: Codec = { alignment: 4, depth: 1, decode: (r) => r.byteArray(), encode: (w, value) => w.byteArray(value) };

function arrayCodec(element: Codec, depth: number): Codec {
  return {
    alignment: 4,
    depth,
    decode(reader) {
      const end = reader.arrayEnd(element.alignment);
      const values: unknown[] = [];
      while (reader.hasElement(end)) values.push(element.decode(reader));
      return values;
    },
    encode(writer, values) {
      if (!Array.isArray(values)) throw wrong('a…', values);
      const start = writer.startArray(element.alignment);
      for (const value of values) element.encode(writer, value);
      writer.endArray(start);
    },
  };
}

function dictionaryCodec(key: Codec, value: Codec, depth: number): Codec {
  return {
    alignment: 4,
    depth,
    decode(reader) {
      const end = reader.arrayEnd(8);
      const map = new Map<unknown, unknown>();
      while (reader.hasElement(end)) {
        reader.align(8);
        const entryKey = key.decode(reader);
        map.set(entryKey, value.decode(reader));
      }
      return map;
    },
    encode(writer, map) {
      if (!(map instanceof Map)) throw wrong('a{…}', map);
      const start = writer.startArray(8);
      // A loop makes an array for each entry, which code that is not compiled yet takes apart slowly.
      map.forEach((entryValue: unknown, entryKey: unknown) => {
        writer.align(8);
        key.encode(writer, entryKey);
        value.encode(writer, entryValue);
      });
      writer.endArray(start);
    },
  };
}

/** The key and the signature in an entry of `a{sv}`, as they are written; the same few come again and again. */
interface Head {
  readonly signature: string;
  readonly bytes: Uint8Array;
  readonly inner: Codec;
}

const heads = new Map<unknown, Head>();
const maxHeads = 512;
/** Bytes of a head that is kept. */
const maxHead = 256;

function headOf(key: unknown, signature: string): Head {
  const known = heads.get(key);
  if (known?.signature === signature) return known;
  const inner = single(signature);
  if (inner === undefined) throw new HushError('invalid-argument', 'a variant does not hold exactly one value');
  const writer = new Writer(64);
  writer.string(key);
  writer.signature(signature);
  // A copy of its own: a Buffer may be a slice of something larger, and keep that.
  const head = { signature, bytes: new Uint8Array(writer.take()), inner };
  if (head.bytes.length <= maxHead) {
    if (heads.size >= maxHeads) heads.clear();
    heads.set(key, head);
  }
  return head;
}

/** `a{sv}`: most of what is said on a bus. */
function variantMapCodec(level: number, depth: number): Codec {
  return {
    ...dictionaryCodec(basic.s, variantCodec(level), depth),
    encode(writer, map) {
      if (!(map instanceof Map)) throw wrong('a{…}', map);
      const start = writer.startArray(8);
      const around = writer.depth;
      // A loop makes an array for each entry, which code that is not compiled yet takes apart slowly.
      map.forEach((variant: unknown, key: unknown) => {
        if (!(variant instanceof Variant)) throw wrong('v', variant);
        const { bytes, inner } = headOf(key, variant.signature);
        writer.bytes(bytes, 8);
        enter(writer, level, inner, 'invalid-argument');
        inner.encode(writer, variant.value);
        writer.depth = around;
      });
      writer.endArray(start);
    },
  };
}

function structureCodec(fields: readonly Codec[], depth: number): Codec {
  return {
    alignment: 8,
    depth,
    decode(reader) {
      reader.align(8);
      const values: unknown[] = [];
      for (const field of fields) values.push(field.decode(reader));
      return values;
    },
    encode(writer, values) {
      if (!Array.isArray(values) || values.length !== fields.length) throw wrong('(…)', values);
      writer.align(8);
      let i = 0;
      for (const field of fields) field.encode(writer, values[i++]);
    },
  };
}

function variantCodec(level: number): Codec {
  return {
    alignment: 1,
    depth: 1,
    decode(reader) {
      const signature = reader.signature();
      const inner = single(signature);
      if (inner === undefined) throw malformed('a variant does not hold exactly one value');
      const around = enter(reader, level, inner, 'invalid-args');
      const value = inner.decode(reader);
      reader.depth = around;
      return new Variant(signature, value);
    },
    encode(writer, variant) {
      if (!(variant instanceof Variant)) throw wrong('v', variant);
      const inner = single(variant.signature);
      if (inner === undefined) throw new HushError('invalid-argument', 'a variant does not hold exactly one value');
      writer.signature(variant.signature);
      const around = enter(writer, level, inner, 'invalid-argument');
      inner.encode(writer, variant.value);
      writer.depth = around;
    },
  };
}

/** Goes over one value that nobody wants. Throws HushError 'invalid-args'. */
export function skipValue(reader: Reader, signature: string): void {
  const codec = single(signature);
  if (codec === undefined) throw malformed('a variant does not hold exactly one value');
  codec.decode(reader);
}

/** The codec of a signature that is one complete type. */
function single(signature: string): Codec | undefined {
  const { codecs } = compiled(signature);
  return codecs.length === 1 ? codecs[0] : undefined;
}

/** Notes that the cursor is inside a variant `level` containers deep; returns the depth to go back to. */
function enter(cursor: { depth: number }, level: number, inner: Codec, condition: 'invalid-args' | 'invalid-argument'): number {
  const around = cursor.depth;
  cursor.depth = around + level + 1;
  if (cursor.depth + inner.depth > maxDepth) throw new HushError(condition, 'values are nested too deeply');
  return around;
}
