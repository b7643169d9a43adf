/** Reads the D-Bus wire format out of one message, trusting nothing in it. D-Bus Specification, section Marshaling. */
import { isUtf8 } from 'node:buffer';
import { HushError } from '../errors.ts';
import { isObjectPath } from './names.ts';
import type { ObjectPath } from './types.ts';

/** Elements of all arrays of one message, bytes aside: a million empty ones are cheap to send and dear to keep. */
const maxElements = 256 * 1024;
/** Up to here a loop in JavaScript is faster than a call into native code. */
const shortString = 128;

/** Every method reads the value at the cursor with its alignment, or throws HushError 'invalid-args'. */
export class Reader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #little: boolean;
  /** Where the next value starts; alignment counts from 0, the start of the message. */
  pos: number;
  /** Containers around the signature being read, for what is inside variants. */
  depth = 0;
  #elements = maxElements;

  constructor(message: Buffer, isLittleEndian: boolean, pos: number) {
    this.#bytes = message;
    this.#view = new DataView(message.buffer, message.byteOffset, message.length);
    this.#little = isLittleEndian;
    this.pos = pos;
  }

  /** Everything has been read. */
  get isAtEnd(): boolean {
    return this.pos === this.#bytes.length;
  }

  /** Skips padding, which is zero. `alignment` is a power of two. */
  align(alignment: number): void {
    const target = (this.pos + alignment - 1) & -alignment;
    // Behind the end of the message there are no zeros either.
    while (this.pos < target) if (this.#bytes[this.pos++] !== 0) throw malformed('padding is not zero');
  }

  /** The position of a value of `size` bytes; the cursor goes behind it. */
  #take(size: number): number {
    if (size > 1) this.align(size);
    const at = this.pos;
    if (at + size > this.#bytes.length) throw malformed('a value is cut off');
    this.pos = at + size;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), this.#little);
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), this.#little);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), this.#little);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), this.#little);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), this.#little);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.#little);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), this.#little);
  }

  bool(): boolean {
    const value = this.u32();
    if (value > 1) throw malformed('a boolean is neither 0 nor 1');
    return value === 1;
  }

  string(): string {
    return this.#text(this.u32());
  }

  path(): ObjectPath {
    const text = this.string();
    if (!isObjectPath(text)) throw malformed('not an object path');
    return text as ObjectPath;
  }

  /** The text of a signature, not yet checked. */
  signature(): string {
    return this.#text(this.u8());
  }

  /** `length` bytes of UTF-8 without NUL, and the NUL behind them. */
  #text(length: number): string {
    const start = this.pos;
    const end = start + length;
    // Behind the end of the message there is no NUL either.
    if (this.#bytes[end] !== 0) throw malformed('a string does not end with NUL');
    this.pos = end + 1;
    if (length <= shortString) {
      let at = start;
      let byte = 1;
      while (at < end && (byte = this.#view.getUint8(at)) !== 0 && byte < 0x80) at++;
      if (at === end) return this.#bytes.toString('latin1', start, end);
    }
    const slice = this.#bytes.subarray(start, end);
    if (slice.includes(0)) throw malformed('a string contains NUL');
    if (!isUtf8(slice)) throw malformed('a string is not UTF-8');
    return slice.toString('utf8');
  }

  /** `ay`, as a copy: it must not keep the whole message alive. */
  byteArray(): Buffer {
    const end = this.arrayEnd(1);
    const copy = Buffer.from(this.#bytes.subarray(this.pos, end));
    this.pos = end;
    return copy;
  }

  /** Reads an array's length and skips to its first element; returns the position behind its last. No message is kept that could hold more than the 64 MiB an array may have. */
  arrayEnd(alignment: number): number {
    const length = this.u32();
    this.align(alignment);
    const end = this.pos + length;
    if (end > this.#bytes.length) throw malformed('an array is cut off');
    return end;
  }

  /** True while there are elements before `end`; each `true` counts one. */
  hasElement(end: number): boolean {
    if (this.pos >= end) {
      if (this.pos > end) throw malformed('an element goes beyond its array');
      return false;
    }
    if (--this.#elements < 0) throw malformed('too many array elements');
    return true;
  }
}

export function malformed(what: string): HushError {
  return new HushError('invalid-args', `the message is malformed: ${what}`);
}
