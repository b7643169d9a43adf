/** Cuts what a socket delivers into messages. D-Bus Specification, section Message Format. */
import { HushError } from '../errors.ts';
import { endianness, protocolVersion } from './dbus-next.ts';
import { prefixLength } from './message.ts';
import { maxMessage } from './writer.ts';

/** Bytes of the largest message that is kept; of a larger one only the header is read. The largest honest one is an avatar. */
const maxKept = 32 * 1024 * 1024;
/** Bytes of the largest header that is read of a message that is not kept. */
const maxKeptHeader = 64 * 1024;
/** Bytes of the largest header the protocol allows. */
const maxHeader = 64 * 1024 * 1024;

export interface Frame {
  readonly bytes: Buffer;
  /** Otherwise the body is missing, because it was too long. */
  readonly isComplete: boolean;
}

export class Framer {
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Came in after `#buffer`, not yet joined to it: joining each would copy a long message once per piece. */
  #more: Buffer[] = [];
  #available = 0;
  /** Bytes of a message that is not kept, still to come. */
  #skip = 0;

  push(chunk: Buffer): void {
    this.#more.push(chunk);
    this.#available += chunk.length;
  }

  /** The next message, or undefined until more comes in. Throws HushError 'invalid-data' when what comes is no D-Bus: then there is no next. */
  next(): Frame | undefined {
    this.#drop();
    if (this.#skip > 0 || this.#available < prefixLength) return undefined;
    this.#join(prefixLength);
    const { header, total } = this.#measure();
    const isComplete = total <= maxKept;
    const kept = isComplete ? total : header <= maxKeptHeader ? header : prefixLength;
    if (this.#available < kept) return undefined;
    this.#join(kept);
    const bytes = this.#buffer.subarray(this.#at, this.#at + kept);
    this.#at += kept;
    this.#available -= kept;
    this.#skip = total - kept;
    return { bytes, isComplete };
  }

  /** Makes `length` bytes from `#at` on contiguous. */
  #join(length: number): void {
    if (this.#buffer.length - this.#at >= length) return;
    const rest = this.#buffer.subarray(this.#at);
    this.#buffer = rest.length === 0 && this.#more.length === 1 ? this.#more[0] ?? rest : Buffer.concat([rest, ...this.#more]);
    this.#at = 0;
    this.#more = [];
  }

  #drop(): void {
    while (this.#skip > 0 && this.#available > 0) {
      if (this.#at === this.#buffer.length) {
        this.#buffer = this.#more.shift() ?? this.#buffer;
        this.#at = 0;
      }
      const dropped = Math.min(this.#skip, this.#buffer.length - this.#at);
      this.#at += dropped;
      this.#skip -= dropped;
      this.#available -= dropped;
    }
  }

  #measure(): { header: number; total: number } {
    const at = this.#at;
    const buffer = this.#buffer;
    const isLittle = buffer[at] === endianness.le;
    if ((!isLittle && buffer[at] !== endianness.be) || buffer[at + 3] !== protocolVersion) throw notDbus();
    const read = (offset: number): number => (isLittle ? buffer.readUInt32LE(at + offset) : buffer.readUInt32BE(at + offset));
    const fields = read(12);
    const header = prefixLength + Math.ceil(fields / 8) * 8;
    const total = header + read(4);
    if (fields > maxHeader || total > maxMessage) throw notDbus();
    return { header, total };
  }
}

function notDbus(): HushError {
  return new HushError('invalid-data', 'the bus sends something that is not D-Bus');
}
