/** A strict reader of DER: definite shortest lengths, low tags, nothing left over, no recursion. X.690 §8, §10. */
import { HushError } from '../../../errors.ts';

/** Tags that the reader is asked for. Context tags are written as their octet, e.g. 0xa3 for [3] constructed. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** One element: its tag, its contents, and all of its bytes. */
export interface Tlv {
  readonly tag: number;
  readonly value: Uint8Array;
  readonly raw: Uint8Array;
}

/** Reads the elements of a constructed value one after the other. Throws HushError('invalid-data'). */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next element; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next element, which must have this tag. Without a tag: whatever it is. */
  next(expected?: number): Tlv {
    const start = this.#at;
    const found = this.#octet();
    // Tags of 31 and more are nowhere in a certificate.
    if ((found & 0x1f) === 0x1f || (expected !== undefined && found !== expected)) throw malformed();
    const length = this.#length();
    const from = this.#at;
    if (length > this.#bytes.length - from) throw malformed();
    this.#at = from + length;
    return { tag: found, value: this.#bytes.subarray(from, this.#at), raw: this.#bytes.subarray(start, this.#at) };
  }

  /** The next element if it has this tag. */
  optional(expected: number): Tlv | undefined {
    return this.nextTag === expected ? this.next() : undefined;
  }

  /** A reader of the next element's contents. */
  enter(expected: number): DerReader {
    return new DerReader(this.next(expected).value);
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.atEnd) throw malformed();
  }

  #octet(): number {
    const octet = this.#bytes[this.#at];
    if (octet === undefined) throw malformed();
    this.#at += 1;
    return octet;
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw malformed();
    let length = 0;
    for (let at = 0; at < count; at += 1) length = length * 256 + this.#octet();
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed();
    return length;
  }
}

/** An object identifier in dots. Throws HushError('invalid-data') for arcs that are not shortest or beyond 2³². */
export function objectId(value: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  let isFirstOctet = true;
  for (const octet of value) {
    if (isFirstOctet && octet === 0x80) throw malformed();
    arc = arc * 128 + (octet & 0x7f);
    if (arc > 0xffffffff) throw malformed();
    isFirstOctet = (octet & 0x80) === 0;
    if (!isFirstOctet) continue;
    if (arcs.length === 0) arcs.push(Math.min(Math.floor(arc / 40), 2), arc - Math.min(Math.floor(arc / 40), 2) * 40);
    else arcs.push(arc);
    arc = 0;
  }
  if (!isFirstOctet || arcs.length === 0) throw malformed();
  return arcs.join('.');
}

export function malformed(): HushError {
  return new HushError('invalid-data', 'not DER of the expected form');
}
