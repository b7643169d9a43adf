/** A Secret Service that misbehaves as a test wants. Where it says nothing else it has one unlocked, empty collection and no encryption to offer. */
import { Bus } from '../../../src/bus/connection.ts';
import type { InterfaceTable } from '../../../src/bus/tables.ts';
import { objectPath, Variant } from '../../../src/bus/types.ts';
import { silentLog } from '../../../src/log.ts';

/* eslint-disable @typescript-eslint/no-empty-object-type -- the generated map writes it so */
interface SecretMap {
  'org.freedesktop.Secret.Service': {
    methods: {
      OpenSession: { in: [algorithm: string, input: Variant]; out: [output: Variant, result: string] };
      ReadAlias: { in: [name: string]; out: [collection: string] };
      SearchItems: { in: [attributes: Map<string, string>]; out: [unlocked: string[], locked: string[]] };
      Unlock: { in: [objects: string[]]; out: [unlocked: string[], prompt: string] };
    };
    properties: {};
    signals: {};
  };
  'org.freedesktop.Secret.Collection': { methods: {}; properties: { Locked: { type: boolean; access: 'read' } }; signals: {} };
  'org.freedesktop.Secret.Prompt': { methods: { Prompt: { in: [window: string]; out: [] }; Dismiss: { in: []; out: [] } }; properties: {}; signals: {} };
}

const method = (input: string, output: string, names: [string[], string[]]): InterfaceTable['methods'][string] => ({ in: input, inNames: names[0], out: output, outNames: names[1] });
const tables: Record<keyof SecretMap, InterfaceTable> = {
  'org.freedesktop.Secret.Service': {
    methods: {
      OpenSession: method('sv', 'vo', [['Algorithm', 'Input'], ['Output', 'Result']]),
      ReadAlias: method('s', 'o', [['Name'], ['Collection']]),
      SearchItems: method('a{ss}', 'aoao', [['Attributes'], ['Unlocked', 'Locked']]),
      Unlock: method('ao', 'aoo', [['Objects'], ['Unlocked', 'Prompt']]),
    },
    properties: {},
    signals: {},
  },
  'org.freedesktop.Secret.Collection': { methods: {}, properties: { Locked: { signature: 'b', access: 'read', emitsChange: 'false' } }, signals: {} },
  'org.freedesktop.Secret.Prompt': { methods: { Prompt: method('s', '', [['Window'], []]), Dismiss: method('', '', [[], []]) }, properties: {}, signals: {} },
};

export interface FakeOptions {
  /** What OpenSession answers; the default is what a service without encryption would answer to everything. */
  output?: Variant;
  isLocked?: boolean;
  /** Never answers this method. */
  hangs?: string;
}

/** Owns the name until `stop`. `calls`: the methods that were called, in order. */
export async function startFakeKeyring(address: string, options: FakeOptions = {}): Promise<{ calls: string[]; stop(): void }> {
  const bus = await Bus.openWith<SecretMap>({ address, log: silentLog }, tables);
  const calls: string[] = [];
  const [collection, item, prompt, session] = ['collection/one', 'item', 'prompt', 'session'].map((name) => objectPath(`/org/freedesktop/secrets/${name}`));
  const answer = <T>(name: string, result: T): T | Promise<never> => {
    calls.push(name);
    return options.hangs === name ? new Promise<never>(() => undefined) : result;
  };
  bus.objects.export(objectPath('/org/freedesktop/secrets')).implement('org.freedesktop.Secret.Service', {
    methods: {
      OpenSession: (_call, algorithm) => answer(`OpenSession ${algorithm}`, [options.output ?? new Variant('s', ''), session!]),
      ReadAlias: () => answer('ReadAlias', collection!),
      SearchItems: () => answer('SearchItems', [options.isLocked ? [] : [item!], options.isLocked ? [item!] : []]),
      Unlock: () => answer('Unlock', [[], prompt!]),
    },
  });
  bus.objects.export(collection!).implement('org.freedesktop.Secret.Collection', { properties: { Locked: () => options.isLocked === true } });
  bus.objects.export(prompt!).implement('org.freedesktop.Secret.Prompt', {
    methods: { Prompt: () => answer('Prompt', undefined), Dismiss: () => answer('Dismiss', undefined) },
  });
  await bus.requestName('org.freedesktop.secrets');
  return { calls, stop: () => bus.close() };
}
