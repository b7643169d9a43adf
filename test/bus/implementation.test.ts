/** An implementation that does not fit its interface does not build; `npm run types` is what checks the lines marked here. */
import { expect, test } from '@jest/globals';
import type { ExportedObject, Implementation } from '../../src/bus/object.ts';
import type { Variant } from '../../src/bus/types.ts';
import type { ImplementationOf } from '../../src/bus/object.ts';
import type { ExampleMap } from './example.ts';

type Example = ImplementationOf<ExampleMap['org.example.Hush']>;

/** One that fits: synchronous or not, readonly collections, numbers for 64 bits. */
const fitting: Example = {
  methods: {
    Nothing: () => undefined,
    Echo: async (call, value) => {
      await Promise.resolve(call.sender);
      return value;
    },
    Split: (_call, text) => [text.slice(0, 1), text.slice(1)],
    Fail: (_call, how) => how.length,
    Wait: async () => {
      await Promise.resolve();
    },
    Announce: (call, text) => call.afterReply(() => text.trim()),
    Contacts: (_call, handles): ReadonlyMap<number, ReadonlyMap<string, Variant>> => new Map(handles.map((handle) => [handle, new Map()])),
    Sum: (_call, numbers, bytes) => numbers.reduce((sum, number) => sum + number, BigInt(bytes.length)),
  },
  properties: { Level: { get: () => 1, set: (value, call) => call.afterReply(() => value.toFixed()) }, Title: () => '', Broken: () => '', Secret: { set: () => undefined }, Late: () => 3 },
};
const { methods, properties } = fitting;
const { Wait: wait, ...withoutWait } = methods;
const { Title: title, ...withoutTitle } = properties;

test('the compiler refuses what does not fit', () => {
  const refused: Example[] = [
    // @ts-expect-error a method is missing
    { methods: withoutWait, properties },
    // @ts-expect-error a property is missing
    { methods, properties: withoutTitle },
    // @ts-expect-error a method is misspelt
    { methods: { ...withoutWait, wait }, properties },
    // @ts-expect-error a property is misspelt
    { methods, properties: { ...withoutTitle, title } },
    // @ts-expect-error one too many
    { methods: { ...methods, More: () => undefined }, properties },
    // @ts-expect-error wrong result
    { methods: { ...methods, Fail: () => 'one' }, properties },
    // @ts-expect-error wrong argument
    { methods: { ...methods, Fail: (_call, how: number) => how }, properties },
    // @ts-expect-error a tuple too short
    { methods: { ...methods, Split: () => ['a'] }, properties },
    // @ts-expect-error no result where there is one
    { methods: { ...methods, Fail: async () => { await Promise.resolve(); } }, properties },
    // @ts-expect-error string keys where there are numbers
    { methods: { ...methods, Contacts: () => new Map([['1', new Map()]]) }, properties },
    // @ts-expect-error an object where there is a map
    { methods: { ...methods, Contacts: () => ({}) }, properties },
    // @ts-expect-error a property that can be written, without a setter
    { methods, properties: { ...properties, Level: () => 1 } },
    // @ts-expect-error a property of the wrong type
    { methods, properties: { ...properties, Title: () => 1 } },
    // @ts-expect-error a property whose value comes later
    { methods, properties: { ...properties, Title: () => Promise.resolve('') } },
    // @ts-expect-error the methods left out
    { properties },
  ];
  expect(refused).toHaveLength(15);
});

test('methods or properties are left out if and only if the interface has none', () => {
  const empty: ImplementationOf<ExampleMap['org.example.Empty']> = {};
  // @ts-expect-error it has no methods
  const more: ImplementationOf<ExampleMap['org.example.Empty']> = { methods: { A: () => undefined } };
  const generated: Implementation<'org.freedesktop.DBus.Peer'> = { methods: { Ping: () => undefined, GetMachineId: () => '' } };
  expect([empty, more, generated]).toHaveLength(3);
});

test('signals and changes are checked as well', () => {
  const emit = (object: ExportedObject<ExampleMap>): void => {
    object.emit('org.example.Hush', 'Announced', 'text', 1);
    object.emit('org.example.Hush', 'Tick');
    object.changed('org.example.Hush', 'Level', 'Late');
    // @ts-expect-error an argument too few
    object.emit('org.example.Hush', 'Announced', 'text');
    // @ts-expect-error arguments the wrong way round
    object.emit('org.example.Hush', 'Announced', 1, 'text');
    // @ts-expect-error no such signal
    object.emit('org.example.Hush', 'Announce', 'text', 1);
    // @ts-expect-error a signal of another interface
    object.emit('org.example.Other', 'Tick');
    // @ts-expect-error no such property
    object.changed('org.example.Hush', 'Levels');
    // @ts-expect-error no such interface
    object.implement('org.example.None', {});
  };
  expect(emit).toBeInstanceOf(Function);
});
