/** Programs of others on a real bus with an object of ours: busctl, GLib and libdbus, each with its own idea of D-Bus. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Bus } from '../../src/bus/connection.ts';
import type { ExportedObject } from '../../src/bus/object.ts';
import { Variant, objectPath, str } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { openExample, quiet } from './example.ts';
import type { ExampleMap } from './example.ts';
import { run } from './python.ts';

const NAME = 'org.example.Name';
const PATH = objectPath('/org/example/Hush/one');

let daemon: TestBus;
let bus: Bus<ExampleMap>;
let object: ExportedObject<ExampleMap>;
let level = 1;

beforeAll(async () => {
  daemon = await startBus();
  bus = await openExample(daemon.address);
  object = bus.objects.export(PATH);
  object.implement('org.example.Hush', {
    methods: {
      ...quiet.methods,
      Split: (_call, text) => [text.slice(0, 1), text.slice(1)],
      Fail: () => {
        throw new HushError('not-available', 'not now');
      },
      Announce: (call, text) => call.afterReply(() => object.emit('org.example.Hush', 'Announced', text, 3)),
      Contacts: (_call, handles) =>
        new Map(handles.map((handle): [number, VariantMap] => [handle, new Map<string, Variant>([['id', str(`contact ${handle}`)], ['presence', new Variant('(uss)', [2, 'available', 'hé'])]])])),
      Sum: (_call, numbers, bytes) => numbers.reduce((sum, number) => sum + number, BigInt(bytes.length)),
    },
    properties: {
      ...quiet.properties,
      Level: {
        get: () => level,
        set: (value, call) => {
          level = value;
          call.afterReply(() => object.changed('org.example.Hush', 'Level'));
        },
      },
      Title: () => 'a "title"',
    },
  });
  object.implement('org.example.Empty', {});
  bus.objects.export(objectPath('/org/example/Hush/one/below')).implement('org.example.Empty', {});
  bus.objects.export(objectPath('/org/example/other')).implement('org.example.Empty', {});
  await bus.requestName(NAME);
});

afterAll(async () => {
  bus.close();
  await bus.closed;
  await daemon.stop();
});

describe('busctl', () => {
  const busctl = async (...args: string[]): Promise<string> => (await promisify(execFile)('busctl', [`--address=${daemon.address}`, ...args])).stdout.trimEnd();

  test('walks the tree to every object', async () => {
    const paths = (await busctl('tree', '--list', NAME)).split('\n');
    expect(paths).toEqual(['/', '/org', '/org/example', '/org/example/Hush', '/org/example/Hush/one', '/org/example/Hush/one/below', '/org/example/other']);
  });

  test('introspects every node on the way, and reads the properties', async () => {
    for (const path of ['/', '/org', '/org/example/Hush', '/org/example/Hush/one/below']) await busctl('introspect', NAME, path);
    const members = (await busctl('introspect', NAME, PATH)).split('\n').map((line) => line.trim().split(/ {2,}/).join('|'));
    expect(members.find((line) => line.startsWith('.Level'))?.replaceAll(/[ |]+/g, ' ')).toBe('.Level property u 1 emits-change writable');
    expect(members.find((line) => line.startsWith('.Title'))).toContain('const');
    expect(members.find((line) => line.startsWith('.Contacts'))?.replaceAll(/[ |]+/g, ' ')).toBe('.Contacts method au a{ua{sv}} -');
    expect(members.filter((line) => line.startsWith('.GetAll'))).toHaveLength(1);
  });

  test('calls methods', async () => {
    expect(await busctl('call', NAME, PATH, 'org.example.Hush', 'Split', 's', 'höre')).toBe('ss "h" "\\303\\266re"');
    expect(await busctl('call', NAME, PATH, 'org.example.Hush', 'Contacts', 'au', '1', '7')).toBe('a{ua{sv}} 1 7 2 "id" s "contact 7" "presence" (uss) 2 "available" "h\\303\\251"');
    expect(await busctl('call', '--', NAME, PATH, 'org.example.Hush', 'Sum', 'axay', '2', '-5', '9223372036854775807', '1', '255')).toBe('x 9223372036854775803');
    await expect(busctl('call', NAME, PATH, 'org.example.Hush', 'Fail', 's', 'x')).rejects.toMatchObject({ stderr: expect.stringContaining('not now') });
    await expect(busctl('call', NAME, PATH, 'org.example.Hush', 'Split', 'u', '1')).rejects.toMatchObject({ stderr: expect.stringContaining("takes 's'") });
  });

  test('gets and sets properties, those that may be set', async () => {
    expect(await busctl('get-property', NAME, PATH, 'org.example.Hush', 'Title')).toBe('s "a \\"title\\""');
    await busctl('set-property', NAME, PATH, 'org.example.Hush', 'Level', 'u', '5');
    expect(await busctl('get-property', NAME, PATH, 'org.example.Hush', 'Level')).toBe('u 5');
    await expect(busctl('set-property', NAME, PATH, 'org.example.Hush', 'Title', 's', 'x')).rejects.toMatchObject({ stderr: expect.stringContaining('cannot be written') });
    expect(await busctl('get-property', NAME, PATH, 'org.example.Hush', 'Title')).toBe('s "a \\"title\\""');
  });

  test('knows the machine', async () => {
    const own = await busctl('call', NAME, '/any', 'org.freedesktop.DBus.Peer', 'GetMachineId');
    expect(own).toMatch(/^s "[0-9a-f]{32}"$/);
    expect(own).toBe(await busctl('call', 'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus.Peer', 'GetMachineId'));
  });
});

describe('GLib', () => {
  test('parses the introspection data of every node, as d-feet does', async () => {
    const printed = await run(
      daemon.address,
      `
def walk(path):
    xml = call('${NAME}', path, 'org.freedesktop.DBus.Introspectable', 'Introspect', '', []).get_body().unpack()[0]
    node = Gio.DBusNodeInfo.new_for_xml(xml)
    print(path, sorted(interface.name for interface in node.interfaces))
    for child in node.nodes:
        assert '/' not in child.path
        walk(path.rstrip('/') + '/' + child.path)
walk('/')
`,
    );
    const standard = ["'org.freedesktop.DBus.Introspectable'", "'org.freedesktop.DBus.Peer'", "'org.freedesktop.DBus.Properties'"];
    expect(printed.split('\n')).toHaveLength(7);
    expect(printed).toContain(`/org/example [${standard[0]}, ${standard[1]}]`);
    expect(printed).toContain(`/org/example/Hush/one ['org.example.Empty', 'org.example.Hush', ${standard.join(', ')}]`);
  });

  test('makes a proxy with cached properties, hears changes and signals, and gets typed errors', async () => {
    level = 1;
    const printed = await run(
      daemon.address,
      `
proxy = Gio.DBusProxy.new_sync(connection, Gio.DBusProxyFlags.NONE, None, '${NAME}', '${PATH}', 'org.example.Hush', None)
print(sorted(proxy.get_cached_property_names()), proxy.get_name_owner())
loop = GLib.MainLoop()
proxy.connect('g-properties-changed', lambda p, changed, invalidated: print('changed', changed.unpack(), invalidated))
def heard(p, sender, name, args):
    print(name, args.unpack())
    loop.quit()
proxy.connect('g-signal', heard)
proxy.call_sync('org.freedesktop.DBus.Properties.Set', GLib.Variant('(ssv)', ('org.example.Hush', 'Level', GLib.Variant('u', 9))), 0, 5000, None)
print(proxy.call_sync('Split', GLib.Variant('(s)', ('grüße',)), 0, 5000, None).unpack())
try:
    proxy.call_sync('Fail', GLib.Variant('(s)', ('x',)), 0, 5000, None)
except GLib.Error as error:
    print(Gio.DBusError.get_remote_error(error))
proxy.call_sync('Announce', GLib.Variant('(s)', ('now',)), 0, 5000, None)
loop.run()
print(proxy.get_cached_property('Level').unpack())
`,
    );
    expect(printed.split('\n')).toEqual([
      `['Broken', 'Late', 'Level', 'Title'] ${bus.uniqueName}`,
      "('g', 'rüße')",
      'org.freedesktop.Telepathy.Error.NotAvailable',
      "changed {'Level': 9} []",
      "Announced ('now', 3)",
      '9',
    ]);
  });

  test('is called by us, in its own byte order and types', async () => {
    const client = await Bus.open({ address: daemon.address, log: silentLog });
    const service = run(
      daemon.address,
      `
xml = '<node><interface name="org.example.G"><method name="Types"><arg type="a{ua{sv}}" direction="out"/><arg type="ay" direction="out"/><arg type="(xtd)" direction="out"/><arg type="ao" direction="out"/></method><method name="Stop"/></interface></node>'
loop = GLib.MainLoop()
def method(connection, sender, path, interface, name, args, invocation):
    if name == 'Stop':
        invocation.return_value(None)
        connection.flush_sync(None)
        loop.quit()
    else:
        invocation.return_value(GLib.Variant('(a{ua{sv}}ay(xtd)ao)', ({7: {'k': GLib.Variant('v', GLib.Variant('b', True))}}, b'\\x00\\xff', (-2**63, 2**64-1, 0.5), ['/a', '/'])))
connection.register_object('/g', Gio.DBusNodeInfo.new_for_xml(xml).interfaces[0], method, None, None)
Gio.bus_own_name_on_connection(connection, 'org.example.G', Gio.BusNameOwnerFlags.NONE, None, None)
loop.run()
`,
    );
    await new Promise<void>((resolve) => {
      const stop = client.watchName('org.example.G', (owner) => {
        if (owner === '') return;
        stop();
        resolve();
      });
    });
    const request = { destination: 'org.example.G', path: '/g', interface: 'org.example.G' };
    expect(await client.call({ ...request, member: 'Types' })).toEqual([
      new Map([[7, new Map([['k', new Variant('v', new Variant('b', true))]])]]),
      Buffer.from([0, 255]),
      [-(2n ** 63n), 2n ** 64n - 1n, 0.5],
      ['/a', '/'],
    ]);
    await expect(client.call({ ...request, member: 'None' })).rejects.toMatchObject({ name: 'org.freedesktop.DBus.Error.UnknownMethod' });
    await client.call({ ...request, member: 'Stop' });
    await service;
    client.close();
  });

  test('makes maps of ten thousand entries from ours, and its own are read', async () => {
    const count = 10_000;
    const printed = await run(
      daemon.address,
      `
body = call('${NAME}', '${PATH}', 'org.example.Hush', 'Contacts', 'au', [list(range(${count}))]).get_body().unpack()[0]
print(len(body), body[9999]['id'], body[9999]['presence'])
echo = call('${NAME}', '${PATH}', 'org.example.Hush', 'Echo', 'v', [GLib.Variant('a{us}', {n: str(n) for n in range(${count})})]).get_body().unpack()[0]
print(len(echo), echo[9999])
`,
    );
    expect(printed).toBe("10000 contact 9999 (2, 'available', 'hé')\n10000 9999");
  });
});

describe('libdbus', () => {
  test('finds the types of arguments by introspection, and calls by them', async () => {
    const script = `
import sys, dbus
connection = dbus.bus.BusConnection(sys.argv[1])
proxy = connection.get_object('${NAME}', '${PATH}')
hush = dbus.Interface(proxy, 'org.example.Hush')
print(list(map(str, hush.Split('abc'))), int(hush.Sum([1, -2], b'xyz')))
print({int(k): str(v['id']) for k, v in hush.Contacts([5]).items()})
properties = dbus.Interface(proxy, 'org.freedesktop.DBus.Properties')
properties.Set('org.example.Hush', 'Level', dbus.UInt32(4))
print(int(properties.Get('org.example.Hush', 'Level')), str(properties.GetAll('org.example.Hush')['Title']))
try:
    hush.Split(dbus.UInt32(1), signature='u')
except dbus.DBusException as error:
    print(error.get_dbus_name())
`;
    const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', script, daemon.address]);
    expect(stdout.trimEnd().split('\n')).toEqual(["['a', 'bc'] 2", "{5: 'contact 5'}", '4 a "title"', 'org.freedesktop.DBus.Error.InvalidArgs']);
    expect(level).toBe(4);
  });

  test('dbus-send, without an interface', async () => {
    const send = (...args: string[]): Promise<{ stdout: string }> => promisify(execFile)('dbus-send', [`--bus=${daemon.address}`, '--print-reply=literal', `--dest=${NAME}`, ...args]);
    expect((await send(PATH, 'org.example.Hush.Split', 'string:ab')).stdout.trim().split(/\s+/)).toEqual(['a', 'b']);
  });
});
