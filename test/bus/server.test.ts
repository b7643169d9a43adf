/** Objects on a real bus, called by a second connection of ours: what is answered, in which order, and which error tells what. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { Bus, BusError } from '../../src/bus/connection.ts';
import type { CallRequest } from '../../src/bus/connection.ts';
import type { Call, ExportedObject, ImplementationOf } from '../../src/bus/object.ts';
import { Variant, objectPath, str, u32 } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { HushError, InvariantError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';
import { openExample } from './example.ts';
import type { ExampleMap } from './example.ts';

const HUSH = 'org.example.Hush';
const PROPERTIES = 'org.freedesktop.DBus.Properties';
const PATH = objectPath('/org/example/Hush/object');

let daemon: TestBus;
let server: Bus<ExampleMap>;
let client: Bus;
let object: ExportedObject<ExampleMap>;
/** Lines of the server's log. */
let logged: string;
/** Calls of Wait that are not answered yet: what they got, and how to answer. */
let waiting: { call: Call; answer: () => void }[];
let level: number;
let fail: () => number;

const example: ImplementationOf<ExampleMap['org.example.Hush']> = {
  methods: {
    Nothing: () => undefined,
    Echo: (_call, value) => value,
    Split: async (_call, text) => Promise.resolve([text.slice(0, 1), text.slice(1)] as const),
    Fail: () => fail(),
    Wait: (call) => new Promise((answer) => waiting.push({ call, answer })),
    Announce: (call, text) => {
      call.afterReply(() => object.emit(HUSH, 'Announced', text, 1));
      object.emit(HUSH, 'Announced', text, 0);
    },
    Contacts: (_call, handles) => new Map(handles.map((handle): [number, VariantMap] => [handle, new Map([['id', str(`contact ${handle}`)]])])),
    Sum: (_call, numbers, bytes) => numbers.reduce((sum, number) => sum + number, BigInt(bytes.length)),
  },
  properties: {
    Level: {
      get: () => level,
      set: (value, call) => {
        if (value > 100) throw new HushError('invalid-argument', 'too high');
        level = value;
        call.afterReply(() => object.changed(HUSH, 'Level', 'Late'));
      },
    },
    Title: () => 'a title',
    Broken: () => {
      throw new Error('secret of a getter');
    },
    Secret: { set: () => undefined },
    Late: () => 7,
  },
};

beforeAll(async () => {
  daemon = await startBus();
});
afterAll(async () => daemon.stop());

beforeEach(async () => {
  logged = '';
  waiting = [];
  level = 1;
  fail = () => 1;
  const log = pino({ level: 'debug' }, { write: (line: string) => (logged += line) });
  server = await openExample(daemon.address, log);
  client = await Bus.open({ address: daemon.address, log: silentLog });
  object = server.objects.export(PATH);
  object.implement('org.example.Hush', example);
  object.implement('org.example.Other', { methods: { Nothing: () => undefined, Only: () => 'only' }, properties: { Title: () => 'another' } });
  object.implement('org.example.Empty', {});
});

afterEach(async () => {
  server.close();
  client.close();
  await Promise.all([server.closed, client.closed]);
});

function call(member: string, signature = '', body: unknown[] = [], more: Partial<CallRequest> = {}): Promise<unknown[]> {
  return client.call({ destination: server.uniqueName, path: PATH, interface: HUSH, member, signature, body, ...more });
}

function properties(member: string, signature: string, ...body: unknown[]): Promise<unknown[]> {
  return call(member, signature, body, { interface: PROPERTIES });
}

function error(name: string, text: unknown = expect.any(String)): unknown {
  return expect.objectContaining({ name, message: text, constructor: BusError });
}

const dbusError = (name: string): unknown => error(`org.freedesktop.DBus.Error.${name}`);
const confused = error('org.freedesktop.Telepathy.Error.Confused', 'internal error');

