/** Messages as lists of parts: headers first, then the body. Telepathy specification, Channel.Interface.Messages, Message_Part. */
import { str, u32, Variant } from '../bus/types.ts';
import type { VariantMap } from '../bus/types.ts';
import { demand, HushError } from '../errors.ts';
import { coerce } from './coerce.ts';
import { MessageFlag, MessageType, PartSupport } from './constants.ts';

export type MessagePart = VariantMap;
export type MessageParts = readonly MessagePart[];

/** Bytes of the body of one outgoing message, text in UTF-8. Well below what servers take as one stanza (XMPP: 256 KiB), whatever it is wrapped in. */
export const maxBodyBytes = 65_536;
const maxParts = 32;

/** What a channel takes. */
export interface SendingLimits {
  /** Message_Type values, without delivery reports. */
  readonly messageTypes: readonly number[];
  /** MIME types in lower case; "text/plain" among them. */
  readonly contentTypes: readonly string[];
  /** Sum of `PartSupport` */
  readonly partSupport: number;
}

export interface OutgoingMessage {
  /** Cleaned: what clients may say in headers, the text, and attachments if the channel takes them. */
  readonly parts: MessageParts;
  readonly type: number;
  /** The text. */
  readonly content: string;
}

/** The headers a client may give, with their types; all others say things that only we can know, and are left out. */
const clientHeaders = new Map([['message-type', 'u'], ['supersedes', 's'], ['original-message-sent', 'x'], ['original-message-received', 'x'], ['silent', 'b']]);

/** A message of a client, checked and cleaned. Throws HushError('invalid-argument') for what cannot be sent. */
export function checkOutgoing(given: MessageParts, limits: SendingLimits): OutgoingMessage {
  const [givenHeader, ...givenBody] = given;
  demand(givenHeader !== undefined && givenBody.length > 0, 'invalid-argument', 'a message has a header and at least one part of content');
  demand(given.length <= maxParts, 'invalid-argument', `a message has at most ${maxParts} parts`);
  demand(!givenHeader.has('interface'), 'invalid-argument', 'messages for an interface of their own cannot be sent here');

  const header: MessagePart = new Map();
  for (const [name, signature] of clientHeaders) {
    const value = givenHeader.get(name);
    if (value === undefined) continue;
    const coerced = coerce(value, signature);
    demand(coerced !== undefined, 'invalid-argument', `${name} must be of type '${signature}', not '${value.signature}'`);
    header.set(name, new Variant(signature, coerced));
  }
  const type = Number(header.get('message-type')?.value ?? MessageType.normal);
  demand(limits.messageTypes.includes(type), 'invalid-argument', `messages of type ${type} cannot be sent here`);
  header.set('message-type', u32(type));

  const body = withoutAlternatives(givenBody.flatMap(bodyPart), limits.contentTypes);
  const texts = body.filter((part) => contentType(part) === 'text/plain');
  const [text] = texts;
  demand(text !== undefined && texts.length === 1, 'invalid-argument', 'a message has exactly one text/plain part, or one among alternatives');
  const attachments = (limits.partSupport & PartSupport.multipleAttachments) !== 0 ? maxParts : limits.partSupport & PartSupport.oneAttachment;
  demand(body.length - 1 <= attachments, 'invalid-argument', 'this message has more attachments than can be sent here');
  const content = text.get('content')?.value;
  demand(typeof content === 'string', 'invalid-argument', "the content of a text/plain part must be there, of type 's'");
  demand(sizeOf(body) <= maxBodyBytes, 'invalid-argument', `the message is longer than ${maxBodyBytes} bytes`);
  return { parts: [header, ...body], type, content };
}

/** A part of the body with its MIME type in lower case, without parameters; none if it has no type or is for an interface of its own: such parts are to be ignored. */
function bodyPart(given: MessagePart): MessagePart[] {
  const type = contentType(given);
  if (type === undefined || given.has('interface')) return [];
  return [new Map([...given, ['content-type', str(type)]])];
}

/** Leaves one of each group of alternatives: the plain text, or else the first that can be sent. */
function withoutAlternatives(body: MessageParts, contentTypes: readonly string[]): MessageParts {
  const groups = new Map<string | MessagePart, MessagePart[]>();
  for (const part of body) {
    const alternative = part.get('alternative')?.value;
    const key = typeof alternative === 'string' && alternative !== '' ? alternative : part;
    groups.set(key, [...(groups.get(key) ?? []), part]);
  }
  return [...groups.values()].map((group) => {
    const sendable = group.filter((part) => contentTypes.includes(contentType(part) ?? '') || contentTypes.includes('*/*'));
    const chosen = sendable.find((part) => contentType(part) === 'text/plain') ?? sendable[0];
    if (chosen === undefined) throw new HushError('invalid-argument', `content of type ${contentType(group[0]) ?? ''} cannot be sent here`);
    const part = new Map(chosen);
    part.delete('alternative');
    return part;
  });
}

function contentType(part: MessagePart | undefined): string | undefined {
  const type = part?.get('content-type')?.value;
  return typeof type === 'string' ? type.split(';', 1)[0]?.trim().toLowerCase() : undefined;
}

/** About how many bytes a value takes: all text and bytes in it, whatever they are wrapped in. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.byteLength;
  if (value instanceof Variant) return sizeOf(value.value);
  let sum = 0;
  if (value instanceof Map) for (const [key, inner] of value as Map<unknown, unknown>) sum += sizeOf(key) + sizeOf(inner);
  else if (Array.isArray(value)) for (const inner of value as unknown[]) sum += sizeOf(inner);
  return sum;
}

/** The value of a header if it has this type. */
export function header(parts: MessageParts, name: string, signature: 's'): string | undefined;
export function header(parts: MessageParts, name: string, signature: 'u'): number | undefined;
export function header(parts: MessageParts, name: string, signature: 'x'): number | bigint | undefined;
export function header(parts: MessageParts, name: string, signature: 'b'): boolean | undefined;
export function header(parts: MessageParts, name: string, signature: string): unknown {
  const variant = parts[0]?.get(name);
  return variant?.signature === signature ? variant.value : undefined;
}

/** What the old Text interface can say of a message: its text, and flags for the rest. */
export function asText(parts: MessageParts): { type: number; flags: number; text: string } {
  const type = header(parts, 'message-type', 'u') ?? MessageType.normal;
  const body = parts.slice(1);
  const text = body.find((part) => contentType(part) === 'text/plain')?.get('content')?.value;
  const hasOther = body.some((part) => contentType(part) !== 'text/plain' && !part.has('alternative'));
  let flags = hasOther || type === MessageType.deliveryReport ? MessageFlag.nonTextContent : 0;
  if (body.some((part) => part.get('truncated')?.value === true)) flags |= MessageFlag.truncated;
  if (header(parts, 'scrollback', 'b') === true) flags |= MessageFlag.scrollback;
  if (header(parts, 'rescued', 'b') === true) flags |= MessageFlag.rescued;
  return { type, flags, text: typeof text === 'string' ? text : '' };
}
