/** Messages as lists of parts: what a client may send, and what the old API says of a message. */
import { describe, expect, test } from '@jest/globals';
import { bool, bytes, i32, i64, str, u32 } from '../../src/bus/types.ts';
import type { Variant } from '../../src/bus/types.ts';
import { MessageType, PartSupport } from '../../src/telepathy/constants.ts';
import { asText, checkOutgoing, maxBodyBytes, sizeOf } from '../../src/telepathy/message-parts.ts';
import type { MessagePart } from '../../src/telepathy/message-parts.ts';

const limits = { messageTypes: [MessageType.normal, MessageType.action], contentTypes: ['text/plain'], partSupport: 0 };
const part = (values: Record<string, Variant> = {}): MessagePart => new Map(Object.entries(values));
const text = (content: string, more: Record<string, Variant> = {}): MessagePart => part({ 'content-type': str('text/plain'), content: str(content), ...more });
const html = (content: string, more: Record<string, Variant> = {}): MessagePart => part({ 'content-type': str('text/html'), content: str(content), ...more });

describe('an outgoing message', () => {
  test('is a header and one text', () => {
    expect(checkOutgoing([part(), text('hello')], limits)).toEqual({ parts: [part({ 'message-type': u32(0) }), text('hello')], type: 0, content: 'hello' });
    expect(checkOutgoing([part({ 'message-type': i32(1) }), text('')], limits)).toMatchObject({ type: MessageType.action, content: '' });
  });

  test('loses the headers that only we can write, and keeps the client\'s own', () => {
    const forged = part({
      'message-sender': u32(2), 'message-sender-id': str('eve'), 'message-sent': i64(1), 'message-received': i64(1), 'pending-message-id': u32(9), 'message-token': str('t'),
      rescued: bool(true), scrollback: bool(true), 'delivery-status': u32(1), 'security-mechanism': str('xtls'), supersedes: str('earlier'),
    });
    expect(checkOutgoing([forged, text('x')], limits).parts[0]).toEqual(part({ 'message-type': u32(0), supersedes: str('earlier') }));
  });

  test('keeps of alternatives the plain text, or else the first that can be sent', () => {
    const alternative = { alternative: str('main') };
    const both = [part(), html('<b>x</b>', alternative), text('x', alternative)];
    expect(checkOutgoing(both, limits).parts).toEqual([part({ 'message-type': u32(0) }), text('x')]);
    expect(checkOutgoing(both, { ...limits, contentTypes: ['text/html', 'text/plain'] }).content).toBe('x');
  });

  test('may spell its type in capitals and with a charset', () => {
    expect(checkOutgoing([part(), part({ 'content-type': str('Text/Plain; charset=utf-8'), content: str('x') })], limits).parts[1]).toEqual(text('x'));
  });

  test('may have attachments where the channel says so', () => {
    const image = part({ 'content-type': str('image/png'), content: bytes(Buffer.from([1])) });
    const withImages = { ...limits, contentTypes: ['text/plain', 'image/png'] };
    expect(checkOutgoing([part(), text('x'), image], { ...withImages, partSupport: PartSupport.oneAttachment }).parts).toHaveLength(3);
    expect(() => checkOutgoing([part(), text('x'), image, image], { ...withImages, partSupport: PartSupport.oneAttachment })).toThrow('attachments');
    expect(checkOutgoing([part(), text('x'), image, image], { ...withImages, partSupport: PartSupport.oneAttachment | PartSupport.multipleAttachments }).parts).toHaveLength(4);
    expect(() => checkOutgoing([part(), text('x'), image], withImages)).toThrow('attachments');
  });

  test('has an end', () => {
    expect(checkOutgoing([part(), text('ü'.repeat(maxBodyBytes / 2 - 50))], limits).content).toHaveLength(maxBodyBytes / 2 - 50);
    expect(() => checkOutgoing([part(), text('ü'.repeat(maxBodyBytes / 2))], limits)).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
    expect(() => checkOutgoing([part(), text('x', { odd: str('x'.repeat(maxBodyBytes)) })], limits)).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
    expect(() => checkOutgoing([part(), ...Array.from({ length: 40 }, () => text('x', { alternative: str('a') }))], limits)).toThrow('at most');
  });

  test.each<[string, MessagePart[]]>([
    ['nothing', []],
    ['only a header', [part({ 'message-type': u32(0) })]],
    ['parts without a type', [part(), part({ content: str('x') })]],
    ['no plain text', [part(), html('<p/>')]],
    ['two texts', [part(), text('a'), text('b')]],
    ['a text without content', [part(), part({ 'content-type': str('text/plain') })]],
    ['a text in bytes', [part(), part({ 'content-type': str('text/plain'), content: bytes(Buffer.from('x')) })]],
    ['a type as a number', [part(), part({ 'content-type': u32(1), content: str('x') })]],
    ['a message type it cannot have', [part({ 'message-type': u32(MessageType.notice) }), text('x')]],
    ['a delivery report', [part({ 'message-type': u32(MessageType.deliveryReport) }), text('x')]],
    ['a message type of the wrong type', [part({ 'message-type': str('0') }), text('x')]],
    ['a reference of the wrong type', [part({ supersedes: u32(1) }), text('x')]],
    ['an interface of its own', [part({ interface: str('com.example.Secret') }), text('x')]],
    ['only a part for an interface of its own', [part(), text('x', { interface: str('com.example.Secret') })]],
  ])('with %s is refused', (_name, parts) => {
    expect(() => checkOutgoing(parts, limits)).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
  });
});

describe('the old API', () => {
  test('gives the text and flags of a message', () => {
    expect(asText([part(), text('x')])).toEqual({ type: 0, flags: 0, text: 'x' });
    expect(asText([part({ 'message-type': u32(1), scrollback: bool(true), rescued: bool(true) }), text('x', { truncated: bool(true) })])).toEqual({ type: 1, flags: 1 | 4 | 8, text: 'x' });
    expect(asText([part(), text('x'), part({ 'content-type': str('image/png') })])).toMatchObject({ flags: 2 });
    expect(asText([part(), html('<i/>', { alternative: str('a') }), text('x', { alternative: str('a') })])).toMatchObject({ flags: 0, text: 'x' });
    expect(asText([part({ 'message-type': u32(MessageType.deliveryReport) })])).toEqual({ type: 4, flags: 2, text: '' });
    expect(asText([])).toEqual({ type: 0, flags: 0, text: '' });
  });
});

test('the size of a message is that of all text and bytes in it, however deep', () => {
  expect(sizeOf([part({ echo: str('ab') }), text('ü')])).toBe('echo'.length + 2 + 'content-type'.length + 'text/plain'.length + 'content'.length + 2);
  expect(sizeOf(bytes(Buffer.alloc(7)))).toBe(7);
});