describe('methods', () => {
  test('arguments and results of every shape', async () => {
    expect(await call('Nothing')).toEqual([]);
    expect(await call('Echo', 'v', [new Variant('a{sv}', new Map([['__proto__', u32(1)]]))])).toEqual([new Variant('a{sv}', new Map([['__proto__', u32(1)]]))]);
    expect(await call('Split', 's', ['höre'])).toEqual(['h', 'öre']);
    expect(await call('Contacts', 'au', [[7, 9]])).toEqual([new Map([[7, new Map([['id', str('contact 7')]])], [9, new Map([['id', str('contact 9')]])]])]);
    expect(await call('Sum', 'axay', [[-1, 2n ** 40n], Buffer.from('abc')])).toEqual([2n ** 40n + 2n]);
  });

  test('the handler learns who called and where', async () => {
    const pending = call('Wait');
    await until(() => waiting.length === 1);
    expect(waiting[0]!.call).toMatchObject({ sender: client.uniqueName, path: PATH });
    waiting[0]!.answer();
    expect(await pending).toEqual([]);
  });

  test('a slow call delays no other', async () => {
    const slow = call('Wait');
    expect(await call('Split', 's', ['ab'])).toEqual(['a', 'b']);
    waiting[0]!.answer();
    await slow;
  });

  test('a megabyte and more comes through in both directions', async () => {
    const value = Buffer.alloc(3 * 1024 * 1024, 7);
    const [echo] = (await call('Echo', 'v', [new Variant('ay', value)])) as [Variant<Buffer>];
    expect(echo.value.equals(value)).toBe(true);
  });
});

describe('errors are told apart', () => {
  test('path, interface, member, arguments', async () => {
    await expect(call('Nothing', '', [], { path: '/org/example/None' })).rejects.toEqual(dbusError('UnknownObject'));
    await expect(call('Nothing', '', [], { path: '/org/example' })).rejects.toEqual(dbusError('UnknownObject'));
    await expect(call('Nothing', '', [], { interface: 'org.example.None' })).rejects.toEqual(dbusError('UnknownInterface'));
    await expect(call('None')).rejects.toEqual(dbusError('UnknownMethod'));
    await expect(call('constructor')).rejects.toEqual(dbusError('UnknownMethod'));
    await expect(call('Split', 'u', [1])).rejects.toEqual(dbusError('InvalidArgs'));
    await expect(call('Split')).rejects.toEqual(dbusError('InvalidArgs'));
    await expect(call('Nothing', 's', ['x'])).rejects.toEqual(dbusError('InvalidArgs'));
    expect(await call('Nothing')).toEqual([]);
  });

  test('a HushError reaches the caller by its name and text', async () => {
    fail = () => {
      throw new HushError('not-yours', 'this is somebody else’s');
    };
    await expect(call('Fail', 's', [''])).rejects.toEqual(error('org.freedesktop.Telepathy.Error.NotYours', 'this is somebody else’s'));
  });

  test('a text that D-Bus cannot carry is made to fit', async () => {
    fail = () => {
      throw new HushError('not-available', `nul \0 surrogate \ud800 ${'x'.repeat(5000)}`);
    };
    const rejection = call('Fail', 's', ['']);
    await expect(rejection).rejects.toEqual(error('org.freedesktop.Telepathy.Error.NotAvailable', expect.stringMatching(/^nul \ufffd surrogate \ufffd x{1000,1010}$/)));
  });

  test.each<[string, () => number]>([
    ['an exception', () => { throw new TypeError('secret of a handler'); }],
    ['a broken invariant', () => { throw new InvariantError('secret state'); }],
    ['a result of the wrong type', () => 'secret result' as unknown as number],
    ['a result out of range', () => -1],
    ['no result', () => undefined as unknown as number],
    ['a rejection', () => Promise.reject(new Error('secret of a promise')) as unknown as number],
  ])('%s is logged, and the caller sees nothing of it', async (_what, broken) => {
    fail = broken;
    await expect(call('Fail', 's', ['x'])).rejects.toEqual(confused);
    expect(logged).toContain('"stack"');
    expect(await call('Nothing')).toEqual([]);
  });
});

describe('calls without interface', () => {
  // The client layer of ours always names one; a call by hand does not.
  const bare = async (member: string): Promise<string> => {
    const { run } = await import('./python.ts');
    return run(daemon.address, `reply(call(${JSON.stringify(server.uniqueName)}, '${PATH}', None, '${member}', '', []))`);
  };

  test('are served where there is no doubt', async () => {
    expect(await bare('Only')).toBe("('only',)");
    expect(await bare('Ping')).toBe('()');
    expect(await bare('Nothing')).toBe('org.freedesktop.DBus.Error.UnknownMethod');
    expect(await bare('None')).toBe('org.freedesktop.DBus.Error.UnknownMethod');
  });
});

