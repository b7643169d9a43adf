/** Requests for channels, before anything is done about them. */
import { describe, expect, test } from '@jest/globals';
import { bool, i32, i64, str, strv, u32 } from '../../src/bus/types.ts';
import type { Variant } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { contactChannelClass, isOfClass, parseRequest } from '../../src/telepathy/channel-request.ts';
import { CHANNEL, TEXT } from '../../src/telepathy/constants.ts';
import { HandleRepository } from '../../src/telepathy/handles.ts';

const SECURABLE = `${CHANNEL}.Interface.Securable`;
const plain = contactChannelClass(TEXT, [`${SECURABLE}.Encrypted`, `${SECURABLE}.Verified`]);
const encrypted = contactChannelClass(TEXT, [`${SECURABLE}.Verified`], [[`${SECURABLE}.Encrypted`, bool(true)]]);

const handles = new HandleRepository((id) => {
  if (id === '') throw new HushError('invalid-handle', 'empty');
  return id.toLowerCase();
});
handles.ensure('me');
const alice = handles.ensure('alice');

function request(extra: Record<string, Variant> = {}, type: Variant | null = str(TEXT), targetType: Variant | null = u32(1)): Map<string, Variant> {
  const properties = new Map(Object.entries(extra).map(([name, value]) => [name.includes('.') ? name : `${CHANNEL}.${name}`, value]));
  if (type !== null) properties.set(`${CHANNEL}.ChannelType`, type);
  if (targetType !== null) properties.set(`${CHANNEL}.TargetHandleType`, targetType);
  return properties;
}
const parse = (properties: Map<string, Variant>) => parseRequest(properties, [plain, encrypted], handles);

describe('a request for a channel', () => {
  test('says the same by handle, by identifier and by both', () => {
    const byHandle = parse(request({ TargetHandle: u32(alice) }));
    expect(byHandle).toMatchObject({ channelType: TEXT, targetHandleType: 1, target: alice });
    expect(parse(request({ TargetID: str('Alice') }))).toEqual(byHandle);
    expect(parse(request({ TargetID: str('ALICE'), TargetHandle: u32(alice) }))).toEqual(byHandle);
  });

  test('may have integers of another type, as dbus-python sends them', () => {
    expect(parse(request({ TargetHandle: i32(alice) }, str(TEXT), i64(1n)))).toEqual(parse(request({ TargetHandle: u32(alice) })));
  });

  test('makes a handle for an identifier seen for the first time', () => {
    expect(handles.find('carol')).toBeUndefined();
    expect(handles.id(parse(request({ TargetID: str('carol') })).target)).toBe('carol');
  });

  test('keeps what else it asks for, and belongs to the classes that allow it', () => {
    const demanding = parse(request({ TargetID: str('alice'), [`${SECURABLE}.Encrypted`]: bool(true), [`${SECURABLE}.Verified`]: bool(true) }));
    expect(demanding.properties.get(`${SECURABLE}.Verified`)).toEqual(bool(true));
    expect([plain, encrypted].map((candidate) => isOfClass(candidate, demanding))).toEqual([true, true]);
    const open = parse(request({ TargetID: str('alice'), [`${SECURABLE}.Encrypted`]: bool(false) }));
    expect([plain, encrypted].map((candidate) => isOfClass(candidate, open))).toEqual([true, false]);
  });

  test.each<[string, Map<string, Variant>, string, string]>([
    ['no channel type', request({ TargetID: str('alice') }, null), 'invalid-argument', 'ChannelType'],
    ['a channel type of the wrong type', request({ TargetID: str('alice') }, u32(1)), 'invalid-argument', 'ChannelType'],
    ['a target type of the wrong type', request({ TargetID: str('alice') }, str(TEXT), str('1')), 'invalid-argument', 'TargetHandleType'],
    ['a negative target type', request({ TargetID: str('alice') }, str(TEXT), i32(-1)), 'invalid-argument', 'TargetHandleType'],
    ['a handle of the wrong type', request({ TargetHandle: str('alice') }), 'invalid-argument', 'TargetHandle'],
    ['an identifier of the wrong type', request({ TargetID: u32(2) }), 'invalid-argument', 'TargetID'],
    ['a claim of the wrong type', request({ TargetID: str('alice'), [`${SECURABLE}.Verified`]: str('yes') }), 'invalid-argument', 'Securable.Verified'],
    ['no target', request(), 'invalid-argument', 'TargetHandle'],
    ['targets that disagree', request({ TargetHandle: u32(1), TargetID: str('alice') }), 'invalid-argument', 'TargetID'],
    ['a property of no interface', request({ TargetID: str('alice'), 'com.example.Wish': str('x') }), 'invalid-argument', 'com.example.Wish'],
    ['a property of an interface that cannot be asked for', request({ TargetID: str('alice'), Requested: bool(true) }), 'invalid-argument', 'Requested'],
    ['an initiator', request({ TargetID: str('alice'), InitiatorHandle: u32(1) }), 'invalid-argument', 'InitiatorHandle'],
    ['interfaces', request({ TargetID: str('alice'), Interfaces: strv([]) }), 'invalid-argument', 'Interfaces'],
    ['a name that every JavaScript object has', request({ TargetID: str('alice'), 'org.freedesktop.Telepathy.Channel.constructor': str('x') }), 'invalid-argument', 'constructor'],
    ['an unknown channel type', request({ TargetID: str('alice') }, str(`${CHANNEL}.Type.Call1`)), 'not-implemented', 'Call1'],
    ['a room', request({ TargetID: str('alice') }, str(TEXT), u32(2)), 'not-implemented', 'target type 2'],
    ['no target type', request({ TargetID: str('alice') }, str(TEXT), null), 'not-implemented', 'target type 0'],
    ['handle 0', request({ TargetHandle: u32(0) }), 'invalid-handle', '0'],
    ['a handle nobody has', request({ TargetHandle: u32(4_000_000_000) }), 'invalid-handle', '4000000000'],
    ['an identifier that is none', request({ TargetID: str('') }), 'invalid-handle', 'empty'],
  ])('with %s is refused', (_name, properties, condition, named) => {
    expect(() => parse(properties)).toThrow(expect.objectContaining({ condition, message: expect.stringContaining(named) }));
  });

  test('for a class without target must not have one', () => {
    const anonymous = { fixed: new Map<string, Variant>([[`${CHANNEL}.ChannelType`, str('x.Y')], [`${CHANNEL}.TargetHandleType`, u32(0)]]), allowed: [`${CHANNEL}.TargetID`] };
    expect(parseRequest(request({}, str('x.Y'), null), [anonymous], handles)).toMatchObject({ target: 0, targetHandleType: 0 });
    expect(() => parseRequest(request({ TargetID: str('alice') }, str('x.Y'), u32(0)), [anonymous], handles)).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
  });
});
