/** Interfaces that exist only in tests: every kind of member, in the shape of the generated ones. */
import type { Log } from '../../src/log.ts';
import { silentLog } from '../../src/log.ts';
import { Bus } from '../../src/bus/connection.ts';
import type { ImplementationOf } from '../../src/bus/object.ts';
import type { InterfaceTable } from '../../src/bus/tables.ts';
import type { Variant, VariantMap } from '../../src/bus/types.ts';

/* eslint-disable @typescript-eslint/no-empty-object-type -- the generated map writes it so */
export interface ExampleMap {
  'org.example.Hush': {
    methods: {
      Nothing: { in: []; out: [] };
      Echo: { in: [value: Variant]; out: [value: Variant] };
      Split: { in: [text: string]; out: [head: string, tail: string] };
      Fail: { in: [how: string]; out: [number: number] };
      Wait: { in: []; out: [] };
      Announce: { in: [text: string]; out: [] };
      Contacts: { in: [handles: number[]]; out: [attributes: Map<number, VariantMap>] };
      Sum: { in: [numbers: bigint[], bytes: Buffer]; out: [sum: bigint] };
    };
    properties: {
      Level: { type: number; access: 'readwrite' };
      Title: { type: string; access: 'read' };
      Broken: { type: string; access: 'read' };
      Secret: { type: string; access: 'write' };
      Late: { type: bigint; access: 'read' };
    };
    signals: { Announced: [text: string, count: number]; Tick: [] };
  };
  'org.example.Other': {
    methods: { Nothing: { in: []; out: [] }; Only: { in: []; out: [answer: string] } };
    properties: { Title: { type: string; access: 'read' } };
    signals: {};
  };
  'org.example.Empty': { methods: {}; properties: {}; signals: {} };
}

const method = (signatures: string, inNames: string[] = [], outNames: string[] = []): InterfaceTable['methods'][string] => {
  const [incoming = '', outgoing = ''] = signatures.split('→');
  return { in: incoming, inNames, out: outgoing, outNames };
};

export const exampleTables: Record<keyof ExampleMap, InterfaceTable> = {
  'org.example.Hush': {
    methods: {
      Nothing: method(''),
      Echo: method('v→v', ['Value'], ['Value']),
      Split: method('s→ss', ['Text'], ['Head', 'Tail']),
      Fail: method('s→u', ['How'], ['Number']),
      Wait: { ...method(''), deprecated: true },
      Announce: { ...method('s', ['<&"\'>']), noReply: true },
      Contacts: method('au→a{ua{sv}}', ['Handles'], ['Attributes']),
      Sum: method('axay→x', ['', ''], ['']),
    },
    properties: {
      Level: { signature: 'u', access: 'readwrite', emitsChange: 'true' },
      Title: { signature: 's', access: 'read', emitsChange: 'const' },
      Broken: { signature: 's', access: 'read', emitsChange: 'false' },
      Secret: { signature: 's', access: 'write', emitsChange: 'false' },
      Late: { signature: 't', access: 'read', emitsChange: 'invalidates', deprecated: true },
    },
    signals: { Announced: { signature: 'su', names: ['Text', 'Count'] }, Tick: { signature: '', names: [] } },
  },
  'org.example.Other': {
    methods: { Nothing: method(''), Only: method('→s', [], ['Answer']) },
    properties: { Title: { signature: 's', access: 'read', emitsChange: 'false' } },
    signals: {},
  },
  'org.example.Empty': { methods: {}, properties: {}, signals: {} },
};

/** An implementation that does nothing of interest, for tests to put their own members over. */
export const quiet: ImplementationOf<ExampleMap['org.example.Hush']> = {
  methods: {
    Nothing: () => undefined,
    Echo: (_call, value) => value,
    Split: (_call, text) => [text, text],
    Fail: () => 0,
    Wait: () => undefined,
    Announce: () => undefined,
    Contacts: () => new Map<number, VariantMap>(),
    Sum: () => 0,
  },
  properties: { Level: { get: () => 0, set: () => undefined }, Title: () => '', Broken: () => '', Secret: { set: () => undefined }, Late: () => 0 },
};

/** A connection that exports example interfaces. */
export function openExample(address: string, log: Log = silentLog): Promise<Bus<ExampleMap>> {
  return Bus.openWith<ExampleMap>({ address, log }, exampleTables);
}