describe('order', () => {
  test('what a handler emits leaves before its reply, what it leaves for afterwards behind it', async () => {
    const events: string[] = [];
    client.subscribe({ sender: server.uniqueName, interface: HUSH, member: 'Announced' }, ({ body }) => events.push(`signal ${String(body[1])}`));
    await call('Announce', 's', ['x']).then(() => events.push('reply'));
    await call('Nothing');
    expect(events).toEqual(['signal 0', 'reply', 'signal 1']);
  });

  test('work after a call that failed, or wants no reply, is done all the same', async () => {
    const done: string[] = [];
    const other = server.objects.export(objectPath('/other'));
    other.implement('org.example.Other', {
      methods: {
        Nothing: (served) => {
          served.afterReply(() => done.push('first'));
          served.afterReply(() => {
            throw new Error('work that fails');
          });
          served.afterReply(() => done.push('second'));
          throw new HushError('busy', 'no');
        },
        Only: (served) => {
          served.afterReply(() => served.afterReply(() => done.push('at once')));
          return '';
        },
      },
      properties: { Title: () => '' },
    });
    const request = { destination: server.uniqueName, path: '/other', interface: 'org.example.Other' };
    await expect(client.call({ ...request, member: 'Nothing' })).rejects.toEqual(error('org.freedesktop.Telepathy.Error.Busy'));
    expect(done).toEqual(['first', 'second']);
    expect(logged).toContain('work that fails');
    await client.call({ ...request, member: 'Only' });
    expect(done).toEqual(['first', 'second', 'at once']);
  });

  test('a caller who wants no reply gets none, of either kind', async () => {
    const { run } = await import('./python.ts');
    const received = await run(
      daemon.address,
      `
seen = []
connection.add_filter(lambda c, message, incoming: (seen.append(message.get_message_type()) if incoming else None, message)[1])
connection.signal_subscribe(None, '${HUSH}', None, None, None, 0, lambda *args: None)
call('${server.uniqueName}', '${PATH}', '${HUSH}', 'Nothing', '', [])
seen.clear()
for member, signature, args in [('Announce', '(s)', ['x']), ('None', '()', []), ('Split', '()', [])]:
    message = Gio.DBusMessage.new_method_call('${server.uniqueName}', '${PATH}', '${HUSH}', member)
    message.set_body(GLib.Variant(signature, args))
    message.set_flags(Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
    connection.send_message(message, Gio.DBusSendMessageFlags.NONE)
reply(call('${server.uniqueName}', '${PATH}', '${HUSH}', 'Nothing', '', []))
print([int(kind) for kind in seen if kind in (2, 3, 4)])
`,
    );
    // Two signals of Announce, and the reply to the last call.
    expect(received.split('\n').at(-1)).toBe('[4, 4, 2]');
  });
});

describe('the signal of a call', () => {
  test('is aborted when the caller leaves the bus', async () => {
    const leaving = await Bus.open({ address: daemon.address, log: silentLog });
    const pending = leaving.call({ destination: server.uniqueName, path: PATH, interface: HUSH, member: 'Wait' });
    const staying = call('Wait');
    await until(() => waiting.length === 2);
    const [gone, here] = waiting.map(({ call: served }) => served.signal);
    expect([gone!.aborted, here!.aborted]).toEqual([false, false]);
    leaving.close();
    await expect(pending).rejects.toMatchObject({ condition: 'bus-closed' });
    if (!gone!.aborted) await once(gone!, 'abort');
    expect(gone!.reason).toMatchObject({ condition: 'cancelled' });
    expect(here!.aborted).toBe(false);
    for (const { answer } of waiting) answer();
    await staying;
  });

  test('is aborted when the object goes; the reply still arrives', async () => {
    const pending = call('Wait');
    await until(() => waiting.length === 1);
    const { signal } = waiting[0]!.call;
    object.unexport();
    expect(signal.aborted).toBe(true);
    waiting[0]!.answer();
    expect(await pending).toEqual([]);
  });

  test('is not aborted once the call has been answered', async () => {
    const pending = call('Wait');
    await until(() => waiting.length === 1);
    const { signal } = waiting[0]!.call;
    waiting[0]!.answer();
    await pending;
    object.unexport();
    expect(signal.aborted).toBe(false);
  });
});

