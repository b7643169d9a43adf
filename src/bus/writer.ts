/** Writes the D-Bus wire format, little-endian, message after message into one buffer. D-Bus Specification, section Marshaling. */
import { HushError } from '../errors.ts';
import { isObjectPath } from './names.ts';

/** Bytes of one array. */
const maxArray = 64 * 1024 * 1024;
/** Bytes of one message, its header included. */
export const maxMessage = 128 * 1024 * 1024;
const initialSize = 64 * 1024;
/** Characters up to which room is made for all that a text may come to; the bytes of a longer one are counted first. */
const shortText = 128;

/** Every method writes one value at the cursor with its alignment, or throws HushError 'invalid-argument' saying which type was wanted, never the value. */
export class Writer {
  // Zeroed when allocated, and every byte below `pos` has been written: no old memory is ever sent.
  #bytes: Buffer;
  #view: DataView;
  #start = 0;
  pos = 0;
  /** Containers around the signature being written, for what is inside variants. */
  depth = 0;

  constructor(size = initialSize) {
    this.#bytes = Buffer.alloc(size);
    this.#view = viewOf(this.#bytes);
  }

  /** Alignment counts from here. */
  startMessage(): number {
    this.#start = this.pos;
    this.depth = 0;
    return this.pos;
  }

  /** Throws when the message is longer than D-Bus allows. */
  endMessage(): void {
    if (this.pos - this.#start > maxMessage) throw tooLong();
  }

  /** What has been written since the last call; the writer is empty afterwards. */
  take(): Buffer {
    const written = Buffer.from(this.#bytes.subarray(0, this.pos));
    this.pos = 0;
    if (this.#bytes.length > initialSize) {
      this.#bytes = Buffer.alloc(initialSize);
      this.#view = viewOf(this.#bytes);
    }
    return written;
  }

  align(alignment: number): void {
    this.#take(0, alignment);
  }

  /** Makes room for `more` bytes. */
  #ensure(more: number): void {
    const needed = this.pos + more;
    if (needed <= this.#bytes.length) return;
    if (needed - this.#start > maxMessage) throw tooLong();
    const larger = Buffer.alloc(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.pos);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }

  /** The position for a value of `size` bytes; the cursor goes behind it. */
  #take(size: number, alignment = size): number {
    let at = this.pos;
    const padding = (this.#start - at) & (alignment - 1);
    if (at + padding + size > this.#bytes.length) this.#ensure(padding + size);
    for (const end = at + padding; at < end; at++) this.#bytes[at] = 0;
    this.pos = at + size;
    return at;
  }

  u8(value: unknown): void {
    if (typeof value !== 'number' || (value & 0xff) !== value) throw wrong('y', value);
    const at = this.#take(1);
    this.#view.setUint8(at, value);
  }

  i16(value: unknown): void {
    if (typeof value !== 'number' || (value << 16) >> 16 !== value) throw wrong('n', value);
    const at = this.#take(2);
    this.#view.setInt16(at, value, true);
  }

  u16(value: unknown): void {
    if (typeof value !== 'number' || (value & 0xffff) !== value) throw wrong('q', value);
    const at = this.#take(2);
    this.#view.setUint16(at, value, true);
  }

  i32(value: unknown): void {
    if (typeof value !== 'number' || (value | 0) !== value) throw wrong('i', value);
    const at = this.#take(4);
    this.#view.setInt32(at, value, true);
  }

  u32(value: unknown): void {
    if (typeof value !== 'number' || value >>> 0 !== value) throw wrong('u', value);
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
  }

  i64(value: unknown): void {
    const integer = integerOf(value);
    if (integer === undefined || BigInt.asIntN(64, integer) !== integer) throw wrong('x', value);
    const at = this.#take(8);
    this.#view.setBigInt64(at, integer, true);
  }

  u64(value: unknown): void {
    const integer = integerOf(value);
    if (integer === undefined || BigInt.asUintN(64, integer) !== integer) throw wrong('t', value);
    const at = this.#take(8);
    this.#view.setBigUint64(at, integer, true);
  }

  f64(value: unknown): void {
    if (typeof value !== 'number') throw wrong('d', value);
    const at = this.#take(8);
    this.#view.setFloat64(at, value, true);
  }

  bool(value: unknown): void {
    if (typeof value !== 'boolean') throw wrong('b', value);
    this.u32(value ? 1 : 0);
  }

  string(value: unknown): void {
    if (typeof value !== 'string') throw wrong('s', value);
    const lengthAt = this.#take(4);
    const length = this.#text(value);
    this.#view.setUint32(lengthAt, length, true);
  }

  path(value: unknown): void {
    if (typeof value !== 'string' || !isObjectPath(value)) throw wrong('o', value);
    this.string(value);
  }

  /** A signature that has been checked. */
  signature(value: string): void {
    // It is ASCII, and mostly one character.
    const at = this.#take(value.length + 2, 1);
    this.#bytes[at] = value.length;
    for (let i = 0; i < value.length; i++) this.#bytes[at + 1 + i] = value.charCodeAt(i);
    this.#bytes[at + 1 + value.length] = 0;
  }

  /** Writes `value` and a NUL; returns the bytes of `value`. */
  #text(value: string): number {
    const start = this.pos;
    this.#ensure((value.length <= shortText ? value.length * 3 : Buffer.byteLength(value)) + 1);
    const length = this.#bytes.write(value, start);
    if (value.includes('\0')) throw new HushError('invalid-argument', 'a string contains NUL');
    if (length !== value.length && /\p{Surrogate}/u.test(value)) throw new HushError('invalid-argument', 'a string is not well-formed');
    this.#bytes[start + length] = 0;
    this.pos = start + length + 1;
    return length;
  }

  /** `ay` */
  byteArray(value: unknown): void {
    if (!(value instanceof Uint8Array)) throw wrong('ay', value);
    if (value.length > maxArray) throw new HushError('invalid-argument', 'an array is too long for D-Bus');
    this.u32(value.length);
    this.#ensure(value.length);
    this.#bytes.set(value, this.pos);
    this.pos += value.length;
  }

  /** What has been written elsewhere, for a place with this alignment. */
  bytes(written: Uint8Array, alignment: number): void {
    const at = this.#take(written.length, alignment);
    this.#bytes.set(written, at);
  }

  /** Leaves room for an array's length and goes to its first element. Returns what `endArray` wants. */
  startArray(alignment: number): number {
    const lengthAt = this.#take(4);
    this.align(alignment);
    // Until the length is known, its place keeps where the first element is: padding before that does not count.
    this.#view.setUint32(lengthAt, this.pos, true);
    return lengthAt;
  }

  endArray(lengthAt: number): void {
    const length = this.pos - this.#view.getUint32(lengthAt, true);
    if (length > maxArray) throw new HushError('invalid-argument', 'an array is too long for D-Bus');
    this.#view.setUint32(lengthAt, length, true);
  }

  /** Overwrites the 32 bits at `at`. */
  patch(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }
}

function tooLong(): HushError {
  return new HushError('invalid-argument', 'the message is too long for D-Bus');
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
}

export function wrong(signature: string, value: unknown): HushError {
  const kind = value === null ? 'null' : typeof value;
  return new HushError('invalid-argument', `a ${kind} that is no '${signature}'`);
}
