/** Whatever a program on the bus sends: an answer or an error with a condition, never anything else. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Variant } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { contactChannelClass, parseRequest } from '../../src/telepathy/channel-request.ts';
import { CHANNEL, ParameterFlag, TEXT } from '../../src/telepathy/constants.ts';
import { HandleRepository } from '../../src/telepathy/handles.ts';
import { asText, checkOutgoing, sizeOf } from '../../src/telepathy/message-parts.ts';
import { checkParameters } from '../../src/telepathy/parameters.ts';

const leaf = fc.oneof(
  fc.string().map((value) => new Variant('s', value)),
  fc.boolean().map((value) => new Variant('b', value)),
  fc.nat(5).map((value) => new Variant('u', value)),
  fc.nat(0xffff_ffff).map((value) => new Variant('u', value)),
  fc.integer().map((value) => new Variant('i', value)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => new Variant('x', value)),
  fc.double().map((value) => new Variant('d', value)),
  fc.uint8Array().map((value) => new Variant('ay', Buffer.from(value))),
  fc.array(fc.string()).map((value) => new Variant('as', value)),
);
const value: fc.Arbitrary<Variant> = fc.oneof(leaf, leaf.map((inner) => new Variant('v', inner)), fc.dictionary(fc.string(), leaf).map((entries) => new Variant('a{sv}', new Map(Object.entries(entries)))));
const mapOf = (...names: string[]) => fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), value)).map((entries) => new Map(entries));

/** The result, or undefined for an error with a condition. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(HushError);
    return undefined;
  }
}

test('as a request for a channel', () => {
  const classes = [contactChannelClass(TEXT, [`${CHANNEL}.Interface.Securable.Verified`])];
  const some = mapOf(`${CHANNEL}.TargetHandle`, `${CHANNEL}.TargetID`, `${CHANNEL}.TargetHandleType`, `${CHANNEL}.ChannelType`, `${CHANNEL}.Interface.Securable.Verified`, `${CHANNEL}.Requested`, '__proto__', 'a.b');
  const handles = new HandleRepository((id) => id);
  handles.ensure('me');
  fc.assert(fc.property(some, fc.boolean(), (properties, isLikely) => {
    if (isLikely) properties.set(`${CHANNEL}.ChannelType`, new Variant('s', TEXT)).set(`${CHANNEL}.TargetHandleType`, new Variant('u', 1));
    const request = attempt(() => parseRequest(properties, classes, handles));
    if (request !== undefined) expect(handles.isValid(request.target)).toBe(true);
  }));
});

test('as parameters of an account', () => {
  const specs = [{ name: 'account', signature: 's', flags: ParameterFlag.required }, { name: 'port', signature: 'q', flags: 0, default: 1 }, { name: 'names', signature: 'as', flags: 0 }, { name: 'big', signature: 't', flags: 0 }];
  fc.assert(fc.property(mapOf('account', 'port', 'names', 'big', '__proto__'), (given) => {
    const parameters = attempt(() => checkParameters(specs, given));
    if (parameters === undefined) return;
    expect(typeof parameters.get('account')).toBe('string');
    expect(Number(parameters.get('port'))).toBeLessThanOrEqual(0xffff);
  }));
});

test('as a message', () => {
  const limits = { messageTypes: [0, 1], contentTypes: ['text/plain'], partSupport: 0 };
  const part = mapOf('content-type', 'content', 'alternative', 'interface', 'message-type', 'supersedes', 'truncated', 'message-sender');
  fc.assert(fc.property(fc.array(part, { maxLength: 5 }), fc.boolean(), (parts, isLikely) => {
    if (isLikely) parts.push(new Map([['content-type', new Variant('s', 'text/plain')], ['content', new Variant('s', 'x')]]));
    expect(sizeOf(parts)).toBeGreaterThanOrEqual(0);
    expect(typeof asText(parts).text).toBe('string');
    const message = attempt(() => checkOutgoing(parts, limits));
    if (message === undefined) return;
    expect(message.parts).toHaveLength(2);
    expect(message.parts[0]!.has('message-sender')).toBe(false);
  }));
});