describe('properties', () => {
  test('Get, with and without interface', async () => {
    expect(await properties('Get', 'ss', HUSH, 'Title')).toEqual([str('a title')]);
    expect(await properties('Get', 'ss', '', 'Level')).toEqual([u32(1)]);
    await expect(properties('Get', 'ss', '', 'Title')).rejects.toEqual(dbusError('InvalidArgs'));
    await expect(properties('Get', 'ss', '', 'None')).rejects.toEqual(dbusError('UnknownProperty'));
    await expect(properties('Get', 'ss', HUSH, 'None')).rejects.toEqual(dbusError('UnknownProperty'));
    await expect(properties('Get', 'ss', HUSH, '__proto__')).rejects.toEqual(dbusError('UnknownProperty'));
    await expect(properties('Get', 'ss', 'org.example.None', 'Title')).rejects.toEqual(dbusError('UnknownInterface'));
    await expect(properties('Get', 'ss', HUSH, 'Secret')).rejects.toEqual(dbusError('InvalidArgs'));
    await expect(properties('Get', 'ss', HUSH, 'Broken')).rejects.toEqual(confused);
  });

  test('GetAll leaves out what fails and what can only be written', async () => {
    const all = new Map<string, Variant>([['Level', u32(1)], ['Title', str('a title')], ['Late', new Variant('t', 7n)]]);
    expect(await properties('GetAll', 's', HUSH)).toEqual([all]);
    expect(logged).toContain('secret of a getter');
    expect(object.getAll(HUSH)).toEqual(all.set('Late', new Variant('t', 7)));
    expect(await properties('GetAll', 's', 'org.example.Empty')).toEqual([new Map()]);
    expect(await properties('GetAll', 's', PROPERTIES)).toEqual([new Map()]);
    await expect(properties('GetAll', 's', '')).rejects.toEqual(dbusError('UnknownInterface'));
    await expect(properties('GetAll', 's', 'org.example.None')).rejects.toEqual(dbusError('UnknownInterface'));
  });

  test('Set changes what can be written, and announces it behind its reply', async () => {
    const events: unknown[] = [];
    client.subscribe({ interface: PROPERTIES, member: 'PropertiesChanged', arg0: HUSH }, ({ body }) => events.push(body));
    await properties('Set', 'ssv', HUSH, 'Level', u32(5)).then(() => events.push('reply'));
    await call('Nothing');
    expect(level).toBe(5);
    expect(events).toEqual(['reply', [HUSH, new Map([['Level', u32(5)]]), ['Late']]]);
    await properties('Set', 'ssv', '', 'Level', u32(6));
    expect(level).toBe(6);
    await properties('Set', 'ssv', HUSH, 'Secret', str('x'));
  });

  test('Set changes nothing else', async () => {
    await expect(properties('Set', 'ssv', HUSH, 'Title', str('mine'))).rejects.toEqual(dbusError('PropertyReadOnly'));
    await expect(properties('Set', 'ssv', HUSH, 'Level', str('5'))).rejects.toEqual(dbusError('InvalidArgs'));
    await expect(properties('Set', 'ssv', HUSH, 'Level', new Variant('i', 5))).rejects.toEqual(dbusError('InvalidArgs'));
    await expect(properties('Set', 'ssv', HUSH, 'Level', new Variant('v', u32(5)))).rejects.toEqual(dbusError('InvalidArgs'));
    await expect(properties('Set', 'ssv', HUSH, 'Level', u32(101))).rejects.toEqual(error('org.freedesktop.Telepathy.Error.InvalidArgument', 'too high'));
    await expect(properties('Set', 'ssv', HUSH, 'None', u32(5))).rejects.toEqual(dbusError('UnknownProperty'));
    await expect(properties('Set', 'ssv', 'org.example.None', 'Level', u32(5))).rejects.toEqual(dbusError('UnknownInterface'));
    expect(level).toBe(1);
    expect(await properties('Get', 'ss', HUSH, 'Title')).toEqual([str('a title')]);
  });

  test('only what announces its changes can be announced', () => {
    for (const name of ['Title', 'Broken', 'Secret'] as const) expect(() => object.changed(HUSH, name)).toThrow('announces no change');
  });
});

