/** One message: its header, and its body when somebody wants it. D-Bus Specification, section Message Format. */
import { HushError } from '../errors.ts';
import { compileSignature, skipValue } from './codec.ts';
import type { Signature } from './codec.ts';
import { MessageType, endianness, protocolVersion } from './dbus-next.ts';
import { isBusName, isInterfaceName, isMemberName } from './names.ts';
import { malformed, Reader } from './reader.ts';
import type { ObjectPath } from './types.ts';
import type { Writer } from './writer.ts';

/** Bytes of the fixed part of a header. */
export const prefixLength = 16;

/** A message to be sent. The names in it are valid. */
export interface Outgoing {
  readonly type: number;
  readonly flags?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  /** '' is nobody in particular. */
  readonly destination?: string;
}

/** Header field code and the signature of its value, as the first four bytes of the field: code, length 1, letter, NUL. */
const field = (code: number, letter: string): number => code | (1 << 8) | (letter.charCodeAt(0) << 16);
const fields = {
  path: field(1, 'o'),
  interface: field(2, 's'),
  member: field(3, 's'),
  errorName: field(4, 's'),
  replySerial: field(5, 'u'),
  destination: field(6, 's'),
  signature: field(8, 'g'),
};

/** Writes a whole message. Throws HushError 'invalid-argument' when `body` does not fit; then the writer is as it was. */
export function writeMessage(writer: Writer, serial: number, message: Outgoing, signature: Signature, body: readonly unknown[]): void {
  const start = writer.startMessage();
  try {
    writer.u8(endianness.le);
    writer.u8(message.type);
    writer.u8(message.flags ?? 0);
    writer.u8(protocolVersion);
    writer.u32(0);
    writer.u32(serial);
    writeFields(writer, message, signature.text);
    writer.align(8);
    const bodyStart = writer.pos;
    signature.encode(writer, body);
    writer.patch(start + 4, writer.pos - bodyStart);
    writer.endMessage();
  } catch (error) {
    writer.pos = start;
    throw error;
  }
}

function writeFields(writer: Writer, message: Outgoing, signature: string): void {
  const array = writer.startArray(8);
  const text = (code: number, value: string | undefined): void => {
    if (value === undefined || value === '') return;
    writer.align(8);
    writer.u32(code);
    writer.string(value);
  };
  text(fields.path, message.path);
  text(fields.interface, message.interface);
  text(fields.member, message.member);
  text(fields.errorName, message.errorName);
  if (message.replySerial !== undefined) {
    writer.align(8);
    writer.u32(fields.replySerial);
    writer.u32(message.replySerial);
  }
  text(fields.destination, message.destination);
  if (signature !== '') {
    writer.align(8);
    writer.u32(fields.signature);
    writer.signature(signature);
  }
  writer.endArray(array);
}

/** A message that came in, with a header that is as it must be. Strings that are not there are ''. */
export class Incoming {
  readonly type: number;
  readonly flags: number;
  readonly serial: number;
  path = '' as ObjectPath;
  interface = '';
  member = '';
  errorName = '';
  replySerial = 0;
  destination = '';
  sender = '';
  /** The signature of the body; not checked before `body` is called. */
  signature = '';
  readonly #reader: Reader;
  readonly #isComplete: boolean;

  /** `frame`: one whole message, or only its header where the body was too long to be kept. Throws HushError 'invalid-args'. */
  constructor(frame: Buffer, isComplete: boolean) {
    const reader = new Reader(frame, frame[0] === endianness.le, 1);
    this.type = reader.u8();
    this.flags = reader.u8();
    reader.pos = 8;
    this.serial = reader.u32();
    if (this.type === 0 || this.serial === 0) throw malformed('no type or no serial');
    const end = reader.arrayEnd(8);
    while (reader.hasElement(end)) this.#readField(reader);
    reader.align(8);
    this.#check();
    this.#reader = reader;
    this.#isComplete = isComplete;
  }

  get isReply(): boolean {
    return this.type === MessageType.METHOD_RETURN || this.type === MessageType.ERROR;
  }

  /** Decodes the body, once. Throws HushError 'invalid-args' when it is malformed, 'limits-exceeded' when it was too long to be kept. */
  body(signature: Signature = compileSignature(this.signature)): unknown[] {
    if (!this.#isComplete) throw new HushError('limits-exceeded', 'the message is too long');
    return signature.decode(this.#reader);
  }

  #readField(reader: Reader): void {
    reader.align(8);
    const code = reader.u8();
    const signature = reader.signature();
    // Number of descriptors (9), or a field of a later version of the protocol: for others.
    if (code > 8) { skipValue(reader, signature); return; }
    if (signature !== fieldTypes.charAt(code)) throw malformed('a header field has the wrong type');
    switch (code) {
      case 1:
        this.path = reader.path();
        break;
      case 2:
        this.interface = named(reader, isInterfaceName);
        break;
      case 3:
        this.member = named(reader, isMemberName);
        break;
      case 4:
        this.errorName = named(reader, isInterfaceName);
        break;
      case 5:
        this.replySerial = reader.u32();
        break;
      case 6:
        this.destination = named(reader, isBusName);
        break;
      case 7:
        this.sender = named(reader, isBusName);
        break;
      default:
        this.signature = reader.signature();
    }
  }

  /** Every type of message has fields that it cannot be without. */
  #check(): void {
    const isAddressed = this.path !== '' && this.member !== '';
    const isMissing =
      (this.type === MessageType.METHOD_CALL && !isAddressed) ||
      (this.type === MessageType.SIGNAL && (!isAddressed || this.interface === '')) ||
      (this.isReply && this.replySerial === 0) ||
      (this.type === MessageType.ERROR && this.errorName === '');
    if (isMissing) throw malformed('a required header field is missing');
  }
}

/** The type of each header field, at its code. 0 is invalid. */
const fieldTypes = ' osssussg';

function named(reader: Reader, isValid: (name: string) => boolean): string {
  const name = reader.string();
  if (!isValid(name)) throw malformed('a header field is no valid name');
  return name;
}
