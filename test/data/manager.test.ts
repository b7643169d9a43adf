/** data/hush.manager: what it says is well-formed, what telepathy-glib reads in it, and that it is what the program itself answers. */
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Bus } from '../../src/bus/connection.ts';
import { interfaceTables } from '../../src/bus/interfaces.ts';
import type { Variant } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { protocolFor } from '../../src/protocol.ts';
import { ParameterFlag } from '../../src/telepathy/constants.ts';
import { startBus } from '../harness/bus.ts';
import { parseKeyFile, parseList } from '../harness/key-file.ts';
import { run } from '../harness/process.ts';

const path = resolve(import.meta.dirname, '../../data/hush.manager');
let groups: Map<string, Map<string, string>>;
let jabber: Map<string, string>;
const list = (key: string): string[] => parseList(jabber.get(key)!);

beforeAll(async () => {
  groups = parseKeyFile(await readFile(path, 'utf8'));
  jabber = groups.get('Protocol jabber')!;
});

/** Name → signature, flags and default of a parameter, as the file has them. */
function parametersOfFile(): Map<string, { signature: string; flags: number; default: string | undefined }> {
  const flagOf = new Map([['required', ParameterFlag.required], ['register', ParameterFlag.register], ['secret', ParameterFlag.secret], ['dbus-property', ParameterFlag.dbusProperty]]);
  return new Map(
    [...jabber].filter(([key]) => key.startsWith('param-')).map(([key, value]) => {
      const [signature = '', ...flags] = value.split(' ');
      const name = key.slice('param-'.length);
      return [name, { signature, flags: flags.reduce((sum, flag) => sum + flagOf.get(flag)!, 0), default: jabber.get(`default-${name}`) }];
    }),
  );
}

/** A default as the file writes it. */
function written(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.map((item) => `${String(item)};`).join('');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

describe('the file', () => {
  test('names only interfaces that hush has', () => {
    const names = [...list('Interfaces'), ...list('ConnectionInterfaces'), ...list('AuthenticationTypes')];
    expect(names.filter((name) => !(name in interfaceTables))).toEqual([]);
  });

  test('has a group for every channel class and a parameter for every default', () => {
    expect([...groups.keys()]).toEqual(['ConnectionManager', 'Protocol jabber', ...list('RequestableChannelClasses')]);
    const orphans = [...jabber.keys()].filter((key) => key.startsWith('default-') && !jabber.has(key.replace('default-', 'param-')));
    expect(orphans).toEqual([]);
  });
});

describe('the program answers the same', () => {
  // The bus is for connections, of which none is made.
  const definition = protocolFor(undefined as unknown as Bus, '', silentLog);

  test('parameters', () => {
    const own = definition.parameters.map(({ name, signature, flags, default: value }) => [name, { signature, flags, default: written(value) }] as const);
    expect(parametersOfFile()).toEqual(new Map(own));
  });

  test('names and interfaces', () => {
    expect({ name: jabber.get('EnglishName'), icon: jabber.get('Icon'), vcard: jabber.get('VCardField') })
      .toEqual({ name: definition.englishName, icon: definition.icon, vcard: definition.vcardField });
    expect(list('ConnectionInterfaces').sort()).toEqual([...definition.connectionInterfaces].sort());
    expect(list('AuthenticationTypes')).toEqual(definition.authenticationTypes);
  });

  test('channel classes', () => {
    const classOf = (group: ReadonlyMap<string, string>): object => ({
      fixed: Object.fromEntries([...group].filter(([key]) => key.includes(' '))),
      allowed: parseList(group.get('allowed')!).sort(),
    });
    const inFile = list('RequestableChannelClasses').map((name) => classOf(groups.get(name)!));
    const own = definition.classes.map(({ fixed, allowed }) => ({
      fixed: Object.fromEntries([...fixed].map(([key, variant]: [string, Variant]) => [`${key} ${variant.signature}`, String(variant.value)])),
      allowed: [...allowed].sort(),
    }));
    expect(inFile).toEqual(own);
  });

  test('statuses, avatars and addressing', () => {
    const statuses = [...jabber].filter(([key]) => key.startsWith('status-')).map(([key, value]) => {
      const [type, ...tokens] = value.split(' ');
      return [key.slice('status-'.length), [Number(type), tokens.includes('settable'), tokens.includes('message')]] as const;
    });
    expect(new Map(statuses)).toEqual(new Map(definition.statuses));
    expect(list('SupportedAvatarMIMETypes')).toEqual(definition.avatars!.mimeTypes);
    const limits = Object.entries(definition.avatars!).filter(([key]) => key !== 'mimeTypes');
    const own = limits.map(([key, value]) => {
      const [, bound = '', what = ''] = /^([a-z]+)([A-Z].*)$/.exec(key) ?? [];
      return [`${bound.charAt(0).toUpperCase()}${bound.slice(1)}Avatar${what}`, String(value)];
    });
    expect(own).toHaveLength(7);
    expect(Object.fromEntries([...jabber].filter(([key]) => /^(Minimum|Recommended|Maximum)Avatar/.test(key)))).toEqual(Object.fromEntries(own));
    expect(list('AddressableVCardFields')).toEqual(definition.addressing!.vcardFields);
    expect(list('AddressableURISchemes')).toEqual(definition.addressing!.uriSchemes);
  });
});

test('telepathy-glib reads every parameter of it without starting hush', async () => {
  const home = await mkdtemp(join(tmpdir(), 'hush-manager-'));
  const bus = await startBus();
  try {
    await mkdir(join(home, 'telepathy/managers'), { recursive: true });
    await cp(path, join(home, 'telepathy/managers/hush.manager'));
    const out = await run('/usr/bin/python3', ['-c', reader], { environment: { DBUS_SESSION_BUS_ADDRESS: bus.address, XDG_DATA_HOME: home } });
    const seen = JSON.parse(out) as { name: string; icon: string; statuses: string[]; avatar: number; parameters: [name: string, signature: string, isRequired: boolean, isSecret: boolean, hasDefault: boolean][] };
    const expected = [...parametersOfFile()].map(([name, { signature, flags, default: value }]) =>
      [name, signature, (flags & ParameterFlag.required) !== 0, (flags & ParameterFlag.secret) !== 0, value !== undefined]);
    expect(seen.parameters.sort()).toEqual(expected.sort());
    expect(seen).toMatchObject({ name: jabber.get('EnglishName'), icon: jabber.get('Icon'), avatar: Number(jabber.get('MaximumAvatarBytes')) });
    expect(seen.statuses).toContain('available');
  } finally {
    await bus.stop();
    await rm(home, { recursive: true });
  }
});

const reader = `
import gi, json
gi.require_version('TelepathyGLib', '0.12')
from gi.repository import GLib, TelepathyGLib as Tp
loop = GLib.MainLoop()
manager = Tp.ConnectionManager.new(Tp.DBusDaemon.dup(), 'hush', None)
manager.prepare_async(None, lambda *_: loop.quit())
GLib.timeout_add_seconds(10, loop.quit)
loop.run()
assert manager.get_info_source() == Tp.CMInfoSource.FILE
jabber = manager.get_protocol_object('jabber')
print(json.dumps({
  'name': jabber.get_english_name(), 'icon': jabber.get_icon_name(),
  'statuses': [status.get_name() for status in jabber.dup_presence_statuses()],
  'avatar': jabber.get_avatar_requirements().maximum_bytes,
  'parameters': [[p.get_name(), p.dup_variant_type().dup_string(), p.is_required(), p.is_secret(), p.dup_default_variant() is not None] for p in jabber.dup_params()],
}))
`;