describe('exporting', () => {
  test('is done once per path and interface', () => {
    expect(() => server.objects.export(PATH)).toThrow('exported twice');
    expect(() => object.implement('org.example.Empty', {})).toThrow('twice');
    expect(() => object.implement('org.freedesktop.DBus.Peer' as 'org.example.Empty', {})).toThrow();
    expect(() => object.implement('toString' as 'org.example.Empty', {})).toThrow('no interface');
  });

  test('wants every member', () => {
    const other = server.objects.export(objectPath('/other'));
    expect(() => other.implement('org.example.Other', { methods: {}, properties: {} } as never)).toThrow('org.example.Other.Nothing is not implemented');
  });

  test('of a part of an interface shows that part and no more', async () => {
    const other = server.objects.export(objectPath('/part'));
    other.implementPart('org.example.Other', { Title: () => 'a part' });
    const at = { path: '/part', interface: 'org.example.Other' };
    expect(await call('GetAll', 's', [at.interface], { ...at, interface: PROPERTIES })).toEqual([new Map([['Title', str('a part')]])]);
    await expect(call('Only', '', [], at)).rejects.toEqual(dbusError('UnknownMethod'));
    expect(() => other.implement('org.example.Other', {} as never)).toThrow();
    expect(() => other.implementPart('org.example.None' as 'org.example.Empty', {})).toThrow('no interface');
  });

  test('ends: the object is unknown and silent, and the path is free', async () => {
    const events: unknown[] = [];
    client.subscribe({ sender: server.uniqueName, interface: HUSH }, ({ member }) => events.push(member));
    object.emit(HUSH, 'Tick');
    object.unexport();
    object.unexport();
    object.emit(HUSH, 'Tick');
    object.changed(HUSH, 'Level');
    await expect(call('Nothing')).rejects.toEqual(dbusError('UnknownObject'));
    expect(events).toEqual(['Tick']);
    object = server.objects.export(PATH);
    await expect(call('Nothing')).rejects.toEqual(dbusError('UnknownInterface'));
  });

  test('refuses signal arguments that do not fit, and sends nothing of them', async () => {
    const events: unknown[] = [];
    client.subscribe({ sender: server.uniqueName, interface: HUSH }, ({ body }) => events.push(body));
    expect(() => object.emit(HUSH, 'Announced', 'a\0b', 1)).toThrow('does not fit');
    expect(() => object.emit(HUSH, 'Announced', 'text', -1)).toThrow('does not fit');
    object.emit(HUSH, 'Announced', 'text', 2);
    await call('Nothing');
    expect(events).toEqual([['text', 2]]);
  });
});

describe('Peer and Introspectable', () => {
  const introspect = async (path: string): Promise<string> => (await call('Introspect', '', [], { path, interface: 'org.freedesktop.DBus.Introspectable' }))[0] as string;
  const interfacesIn = (xml: string): string[] => [...xml.matchAll(/<interface name="([^"]*)"/g)].map(([, name]) => name!);
  const nodesIn = (xml: string): string[] => [...xml.matchAll(/<node name="([^"]*)"/g)].map(([, name]) => name!);

  test('a ping is answered on any path', async () => {
    for (const path of ['/', '/org', '/nowhere', PATH]) {
      expect(await call('Ping', '', [], { path, interface: 'org.freedesktop.DBus.Peer' })).toEqual([]);
    }
  });

  test('every node on the way lists its children, relative, and nothing that is not there', async () => {
    const below = server.objects.export(objectPath('/org/example/Hush/object/below/it'));
    expect(nodesIn(await introspect('/'))).toEqual(['org']);
    expect(nodesIn(await introspect('/org/example'))).toEqual(['Hush']);
    expect(nodesIn(await introspect('/org/example/Hush'))).toEqual(['object']);
    expect(nodesIn(await introspect(PATH))).toEqual(['below']);
    expect(interfacesIn(await introspect('/org'))).toEqual(['org.freedesktop.DBus.Peer', 'org.freedesktop.DBus.Introspectable']);
    object.unexport();
    expect(nodesIn(await introspect(PATH))).toEqual(['below']);
    below.unexport();
    await expect(introspect(PATH)).rejects.toEqual(dbusError('UnknownObject'));
    expect(nodesIn(await introspect('/'))).toEqual([]);
  });

  test('an object lists each interface once', async () => {
    expect(interfacesIn(await introspect(PATH)).toSorted()).toEqual([
      'org.example.Empty',
      'org.example.Hush',
      'org.example.Other',
      'org.freedesktop.DBus.Introspectable',
      'org.freedesktop.DBus.Peer',
      'org.freedesktop.DBus.Properties',
    ]);
  });

  test('members, annotations and odd names are written out', async () => {
    const xml = await introspect(PATH);
    expect(xml).toContain('<arg name="&lt;&amp;&quot;&apos;&gt;" type="s" direction="in"/>');
    expect(xml).toContain('<arg name="Attributes" type="a{ua{sv}}" direction="out"/>');
    expect(xml).toContain('<arg type="ax" direction="in"/>');
    expect(xml).toMatch(/<property name="Late" type="t" access="read">\s*<annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="invalidates"\/>\s*<annotation name="org.freedesktop.DBus.Deprecated" value="true"\/>/);
    expect(xml).toContain('<annotation name="org.freedesktop.DBus.Method.NoReply" value="true"/>');
  });
});

/** Waits until `holds`, looking whenever the event loop has turned. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
